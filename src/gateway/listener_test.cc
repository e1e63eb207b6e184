#include "gateway/listener.h"

#include "base/loop.h"
#include "gateway/tls/testing/loopback.h"

#include <gmock/gmock.h>

#include <optional>

namespace twinhub::gateway {
namespace {

using testing::Client;
using testing::ClientWish;
using namespace std::chrono_literals;

struct StoppedClock final : Clock {
    Instant now() const override { return x509::testing::made_at; }
    Moment monotonic() const override { return at; }
    Moment at{1h};
};

struct ListenerTest : ::testing::Test {
    ListenerTest() { log.configure(LogLevel::error, Log::Format::text); }
    ~ListenerTest() override {
        if (acceptor) acceptor->stop();
        accepted.clear();
        run();
        acceptor.reset();
        loop.discard();
    }

    void listen(std::size_t places, bool tls) {
        limit.emplace(places, &metrics.open);
        if (tls) certificates.store(testing::server_tls());
        socket = ListeningSocket::open("127.0.0.1", 0, 16).value();
        acceptor = std::make_unique<Acceptor>(loop.get_executor(), socket,
                                              tls ? &certificates : nullptr, deadlines, clock, log,
                                              *limit, metrics, Acceptor::Settings{.handshake = 30s},
                                              [this](std::unique_ptr<Transport> transport) {
                                                  accepted.push_back(std::move(transport));
                                              });
        run();
    }
    std::unique_ptr<Client> connect(bool tls = false) {
        return std::make_unique<Client>(socket->port(), ClientWish{.tls = tls});
    }
    void run() {
        loop.restart();
        loop.poll();
    }
    template <class Done>
    bool until(Client& client, Done done) {
        return testing::until([&] { run(), client.turn(); }, done);
    }
    void advance(std::chrono::seconds time) {
        clock.at += time;
        deadlines.advance(clock.at);
    }

    Loop loop;
    StoppedClock clock;
    Log log;
    Deadlines deadlines{clock.at};
    prometheus::Registry registry;
    ListenerMetrics metrics{registry};
    std::optional<ConnectionLimit> limit;
    SharedTls certificates;
    std::shared_ptr<ListeningSocket> socket;
    std::unique_ptr<Acceptor> acceptor;
    std::vector<std::unique_ptr<Transport>> accepted;
};

TEST_F(ListenerTest, HandsOnWhatItAccepts) {
    listen(10, true);
    const auto client = connect(true);
    ASSERT_TRUE(until(*client, [&] { return accepted.size() == 1 && client->is_connected(); }));
    EXPECT_TRUE(accepted[0]->peer().encrypted);
    EXPECT_EQ(metrics.accepted.Value(), 1);
    EXPECT_EQ(metrics.open.Value(), 1);
    accepted.clear();
    EXPECT_EQ(metrics.open.Value(), 0);
}

TEST_F(ListenerTest, OverTheLimitNobodyGetsInUntilSomebodyLeaves) {
    listen(1, false);
    const auto first = connect();
    ASSERT_TRUE(until(*first, [&] { return accepted.size() == 1; }));
    const auto second = connect();
    ASSERT_TRUE(until(*second, [&] { return second->ended || second->reset; }));
    EXPECT_EQ(accepted.size(), 1u);
    EXPECT_EQ(metrics.refused.Value(), 1);
    EXPECT_EQ(limit->open(), 1u);
    accepted[0]->close();
    const auto third = connect();
    EXPECT_TRUE(until(*third, [&] { return accepted.size() == 2; }));
}

TEST_F(ListenerTest, AHandshakeTakesAPlaceToo) {
    listen(1, true);
    const auto silent = connect();
    ASSERT_TRUE(until(*silent, [&] { return limit->open() == 1; }));
    const auto other = connect(true);
    EXPECT_TRUE(until(*other, [&] { return other->ended || other->reset; }));
}

TEST_F(ListenerTest, ASilentHandshakeEndsWithItsTimeAndAFinishedOneDoesNot) {
    listen(10, true);
    const auto finished = connect(true);
    ASSERT_TRUE(until(*finished, [&] { return accepted.size() == 1 && finished->is_connected(); }));
    const auto silent = connect();
    ASSERT_TRUE(until(*silent, [&] { return limit->open() == 2; }));
    advance(29s);
    run();
    EXPECT_EQ(limit->open(), 2u);
    advance(2s);
    ASSERT_TRUE(until(*silent, [&] { return silent->ended || silent->reset; }));
    EXPECT_EQ(limit->open(), 1u);
    EXPECT_EQ(metrics.handshakes_failed.Value(), 1);
    EXPECT_EQ(accepted.size(), 1u);
}

TEST_F(ListenerTest, StoppingEndsHandshakesAndLeavesConnections) {
    listen(10, true);
    const auto finished = connect(true);
    ASSERT_TRUE(until(*finished, [&] { return accepted.size() == 1 && finished->is_connected(); }));
    const auto silent = connect();
    ASSERT_TRUE(until(*silent, [&] { return limit->open() == 2; }));
    acceptor->stop();
    ASSERT_TRUE(until(*silent, [&] { return silent->ended || silent->reset; }));
    EXPECT_EQ(limit->open(), 1u);
    accepted[0]->write("bye");
    EXPECT_TRUE(until(*finished, [&] { return finished->received == "bye"; }));
}

TEST_F(ListenerTest, NewCertificatesAreForConnectionsToCome) {
    listen(10, true);
    const auto before = connect(true);
    ASSERT_TRUE(until(*before, [&] { return accepted.size() == 1 && before->is_connected(); }));
    certificates.store(testing::server_tls());
    const auto after = connect(true);
    ASSERT_TRUE(until(*after, [&] { return accepted.size() == 2 && after->is_connected(); }));
    accepted[0]->write("still here");
    EXPECT_TRUE(until(*before, [&] { return before->received == "still here"; }));
}

TEST(ListeningSocket, SaysWhyItCannotListen) {
    const auto first = ListeningSocket::open("127.0.0.1", 0, 1);
    ASSERT_TRUE(first.has_value());
    const auto second = ListeningSocket::open("127.0.0.1", (*first)->port(), 1);
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().code, Code::unavailable);
    EXPECT_THAT(second.error().message, ::testing::HasSubstr(std::to_string((*first)->port())));
    EXPECT_EQ(ListeningSocket::open("localhost!", 0, 1).error().code, Code::argument_invalid);
}

}  // namespace
}  // namespace twinhub::gateway
