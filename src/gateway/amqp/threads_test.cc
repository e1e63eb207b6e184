// Connections with identities of several loops, on real threads: answers come, in any order of
// death nothing is left. The sanitizers judge.
#include "base/encoding.h"
#include "base/loop.h"
#include "gateway/amqp/connection.h"
#include "gateway/amqp/delegate.h"
#include "hub/testing/hub_on_memory.h"
#include "protocol/amqp/client.h"
#include "protocol/sas/token.h"
#include "twin/update.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <deque>
#include <future>
#include <thread>

namespace twinhub::gateway::amqp {
namespace {

namespace wire = protocol::amqp;
using wire::Client;
using wire::Value;

constexpr std::size_t loop_count = 3;
constexpr int devices_per_connection = 9;
constexpr int connections = 4;
constexpr int reports = 20;
const std::string key(32, 'k');

std::string device(int number) { return "d" + std::to_string(number); }
TwinId id_of(const std::string& name) { return {DeviceId::parse(name).value(), {}}; }

// A client of several devices that lives on its connection's loop, behind its transport: puts a
// token and attaches the twin of each, reports, and may leave in the middle; leaves when it is
// robbed of a device.
struct Gateway {
    struct Twin {
        Client::Link* up = nullptr;
        Client::Link* down = nullptr;
        bool asked = false;
    };

    Gateway(int from, int leave_after) : first(from), leaves_after(leave_after) {
        up = &client.sender("$cbs");
        down = &client.receiver("$cbs");
    }

    // What the server wrote; returns what there is to say.
    std::string turn(const std::string& got) {
        client.receive(got);
        if (!tokens_sent && up->attached && down->attached) {
            tokens_sent = true;
            for (int i = 0; i < devices_per_connection; ++i) put_token(device(first + i));
        }
        for (; tokens < down->got.size(); ++tokens) attach(static_cast<int>(tokens));
        int answered = 0;
        for (Twin& twin : twins) {
            if (!twin.asked && twin.up->attached && twin.down->attached) {
                twin.asked = true;
                for (int i = 0; i < reports; ++i) report(twin, i);
            }
            answered += static_cast<int>(twin.down->got.size());
            if (twin.up->detached || twin.down->detached) left = true;
        }
        answers = answered;
        if (leaves_after > 0 && answered >= leaves_after) left = true;
        if (answered == devices_per_connection * reports) left = true;
        return client.take_output();
    }

    void put_token(const std::string& name) {
        wire::Message message;
        message.message_id = Value::of_string(name);
        message.application_properties = {
            {"operation", Value::of_string("put-token")},
            {"type", Value::of_string("servicebus.windows.net:sastoken")},
            {"name", Value::of_string("hub.local/devices/" + name)}};
        message.value = Value::of_string(
            protocol::sas::make_token({"hub.local/devices/" + name, key, 4'000'000'000, {}}));
        client.send(*up, message, false);
    }
    void attach(int number) {
        const std::string address = "/devices/" + device(first + number) + "/twin";
        Client::Session session = client.another_session();
        twins.push_back({&client.sender(address, {.snd_settle_mode = 1, .session = session}),
                         &client.receiver(address, {.snd_settle_mode = 1, .session = session})});
    }
    void report(Twin& twin, int number) {
        wire::Message message;
        message.annotations = {{"operation", Value::of_string("PATCH")},
                               {"resource", Value::of_string("/properties/reported")}};
        message.correlation_id = Value::of_ulong(static_cast<std::uint64_t>(number));
        message.data = {"{\"n\":" + std::to_string(number) + "}"};
        client.send(*twin.up, message);
    }

    Client client;
    int first;
    int leaves_after;
    Client::Link* up = nullptr;
    Client::Link* down = nullptr;
    bool tokens_sent = false;
    std::size_t tokens = 0;
    std::deque<Twin> twins;
    bool left = false;
    std::atomic<int> answers = 0;
    std::atomic<bool> ended = false;
};

// The transport between a Gateway and the server: all on the loop of the connection.
class GatewayTransport final : public Transport {
public:
    GatewayTransport(Executor executor, std::shared_ptr<Gateway> gateway)
        : executor_(std::move(executor)), gateway_(std::move(gateway)) {
        to_server_ = gateway_->turn({});
    }
    ~GatewayTransport() override { gateway_->ended = true; }

    Executor executor() const override { return executor_; }
    void wait_readable(Ready ready) override {
        ready_ = std::move(ready);
        wake();
    }
    Result<std::size_t> read_some(std::span<std::byte> into) override {
        if (closed_ || gateway_->left) return failure(Code::unavailable, "gone");
        const std::size_t count = std::min(to_server_.size(), into.size());
        std::memcpy(into.data(), to_server_.data(), count);
        to_server_.erase(0, count);
        return count;
    }
    void write(std::string_view bytes) override {
        if (closed_) return;
        to_server_ += gateway_->turn(std::string(bytes));
        wake();
    }
    std::size_t unsent() const override { return 0; }
    void wait_sent(Ready ready) override { asio::post(executor_, std::move(ready)); }
    void close() override {
        closed_ = true;
        wake();
    }
    const Peer& peer() const override { return peer_; }
    X509* certificate() const override { return nullptr; }
    STACK_OF_X509* certificate_chain() const override { return nullptr; }
    void move_to(Executor executor) override { executor_ = std::move(executor); }

private:
    void wake() {
        if (ready_ && (closed_ || gateway_->left || !to_server_.empty()))
            asio::post(executor_, std::exchange(ready_, nullptr));
    }

    Executor executor_;
    std::shared_ptr<Gateway> gateway_;
    std::string to_server_;
    Ready ready_;
    bool closed_ = false;
    Peer peer_{.address = "192.0.2.9"};
};

// A hub with several loops on threads, and the AMQP door of each.
struct Served {
    Served() {
        std::vector<Executor> executors;
        for (std::size_t i = 0; i < loop_count; ++i) {
            loops.push_back(std::make_unique<Loop>());
            executors.emplace_back(loops.back()->get_executor());
        }
        hub = std::move(hub::Hub::open({.name = "hub.local"},
                                       hub::Seams{engine, clock, random, log, hub_metrics,
                                                  executors, pool.get_executor()})
                            .value());
        hub->set_policies(std::make_shared<const hub::Policies>());
        std::vector<AmqpContext*> all;
        for (std::size_t i = 0; i < loop_count; ++i) {
            deadlines.push_back(std::make_unique<Deadlines>(clock.monotonic()));
            contexts.push_back(std::make_unique<AmqpContext>(
                *hub, hub->shards().at(i), *deadlines.back(), metrics, AmqpSettings{}));
            all.push_back(contexts.back().get());
        }
        for (const auto& context : contexts) context->introduce(all);
        for (const auto& loop : loops)
            threads.emplace_back([&context = *loop] {
                const auto work = asio::make_work_guard(context);
                context.run();
            });
    }
    ~Served() {
        for (std::size_t i = 0; i < loop_count; ++i)
            on(i, [&context = *contexts[i]] { context.stop(); });
        for (const auto& loop : loops) loop->stop();
        threads.clear();
        pool.join();
        discard_all(loops);
        hub.reset();
        discard_all(loops);
        contexts.clear();
    }

    // Runs on a loop, to its end.
    template <class Work>
    void on(std::size_t loop, Work work) {
        std::promise<void> done;
        asio::post(*loops[loop], [&] {
            work();
            done.set_value();
        });
        done.get_future().wait();
    }
    void make(const std::string& name) {
        hub::IdentitySpec spec;
        spec.id = id_of(name);
        spec.authentication.emplace();
        spec.authentication->type = hub::AuthenticationType::sas;
        spec.authentication->primary_key = spec.authentication->secondary_key = base64_encode(key);
        ASSERT_TRUE(asio::co_spawn(*loops[0], hub->registry().create(spec, {}), asio::use_future)
                        .get()
                        .has_value());
    }
    bool is_connected(const std::string& name) {
        const auto view =
            asio::co_spawn(*loops[0], hub->registry().get(id_of(name)), asio::use_future).get();
        return view && view->presence.connected;
    }
    // What was on its way between loops has come.
    void settle() {
        for (int round = 0; round < 3; ++round)
            for (std::size_t i = 0; i < loop_count; ++i) on(i, [] {});
    }
    void serve(std::size_t loop, const std::shared_ptr<Gateway>& gateway) {
        on(loop, [&] {
            contexts[loop]->serve(
                std::make_unique<GatewayTransport>(Executor(loops[loop]->get_executor()), gateway));
        });
    }

    store::MemoryEngine engine;
    hub::ManualClock clock;
    SystemRandom random;
    Log log;
    prometheus::Registry registry;
    hub::Metrics hub_metrics{registry};
    AmqpMetrics metrics{registry};
    asio::thread_pool pool{2};
    std::vector<std::unique_ptr<Loop>> loops;
    std::unique_ptr<hub::Hub> hub;
    std::vector<std::unique_ptr<Deadlines>> deadlines;
    std::vector<std::unique_ptr<AmqpContext>> contexts;
    std::vector<std::jthread> threads;
};

void wait_for_all(const std::vector<std::shared_ptr<Gateway>>& gateways) {
    for (const auto& gateway : gateways)
        while (!gateway->ended) std::this_thread::yield();
}

TEST(AmqpThreads, EveryDeviceOfASharedConnectionGetsItsAnswers) {
    Served served;
    std::vector<std::shared_ptr<Gateway>> gateways;
    for (int i = 0; i < connections * devices_per_connection; ++i) served.make(device(i));
    for (int i = 0; i < connections; ++i) {
        gateways.push_back(std::make_shared<Gateway>(i * devices_per_connection, 0));
        served.serve(static_cast<std::size_t>(i) % loop_count, gateways.back());
    }
    wait_for_all(gateways);
    for (const auto& gateway : gateways)
        EXPECT_EQ(gateway->answers, devices_per_connection * reports);
    for (std::size_t i = 0; i < loop_count; ++i)
        served.on(i, [&] { EXPECT_EQ(served.contexts[i]->connections().size(), 0u); });
}

TEST(AmqpThreads, DevicesMayBeStolenAndConnectionsLeaveInTheMiddle) {
    Served served;
    for (int i = 0; i < 2 * devices_per_connection; ++i) served.make(device(i));
    std::vector<std::shared_ptr<Gateway>> gateways;
    for (int round = 0; round < 12; ++round) {
        // Their devices overlap: each takes some from the one before.
        gateways.push_back(std::make_shared<Gateway>(round % devices_per_connection,
                                                     1 + round * 7 % (devices_per_connection * 5)));
        served.serve(static_cast<std::size_t>(round) % loop_count, gateways.back());
    }
    // Each of them has its answers, or was robbed: nobody waits for something that never comes.
    wait_for_all(gateways);
    served.settle();
    for (std::size_t i = 0; i < loop_count; ++i)
        served.on(i, [&] {
            EXPECT_EQ(served.contexts[i]->connections().size(), 0u);
            EXPECT_EQ(served.contexts[i]->delegates(), 0u);
        });
    EXPECT_EQ(served.metrics.connections.Value(), 0);
    EXPECT_EQ(served.metrics.links.Value(), 0);
    for (int i = 0; i < 2 * devices_per_connection; ++i)
        EXPECT_FALSE(served.is_connected(device(i))) << device(i);
    // Who comes after the storm finds everything as ever.
    for (const int first : {0, devices_per_connection}) {
        const auto late = std::make_shared<Gateway>(first, 0);
        served.serve(0, late);
        wait_for_all({late});
        EXPECT_EQ(late->answers, devices_per_connection * reports);
    }
}

}  // namespace
}  // namespace twinhub::gateway::amqp
