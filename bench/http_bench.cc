// What one REST request costs the server, without socket and TLS: parse, prove, decide, read,
// write.
#include "gateway/http/testing/service_client.h"

#include <benchmark/benchmark.h>

namespace {

using namespace twinhub;
using namespace twinhub::gateway;

// A twin of about 1.2 KB, as bench/twin_bench.cc has it.
std::string typical_twin() {
    std::string body = R"({"tags":{"site":"north","room":7},"properties":{"desired":{)";
    for (int i = 0; i < 12; ++i)
        body += (i == 0 ? "\"" : ",\"") + ("setting" + std::to_string(i)) +
                "\":" + std::to_string(i * 100);
    return body + "}}}";
}

void twin_get(benchmark::State& state) {
    http::ServiceDoor door;
    (void)door.ask("PUT", "/devices/d1", "{}");
    (void)door.ask("PATCH", "/twins/d1", typical_twin());
    const auto peer = door.connect();
    const std::string request = door.request("GET", "/twins/d1");
    std::size_t bytes = 0;
    for (auto _ : state) {
        peer->send(request);
        while (peer->received.empty()) door.on_memory().run_ready();
        bytes = peer->received.size();
        peer->received.clear();
    }
    state.counters["answer_bytes"] = static_cast<double>(bytes);
}
BENCHMARK(twin_get);

void identity_get(benchmark::State& state) {
    http::ServiceDoor door;
    (void)door.ask("PUT", "/devices/d1", "{}");
    const auto peer = door.connect();
    const std::string request = door.request("GET", "/devices/d1");
    for (auto _ : state) {
        peer->send(request);
        while (peer->received.empty()) door.on_memory().run_ready();
        peer->received.clear();
    }
}
BENCHMARK(identity_get);

}  // namespace
