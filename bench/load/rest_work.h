#pragma once

#include "http_client.h"
#include "options.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace twinhub::load {

// Keep-alive connections to the service door that each ask again as soon as they are answered.
class RestWork final : public HttpOwner {
public:
    // `next` puts a request on the connection, or says false when there is none left;
    // `done` sees each answer.
    using Next = std::function<bool(HttpClient&)>;
    using Done = std::function<void(HttpClient&, unsigned status, std::string_view body)>;

    RestWork(Reactor& reactor, const TlsContext& tls, unsigned connections, Next next, Done done);
    void run_until(std::uint64_t moment_ns);  // or until nothing is left
    void run() { run_until(UINT64_MAX); }
    bool finished() const { return running_ == 0; }
    const std::map<std::string, std::uint64_t>& losses() const { return losses_; }

private:
    void connected(HttpClient& client) override { ask(client); }
    void answered(HttpClient& client, unsigned status, std::string_view body) override;
    void lost(HttpClient& client, std::string_view why) override;
    void ask(HttpClient& client);

    Reactor& reactor_;
    Next next_;
    Done done_;
    std::vector<std::unique_ptr<HttpClient>> clients_;
    std::map<std::string, std::uint64_t> losses_;
    std::size_t running_ = 0;
};

// The token of the options' connection string for the whole hub, for a day. Ends the program with
// a message when the string is no good.
std::string service_token(const Options& options);

inline constexpr std::string_view query_path = "/devices/query?api-version=2021-04-12";
std::string query_body(std::string_view query);  // as JSON

}  // namespace twinhub::load
