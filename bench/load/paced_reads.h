#pragma once

#include "http_client.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::load {

// Requests at fixed moments, however late the answers are: a request that finds every connection
// busy waits, and its time counts from when it was due (no coordinated omission).
class PacedReads final : public HttpOwner {
public:
    using Ask = std::function<void(HttpClient&)>;
    using Done = std::function<void(HttpClient&, unsigned status)>;

    PacedReads(Reactor& reactor, const TlsContext& tls, unsigned connections, double rate, Ask ask,
               Done done);
    void run_until(std::uint64_t moment_ns);
    const std::map<std::string, std::uint64_t>& losses() const { return losses_; }

private:
    void connected(HttpClient& client) override;
    void answered(HttpClient& client, unsigned status, std::string_view body) override;
    void lost(HttpClient& client, std::string_view why) override;
    void send_due();

    Reactor& reactor_;
    Ask ask_;
    Done done_;
    std::uint64_t interval_ns_;
    std::uint64_t next_ns_;
    std::deque<std::uint64_t> due_;
    std::vector<HttpClient*> idle_;
    std::vector<std::unique_ptr<HttpClient>> clients_;
    std::map<std::string, std::uint64_t> losses_;
};

}  // namespace twinhub::load
