#include "paced_reads.h"
#include "process_use.h"
#include "report.h"
#include "rest_work.h"
#include "twin_body.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>

namespace twinhub::load {
namespace {

constexpr std::string_view api_version = "?api-version=2021-04-12";
constexpr std::uint64_t bulk_items_max = 100;  // service-api 4.6

std::string twin_path(std::string_view device) {
    return fmt::format("/twins/{}{}", device, api_version);
}

std::size_t occurrences(std::string_view text, std::string_view word) {
    std::size_t count = 0;
    for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1))
        ++count;
    return count;
}

// The reported $version in a service twin; 0 when there is none.
std::uint64_t reported_version(std::string_view twin) {
    constexpr std::string_view member = "\"$version\":";
    const auto reported = twin.find("\"reported\":");
    if (reported == std::string_view::npos) return 0;
    // The section's own $version, not one of its metadata: it is the last direct member.
    std::uint64_t version = 0;
    for (auto at = twin.find(member, reported); at != std::string_view::npos;
         at = twin.find(member, at + 1))
        std::from_chars(twin.data() + at + member.size(), twin.data() + twin.size(), version);
    return version;
}

// Whether a hub took the reported section of a new device. The hosted service does not, and then a
// twin is smaller than its peer's row: whoever compares sizes has to know.
bool keeps_reported(Reactor& reactor, const TlsContext& tls, const Options& options,
                    const std::string& token) {
    bool asked = false;
    bool kept = false;
    RestWork work(
        reactor, tls, 1,
        [&](HttpClient& client) {
            if (asked) return false;
            asked = true;
            client.request(twin_path(device_name(options.first)), token);
            return true;
        },
        [&](HttpClient&, unsigned, std::string_view body) {
            kept = body.find("\"lastBoot\"") != std::string_view::npos;
        });
    work.run();
    return kept;
}

}  // namespace

int run_rest_get(const Options& options) {
    Reactor reactor;
    const TlsContext tls(options.target);
    const std::string token = service_token(options);
    Histogram latencies;
    std::map<std::string, std::uint64_t> errors;
    std::map<std::string, std::uint64_t> losses;
    std::uint64_t asked = 0;
    const auto ask = [&](HttpClient& client) {
        // A stride that is coprime to any fleet of ours: no two neighbours in turn.
        const std::uint64_t number = options.first + asked++ * 7919 % options.devices;
        client.request(twin_path(device_name(number)), token);
        return true;
    };
    const auto done = [&](const HttpClient& client, unsigned status) {
        if (status == 200) {
            latencies.add(now_ns() - client.since_ns);
        } else {
            ++errors["status " + std::to_string(status)];
        }
    };
    std::uint64_t began = 0, server_before = 0, own_before = 0;
    const auto measure = [&](auto& work) {
        work.run_until(now_ns() + static_cast<std::uint64_t>(options.drive.warm_up_seconds * 1e9));
        latencies = {};
        errors.clear();
        began = now_ns();
        server_before = cpu_nanoseconds(options.drive.servers);
        own_before = own_cpu_nanoseconds();
        work.run_until(began + static_cast<std::uint64_t>(options.drive.seconds * 1e9));
        losses = work.losses();
    };
    if (options.drive.rate > 0) {
        PacedReads work(reactor, tls, options.connections, options.drive.rate, ask, done);
        measure(work);
    } else {
        RestWork work(
            reactor, tls, options.connections, ask,
            [&](HttpClient& client, unsigned status, std::string_view) { done(client, status); });
        measure(work);
    }
    const auto server = static_cast<double>(cpu_nanoseconds(options.drive.servers) - server_before);
    const auto own = static_cast<double>(own_cpu_nanoseconds() - own_before);
    const auto count = static_cast<double>(latencies.count());
    JsonLine()
        .add("mode", "rest-get")
        .add("connections", std::uint64_t{options.connections})
        .add("operations", latencies.count())
        .add("per_second", count * 1e9 / static_cast<double>(now_ns() - began))
        .add("get_ms", latencies)
        .add("server_cpu_us", count > 0 ? server / 1e3 / count : 0)
        .add("client_cpu_us", count > 0 ? own / 1e3 / count : 0)
        .add("errors", errors)
        .add("losses", losses)
        .print();
    return latencies.count() != 0 ? 0 : 1;
}

int run_prepare(const Options& options) {
    Reactor reactor;
    const TlsContext tls(options.target);
    const std::string token = service_token(options);
    const std::string path = fmt::format("/devices{}", api_version);
    const ItemContent content = options.twins ? ItemContent::twin : ItemContent::identity;
    const std::uint64_t end = options.first + options.devices;
    std::uint64_t next = options.first;
    std::uint64_t created = 0;
    std::map<std::string, std::uint64_t> errors;
    const std::uint64_t began = now_ns();
    RestWork work(
        reactor, tls, options.connections,
        [&](HttpClient& client) {
            if (next >= end) return false;
            const std::uint64_t last = std::min(end, next + bulk_items_max);
            client.number = last - next;
            std::string body = "[";
            for (; next < last; ++next)
                body.append(body.size() > 1 ? "," : "").append(bulk_item(next, content));
            body += ']';
            client.request(path, token, body);
            return true;
        },
        [&](HttpClient& client, unsigned status, std::string_view body) {
            if (status == 200) {
                created += client.number;
                return;
            }
            // A repeated `prepare` finds its devices there: that is as good.
            const std::size_t existing = occurrences(body, "\"DeviceAlreadyExists\"");
            if (status == 400 && existing != 0 && existing == occurrences(body, "\"errorCode\"")) {
                errors["existed before"] += existing;
                created += client.number - existing;
            } else {
                ++errors["status " + std::to_string(status)];
            }
        });
    work.run();
    const double seconds = static_cast<double>(now_ns() - began) / 1e9;
    JsonLine line;
    line.add("mode", "prepare");
    if (options.twins)
        line.add("reported_kept",
                 std::uint64_t{keeps_reported(reactor, tls, options, token) ? 1U : 0U});
    line.add("created", created)
        .add("seconds", seconds)
        .add("per_second", static_cast<double>(created) / seconds)
        .add("errors", errors)
        .add("losses", work.losses())
        .print();
    const auto existed = errors.contains("existed before") ? errors["existed before"] : 0;
    return created + existed == options.devices ? 0 : 1;
}

int run_verify(const Options& options) {
    struct Expected {
        std::string device;
        std::uint64_t acknowledged = 0;
        std::uint64_t sent = 0;
    };
    std::vector<Expected> expected;
    std::ifstream file(options.versions_file);
    for (Expected one; file >> one.device >> one.acknowledged >> one.sent;) expected.push_back(one);

    Reactor reactor;
    const TlsContext tls(options.target);
    const std::string token = service_token(options);
    std::uint64_t next = 0;
    std::uint64_t lost = 0;  // acknowledged, but not there
    std::uint64_t unread = 0;
    std::uint64_t acknowledged = 0;
    RestWork work(
        reactor, tls, options.connections,
        [&](HttpClient& client) {
            if (next >= expected.size()) return false;
            client.number = next++;
            client.request(twin_path(expected[client.number].device), token);
            return true;
        },
        [&](HttpClient& client, unsigned status, std::string_view body) {
            const Expected& wanted = expected[client.number];
            acknowledged += wanted.acknowledged;
            if (status != 200) {
                ++unread;
            } else if (const std::uint64_t version = reported_version(body);
                       version < wanted.acknowledged) {
                lost += wanted.acknowledged - version;
            }
        });
    work.run();
    JsonLine()
        .add("mode", "verify")
        .add("devices", static_cast<std::uint64_t>(expected.size()))
        .add("acknowledged", acknowledged)
        .add("lost", lost)
        .add("unread", unread)
        .add("losses", work.losses())
        .print();
    return lost == 0 && unread == 0 && work.losses().empty() ? 0 : 1;
}

}  // namespace twinhub::load
