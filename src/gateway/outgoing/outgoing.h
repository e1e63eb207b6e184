#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "gateway/deadlines.h"
#include "gateway/outgoing/url.h"
#include "gateway/tls/client.h"

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace twinhub::gateway {

// What a server said, whatever its status: a redirect is an answer too, and is not followed.
struct OutgoingAnswer {
    int status = 0;
    std::string body;
    std::optional<std::chrono::seconds> retry_after;  // as the server asked, in seconds

    bool is_success() const { return status >= 200 && status < 300; }
};

using OutgoingHeaders = std::vector<std::pair<std::string, std::string>>;

// One of ours. A GET and a DELETE have no body.
struct OutgoingRequest {
    std::string method = "POST";
    Url url;
    OutgoingHeaders headers;
    std::string body;
};

struct OutgoingLimits {
    std::size_t answer_bytes_max = 1024 * 1024;
    std::size_t requests_max = 64;  // under way at a time
    std::size_t idle_max = 8;       // connections kept for the next request
    std::chrono::seconds connect{10};
    std::chrono::seconds answer{30};  // from the request's first byte to the answer's last
    std::chrono::seconds idle{60};
};

// Requests of the hub to others' servers: HTTPS with checked certificates, answers of bounded size
// in bounded time, connections used again. For one loop; outlives its requests: stop() and wait
// until none is under way.
class Outgoing {
public:
    Outgoing(Executor executor, Deadlines& deadlines, const Clock& clock, ClientTrust trust,
             OutgoingLimits limits = {});
    ~Outgoing();
    Outgoing(const Outgoing&) = delete;
    Outgoing& operator=(const Outgoing&) = delete;

    // Sends a request and waits for the answer. One on a kept connection that ends without a word
    // is sent again on a new one: what it causes should bear to be asked twice.
    // Errors: unavailable, unauthorized (the certificate is not trusted), timeout, format_invalid
    // (not HTTP, or too much of it), throttled (requests_max), argument_invalid (a header).
    Task<Result<OutgoingAnswer>> send(OutgoingRequest request);
    Task<Result<OutgoingAnswer>> post(Url url, OutgoingHeaders headers, std::string body);

    // Ends what is under way and takes no more. On the loop.
    void stop();

private:
    struct Connection;
    struct Busy;

    std::unique_ptr<Connection> take(const Url& url);
    void keep(std::unique_ptr<Connection> connection);

    Executor executor_;
    Deadlines& deadlines_;
    const Clock& clock_;
    ClientTrust trust_;
    OutgoingLimits limits_;
    std::list<std::unique_ptr<Connection>> idle_;  // the one used last comes first
    std::unordered_set<Connection*> busy_;
    bool stopping_ = false;
};

}  // namespace twinhub::gateway
