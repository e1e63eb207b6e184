#include "gateway/tls/socket_transport.h"

#include "base/loop.h"
#include "gateway/tls/testing/loopback.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <array>
#include <atomic>
#include <optional>
#include <thread>

namespace twinhub::gateway {
namespace {

using tcp = asio::ip::tcp;
using testing::Certificate;
using testing::Client;
using testing::ClientWish;

std::string numbered(std::size_t size) {
    std::string text;
    for (std::size_t i = 0; text.size() < size; ++i) text += std::to_string(i) + ' ';
    text.resize(size);
    return text;
}

// A server's end and a client's, on one loop that the test turns.
struct Connection {
    explicit Connection(const ClientWish& wish = {},
                        std::shared_ptr<const TlsContext> tls = testing::server_tls()) {
        tcp::acceptor acceptor(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        client = std::make_unique<Client>(acceptor.local_endpoint().port(), wish);
        tcp::socket socket = acceptor.accept();
        socket.set_option(asio::socket_base::send_buffer_size(16 * 1024));
        give_up = SocketTransport::accept(std::move(socket), wish.tls ? std::move(tls) : nullptr,
                                          std::move(*limit.take()),
                                          [this](std::unique_ptr<SocketTransport> made) {
                                              done = true;
                                              transport = std::move(made);
                                          });
    }
    ~Connection() {
        transport.reset();
        run();
    }

    void run() {
        loop.restart();
        loop.poll();
    }
    template <class Done>
    bool until(Done reached, bool client_reads = true) {
        return testing::until(
            [&] {
                run();
                client->turn(client_reads);
            },
            reached);
    }
    bool shake_hands() {
        return until([this] { return done && client->is_connected(); });
    }
    // Reads whatever comes, in pieces of `size`, until `count` bytes are there or the peer is gone.
    bool read(std::size_t count, std::size_t size = 4096) {
        reading = true;
        read_more(count, size);
        return until([this] { return !reading; });
    }
    void read_more(std::size_t count, std::size_t size) {
        transport->wait_readable([this, count, size] {
            std::vector<std::byte> piece(size);
            const auto got = transport->read_some(piece);
            if (!got) {
                gone = true;
                reading = false;
                return;
            }
            received.append(reinterpret_cast<const char*>(piece.data()), *got);
            if (received.size() < count) read_more(count, size);
            else reading = false;
        });
    }

    Loop loop;
    ConnectionLimit limit{10};
    std::unique_ptr<Client> client;
    std::function<void()> give_up;
    std::unique_ptr<SocketTransport> transport;
    std::string received;
    bool done = false;
    bool reading = false;
    bool gone = false;
};

const ClientWish plain{};
const ClientWish tls12{.tls = true, .version = TLS1_2_VERSION};
const ClientWish tls13{.tls = true, .version = TLS1_3_VERSION};

struct OverEvery : ::testing::TestWithParam<ClientWish> {};
INSTANTIATE_TEST_SUITE_P(SocketTransport, OverEvery, ::testing::Values(plain, tls12, tls13),
                         [](const auto& info) {
                             return std::string(!info.param.tls                        ? "plain"
                                                : info.param.version == TLS1_2_VERSION ? "tls12"
                                                                                       : "tls13");
                         });

TEST_P(OverEvery, BytesGoBothWaysAndAreSealedWhenTheyShallBe) {
    Connection connection(GetParam());
    ASSERT_TRUE(connection.shake_hands());
    EXPECT_EQ(connection.transport->peer().address, "127.0.0.1");
    EXPECT_EQ(connection.transport->peer().encrypted, GetParam().tls);
    EXPECT_FALSE(connection.transport->peer().has_certificate);
    connection.client->send("from the client");
    ASSERT_TRUE(connection.read(15));
    EXPECT_EQ(connection.received, "from the client");
    connection.transport->write("from the server");
    ASSERT_TRUE(connection.until([&] { return connection.client->received.size() == 15; }));
    EXPECT_EQ(connection.client->received, "from the server");
    EXPECT_EQ(connection.client->wire.find("server") != std::string::npos, !GetParam().tls);
}

TEST(SocketTransport, TicketsGoOutWithTheFirstAnswerOrBeforeAWait) {
    for (const bool answers : {true, false}) {
        Connection connection(tls13);
        ASSERT_TRUE(connection.shake_hands());
        const auto turn = [&] {
            connection.run();
            connection.client->turn(true);
        };
        turn();
        const std::size_t before = connection.client->wire.size();
        turn();
        EXPECT_EQ(connection.client->wire.size(), before);
        if (answers) connection.transport->write("!");
        else connection.transport->wait_readable([] {});
        ASSERT_TRUE(connection.until([&] {
            return connection.client->wire.size() > before + 100 &&
                   connection.client->received == (answers ? "!" : "");
        }));
    }
}

TEST_P(OverEvery, WhatThePeerDoesNotTakeWaitsInOrder) {
    Connection connection(GetParam());
    ASSERT_TRUE(connection.shake_hands());
    const std::string much = numbered(1 << 20);
    connection.transport->write(std::string_view(much).substr(0, much.size() / 2));
    connection.transport->write(std::string_view(much).substr(much.size() / 2));
    EXPECT_GT(connection.transport->unsent(), std::size_t{100'000});
    bool sent = false;
    connection.transport->wait_sent([&] { sent = true; });
    connection.run();
    EXPECT_FALSE(sent);
    ASSERT_TRUE(
        connection.until([&] { return connection.client->received.size() == much.size(); }));
    EXPECT_TRUE(connection.client->received == much);
    EXPECT_TRUE(connection.until([&] { return sent; }));
    EXPECT_EQ(connection.transport->unsent(), 0u);
}

TEST_P(OverEvery, SmallReadsLoseNothingAndAlwaysWakeUpAgain) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{7}, std::size_t{1000},
                                   std::size_t{16 * 1024}, std::size_t{70'000}}) {
        Connection connection(GetParam());
        ASSERT_TRUE(connection.shake_hands());
        const std::string text = numbered(size == 1 ? 5'000 : 300'000);
        connection.client->send(text);
        ASSERT_TRUE(connection.read(text.size(), size))
            << size << " got " << connection.received.size();
        EXPECT_TRUE(connection.received == text);
    }
}

TEST_P(OverEvery, ClosingFiresTheWaitAndSaysGoodbye) {
    Connection connection(GetParam());
    ASSERT_TRUE(connection.shake_hands());
    ASSERT_EQ(connection.limit.open(), 1u);
    int fired = 0;
    std::array<std::byte, 8> room;
    EXPECT_EQ(connection.transport->read_some(room).value(), 0u);
    connection.transport->wait_readable([&] {
        ++fired;
        EXPECT_FALSE(connection.transport->read_some(room).has_value());
    });
    connection.run();
    EXPECT_EQ(fired, 0);
    connection.transport->close();
    EXPECT_EQ(fired, 0) << "not inside of close()";
    connection.transport->close();
    EXPECT_TRUE(connection.until([&] { return connection.client->ended; }));
    EXPECT_EQ(fired, 1);
    EXPECT_EQ(connection.client->goodbye, GetParam().tls);
    EXPECT_FALSE(connection.client->reset);
    EXPECT_EQ(connection.limit.open(), 0u);
    bool sent = false;
    connection.transport->wait_sent([&] { sent = true; });
    connection.transport->write("too late");
    EXPECT_TRUE(connection.until([&] { return sent; }));
}

TEST_P(OverEvery, ADestroyedTransportCallsNobody) {
    Connection connection(GetParam());
    ASSERT_TRUE(connection.shake_hands());
    bool called = false;
    connection.transport->wait_readable([&] { called = true; });
    connection.transport->wait_sent([&] { called = true; });  // about to be called
    connection.transport->close();
    connection.transport.reset();
    connection.run();
    EXPECT_FALSE(called);
}

TEST_P(OverEvery, APeerThatResetsFiresEveryWait) {
    Connection connection(GetParam());
    ASSERT_TRUE(connection.shake_hands());
    connection.transport->write(numbered(1 << 20));
    bool sent = false;
    connection.transport->wait_sent([&] { sent = true; });
    connection.client->vanish();
    EXPECT_TRUE(connection.read(1));
    EXPECT_TRUE(connection.gone);
    EXPECT_TRUE(connection.until([&] { return sent; }, false));
    EXPECT_EQ(connection.transport->unsent(), 0u);
    connection.transport->write("into the void");
    EXPECT_EQ(connection.transport->unsent(), 0u);
}

TEST_P(OverEvery, LastWordsReachAPeerThatWasStillTalking) {
    Connection connection(GetParam());
    ASSERT_TRUE(connection.shake_hands());
    connection.client->send(numbered(50'000));
    ASSERT_TRUE(connection.read(1, 10));
    connection.transport->write("enough");
    connection.transport->close();
    EXPECT_TRUE(
        connection.until([&] { return connection.client->ended || connection.client->reset; }));
    EXPECT_FALSE(connection.client->reset);
    EXPECT_EQ(connection.client->received, "enough");
}

TEST(SocketTransport, APeerThatOnlyStoppedSendingGetsWhatItIsOwed) {
    Connection connection;
    connection.client->send("all I have to say");
    connection.client->finish_sending();
    ASSERT_TRUE(connection.read(1000));
    EXPECT_TRUE(connection.gone);
    EXPECT_EQ(connection.received, "all I have to say");
    const std::string answer = numbered(1 << 20);
    connection.transport->write(answer);
    ASSERT_TRUE(
        connection.until([&] { return connection.client->received.size() == answer.size(); }));
    EXPECT_TRUE(connection.client->received == answer);
    connection.gone = false;
    EXPECT_TRUE(connection.read(1000));
    EXPECT_TRUE(connection.gone) << "the end stays the end";
}

TEST(SocketTransport, KeysAreRenewedInTheMiddle) {
    Connection connection(tls13);
    ASSERT_TRUE(connection.shake_hands());
    for (int i = 0; i < 3; ++i) {
        connection.client->renew_keys();
        connection.client->send("x");
        ASSERT_TRUE(connection.read(connection.received.size() + 1));
        connection.transport->write("y");
        ASSERT_TRUE(connection.until(
            [&] { return connection.client->received.size() == static_cast<std::size_t>(i) + 1; }));
    }
    EXPECT_EQ(connection.received, "xxx");
    EXPECT_EQ(connection.client->received, "yyy");
}

TEST(SocketTransport, AHandshakeThatTakesTooLongIsGivenUp) {
    Connection connection(tls13);
    connection.run();
    EXPECT_FALSE(connection.done);
    EXPECT_EQ(connection.limit.open(), 1u);
    connection.give_up();
    connection.run();
    EXPECT_TRUE(connection.done);
    EXPECT_EQ(connection.transport, nullptr);
    EXPECT_EQ(connection.limit.open(), 0u);
    connection.give_up();
}

TEST(SocketTransport, GivingUpDoesNothingToAFinishedHandshake) {
    Connection connection(tls13);
    ASSERT_TRUE(connection.shake_hands());
    connection.give_up();
    connection.client->send("still here");
    EXPECT_TRUE(connection.read(10));
    EXPECT_EQ(connection.received, "still here");
}

TEST(SocketTransport, WhoSpeaksNoTlsIsSentAway) {
    for (const std::string_view hello :
         {std::string_view("GET / HTTP/1.1\r\n\r\n"),
          std::string_view("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", 14)}) {
        ConnectionLimit limit(1);
        Loop loop;
        tcp::acceptor acceptor(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        Client client(acceptor.local_endpoint().port(), plain);
        std::optional<bool> good;
        (void)SocketTransport::accept(
            acceptor.accept(), testing::server_tls(), std::move(*limit.take()),
            [&](std::unique_ptr<SocketTransport> made) { good = made != nullptr; });
        client.send(hello);
        ASSERT_TRUE(testing::until([&] { loop.restart(), loop.poll(), client.turn(); },
                                   [&] { return client.ended; }));
        EXPECT_EQ(good, false);
        EXPECT_FALSE(client.reset);
        EXPECT_EQ(limit.open(), 0u);
    }
}

TEST(SocketTransport, APeerThatVanishesInItsHandshakeLeavesNothing) {
    Connection connection(tls12);
    connection.client->turn();
    connection.run();
    connection.client->vanish();
    EXPECT_TRUE(testing::until([&] { connection.run(); }, [&] { return connection.done; }));
    EXPECT_EQ(connection.transport, nullptr);
    EXPECT_EQ(connection.limit.open(), 0u);
}

// --- moving to another loop, with threads for ThreadSanitizer to watch ---------------------------

struct OtherLoop {
    ~OtherLoop() { stop(); }
    void stop() {
        work.reset();
        if (thread.joinable()) thread.join();
    }
    Loop loop;
    asio::executor_work_guard<Loop::executor_type> work{loop.get_executor()};
    std::thread thread{[this] { loop.run(); }};
};

TEST_P(OverEvery, AConnectionMovesWithAllThatIsUnsentAndUnread) {
    OtherLoop other;
    Connection connection(GetParam());
    ASSERT_TRUE(connection.shake_hands());
    const std::string much = numbered(1 << 20);
    connection.transport->write(much);
    ASSERT_GT(connection.transport->unsent(), 0u);
    connection.client->send("read me there");
    // A wait of this loop may be done already when the connection leaves.
    connection.client->turn();

    std::atomic<bool> finished = false;
    std::string there;
    connection.transport->move_to(other.loop.get_executor());
    asio::post(other.loop, [&] {
        SocketTransport& moved = *connection.transport;
        EXPECT_EQ(moved.executor(), Executor(other.loop.get_executor()));
        moved.wait_sent([&] {
            moved.wait_readable([&] {
                std::array<std::byte, 100> room;
                const auto count = moved.read_some(room);
                if (count) there.assign(reinterpret_cast<const char*>(room.data()), *count);
                moved.write("!");
                moved.wait_sent([&] {
                    moved.close();
                    finished = true;
                });
            });
        });
    });
    ASSERT_TRUE(connection.until([&] { return connection.client->ended && finished; }));
    EXPECT_EQ(there, "read me there");
    EXPECT_TRUE(connection.client->received == much + "!");
    other.stop();
    connection.transport.reset();
    other.loop.discard();
}

TEST(SocketTransport, AClosedConnectionStaysWhereItIs) {
    Loop other;
    Connection connection;
    connection.transport->close();
    connection.transport->move_to(other.get_executor());
    EXPECT_EQ(connection.transport->executor(), Executor(connection.loop.get_executor()));
}

// --- client certificates and resumed sessions -------------------------------------------------

std::size_t presented(const SocketTransport& transport) {
    const auto* chain = reinterpret_cast<const STACK_OF(X509)*>(transport.certificate_chain());
    return chain == nullptr ? 0 : static_cast<std::size_t>(sk_X509_num(chain));
}

struct Resumption : ::testing::TestWithParam<int> {
    Certificate root{{.common_names = {"root"}, .is_authority = true}};
    Certificate middle{{.common_names = {"middle"}, .issuer = &root, .is_authority = true}};
    Certificate leaf{{.common_names = {"d1"}, .issuer = &middle}};
    std::shared_ptr<const TlsContext> tls = testing::server_tls();

    // Connects twice, the second time with the session of the first.
    template <class Look>
    void connect_twice(ClientWish wish, Look look) {
        wish.tls = true;
        wish.version = GetParam();
        for (const bool again : {false, true}) {
            Connection connection(wish, tls);
            ASSERT_TRUE(connection.shake_hands());
            connection.transport->write("x");  // behind it: the ticket has come
            ASSERT_TRUE(connection.until([&] { return connection.client->received == "x"; }));
            look(connection, again);
            SSL_SESSION_free(wish.session);
            wish.session = connection.client->session();
            connection.client->send("y");
            ASSERT_TRUE(connection.read(1));
        }
        SSL_SESSION_free(wish.session);
    }
};
INSTANTIATE_TEST_SUITE_P(SocketTransport, Resumption,
                         ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION), [](const auto& info) {
                             return std::string(info.param == TLS1_2_VERSION ? "tls12" : "tls13");
                         });

TEST_P(Resumption, ClientsWithoutCertificateResume) {
    connect_twice({}, [](Connection& connection, bool again) {
        EXPECT_EQ(connection.client->resumed(), again);
        EXPECT_FALSE(connection.transport->peer().has_certificate);
    });
}

TEST_P(Resumption, ACertificateAloneIsStillThereWhenItsSessionResumes) {
    connect_twice({.certificate = &leaf}, [this](Connection& connection, bool again) {
        EXPECT_EQ(connection.client->resumed(), again);
        EXPECT_TRUE(connection.transport->peer().has_certificate);
        ASSERT_NE(connection.transport->certificate(), nullptr);
        EXPECT_EQ(X509_cmp(connection.transport->certificate(), leaf.get()), 0);
        EXPECT_EQ(presented(*connection.transport), 0u);
    });
}

TEST_P(Resumption, AChainComesAgainBecauseATicketCannotHoldIt) {
    connect_twice({.certificate = &leaf, .intermediate = &middle},
                  [this](Connection& connection, bool) {
                      EXPECT_FALSE(connection.client->resumed());
                      ASSERT_NE(connection.transport->certificate(), nullptr);
                      EXPECT_EQ(X509_cmp(connection.transport->certificate(), leaf.get()), 0);
                      EXPECT_EQ(presented(*connection.transport), 1u);
                  });
}

}  // namespace
}  // namespace twinhub::gateway
