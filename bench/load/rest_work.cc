#include "rest_work.h"

#include "base/json.h"

#include <cstdio>
#include <cstdlib>

namespace twinhub::load {
namespace {

constexpr std::uint64_t turn_ns_max = 50'000'000;
constexpr std::uint64_t token_seconds = 24UL * 3600;

}  // namespace

RestWork::RestWork(Reactor& reactor, const TlsContext& tls, unsigned connections, Next next,
                   Done done)
    : reactor_(reactor), next_(std::move(next)), done_(std::move(done)), running_(connections) {
    for (unsigned count = 0; count < connections; ++count) {
        clients_.push_back(std::make_unique<HttpClient>(reactor, tls, *this));
        clients_.back()->open();
    }
}

void RestWork::run_until(std::uint64_t moment_ns) {
    while (running_ != 0 && now_ns() < moment_ns) reactor_.turn(now_ns() + turn_ns_max);
}

void RestWork::ask(HttpClient& client) {
    client.since_ns = now_ns();
    if (next_(client)) return client.flush();
    --running_;
    client.close();
}

void RestWork::answered(HttpClient& client, unsigned status, std::string_view body) {
    done_(client, status, body);
    ask(client);
}

void RestWork::lost(HttpClient&, std::string_view why) {
    ++losses_[std::string(why)];
    --running_;
}

std::string service_token(const Options& options) {
    const auto parsed = parse_connection_string(options.connection_string);
    if (!parsed) {
        std::fprintf(stderr,
                     "twinhub_load: needs --connection-string or TWINHUB_CONNECTION_STRING\n");
        std::exit(2);
    }
    return sas_token(parsed->host_name, parsed->key, parsed->policy, token_seconds);
}

std::string query_body(std::string_view query) {
    std::string body = R"({"query":)";
    append_json_string(body, query);
    return body += '}';
}

}  // namespace twinhub::load
