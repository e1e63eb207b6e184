#pragma once

#include "gateway/tls/client_stream.h"

#include <deque>
#include <memory>
#include <string>

namespace twinhub::apps {

// What a device has to say, sent in order while it does other things.
class Sender {
public:
    Sender(Executor executor, gateway::ClientStream& stream)
        : executor_(std::move(executor)), stream_(stream) {}

    // `keep` holds what the stream belongs to until the bytes are sent. A failure shows at the next
    // read.
    void send(std::string bytes, std::shared_ptr<void> keep);
    // Closes the stream once what waits is sent; to be followed by a last send().
    void close_after() { closing_ = true; }
    void close();  // now

private:
    Task<> flush(std::shared_ptr<void> keep);

    Executor executor_;
    gateway::ClientStream& stream_;
    std::deque<std::string> unsent_;
    bool writing_ = false;
    bool closing_ = false;
};

}  // namespace twinhub::apps
