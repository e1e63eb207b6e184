#pragma once

#include "gateway/transport.h"

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace twinhub::gateway::http {

// Notices a client that leaves while its answer is being made. What it sends meanwhile is read and
// kept; one that sent a lot has not left, and is looked at no more. One that only finished sending
// looks the same as one that has gone, and counts as gone. Lives on the loop of the transport, and
// looks no more once it is destroyed.
class ClientWatch : public std::enable_shared_from_this<ClientWatch> {
public:
    // All outlive it: what is read goes through `scratch` into `kept`.
    ClientWatch(Transport& transport, std::span<std::byte> scratch, std::string& kept)
        : transport_(transport), scratch_(scratch), kept_(kept) {}

    // Whether the client is still there; may be asked on any thread, and after the watch.
    std::function<bool()> begin();

private:
    void wait();
    void look();

    Transport& transport_;
    std::span<std::byte> scratch_;
    std::string& kept_;
    std::shared_ptr<std::atomic<bool>> gone_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace twinhub::gateway::http
