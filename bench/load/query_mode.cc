#include "process_use.h"
#include "report.h"
#include "rest_work.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace twinhub::load {
namespace {

// Server-Timing: query;dur=0.31 - the milliseconds that the server took by its own clock.
std::optional<std::uint64_t> server_nanoseconds(const HttpClient& client) {
    constexpr std::string_view duration = "dur=";
    const auto timing = client.field("server-timing:");
    if (!timing) return {};
    const auto at = timing->find(duration);
    if (at == std::string_view::npos) return {};
    double milliseconds = 0;
    const auto [end, error] = std::from_chars(timing->data() + at + duration.size(),
                                              timing->data() + timing->size(), milliseconds);
    if (error != std::errc{} || milliseconds < 0) return {};
    return static_cast<std::uint64_t>(milliseconds * 1e6);
}

// The operators of one run, and what they were told.
struct Asking {
    Histogram latencies;
    Histogram server;
    std::map<std::string, std::uint64_t> errors;
    std::string answer;
    bool more_pages = false;
    std::uint64_t left = UINT64_MAX;

    void take(const HttpClient& client, unsigned status, std::string_view body) {
        if (status != 200) {
            ++errors["status " + std::to_string(status)];
            return;
        }
        latencies.add(now_ns() - client.since_ns);
        if (const auto nanoseconds = server_nanoseconds(client)) server.add(*nanoseconds);
        answer = body;
        more_pages = client.field("x-ms-continuation:").has_value();
    }
    void forget() {
        latencies = {};
        server = {};
        errors.clear();
    }
};

}  // namespace

int run_query(const Options& options) {
    Reactor reactor;
    const TlsContext tls(options.target);
    const std::string token = service_token(options);
    const std::string body = query_body(options.query);
    const std::string fields =
        fmt::format("x-ms-max-item-count: {}\r\nx-query-dialect: extended\r\n", options.page_items);
    Asking asking;
    RestWork work(
        reactor, tls, options.connections,
        [&](HttpClient& client) {
            if (asking.left == 0) return false;
            --asking.left;
            client.request(query_path, token, body, fields);
            return true;
        },
        [&](HttpClient& client, unsigned status, std::string_view text) {
            asking.take(client, status, text);
        });
    work.run_until(now_ns() + static_cast<std::uint64_t>(options.drive.warm_up_seconds * 1e9));
    asking.forget();
    if (options.repeats != 0) asking.left = options.repeats;
    const std::uint64_t began = now_ns();
    const std::uint64_t server_before = cpu_nanoseconds(options.drive.servers);
    work.run_until(options.repeats != 0
                       ? UINT64_MAX
                       : began + static_cast<std::uint64_t>(options.drive.seconds * 1e9));
    const auto server_cpu =
        static_cast<double>(cpu_nanoseconds(options.drive.servers) - server_before);
    const auto count = static_cast<double>(asking.latencies.count());
    JsonLine()
        .add("mode", "query")
        .add("connections", std::uint64_t{options.connections})
        .add("operations", asking.latencies.count())
        .add("per_second", count * 1e9 / static_cast<double>(now_ns() - began))
        .add("query_ms", asking.latencies)
        .add("server_ms", asking.server)
        .add("server_cpu_us", count > 0 ? server_cpu / 1e3 / count : 0)
        .add("more_pages", std::uint64_t{asking.more_pages})
        .add_json("answer", asking.answer.empty() ? "null" : asking.answer)
        .add("errors", asking.errors)
        .add("losses", work.losses())
        .print();
    return asking.latencies.count() != 0 && asking.errors.empty() ? 0 : 1;
}

}  // namespace twinhub::load
