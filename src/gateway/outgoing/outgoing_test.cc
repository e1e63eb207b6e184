#include "gateway/outgoing/outgoing.h"

#include "base/loop.h"
#include "gateway/listener.h"
#include "gateway/tls/testing/loopback.h"

#include <boost/asio/co_spawn.hpp>
#include <gmock/gmock.h>

#include <fstream>

namespace twinhub::gateway {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using Answers = std::vector<Result<OutgoingAnswer>>;

struct HandClock final : Clock {
    Instant now() const override { return x509::testing::made_at; }
    Moment monotonic() const override { return at; }
    Moment at{1h};
};

const testing::Certificate& server_certificate() {
    static const testing::Certificate certificate(
        {.common_names = {"localhost"},
         .until = x509::testing::made_at + std::chrono::days(36500)});
    return certificate;
}

std::string certificate_file() {
    const std::string path = ::testing::TempDir() + "outgoing_test_ca.pem";
    std::ofstream(path) << server_certificate().pem();
    return path;
}

// A server that does what the test says, and the client under test, on one loop turned by hand.
struct OutgoingTest : ::testing::Test {
    OutgoingTest() {
        log.configure(LogLevel::error, Log::Format::text);
        certificates.store(
            TlsContext::create({{server_certificate().pem(), server_certificate().key_pem()}})
                .value());
        socket = ListeningSocket::open("127.0.0.1", 0, 16).value();
        acceptor = std::make_unique<Acceptor>(loop.get_executor(), socket, &certificates, deadlines,
                                              clock, log, limit, metrics, Acceptor::Settings{},
                                              [this](std::unique_ptr<Transport> transport) {
                                                  peers.push_back(std::move(transport));
                                                  requests.emplace_back();
                                              });
        trust();
    }
    ~OutgoingTest() override {
        if (client) client->stop();
        acceptor->stop();
        turn();
        peers.clear();
        loop.discard();
    }

    void trust(const std::string& file = certificate_file(), OutgoingLimits limits = {}) {
        client =
            std::make_unique<Outgoing>(loop.get_executor(), deadlines, clock,
                                       make_trust(file, SystemAuthorities::always).value(), limits);
    }
    Url url(std::string_view host = "localhost") const {
        return {.host = std::string(host), .port = socket->port(), .target = "/hook?code=1"};
    }
    void post(std::string body, OutgoingHeaders headers = {}, Url to = {}) {
        asio::co_spawn(loop, client->post(to.host.empty() ? url() : to, std::move(headers), body),
                       [this](const std::exception_ptr&, Result<OutgoingAnswer> answer) {
                           answers.push_back(std::move(answer));
                       });
    }
    void turn() {
        loop.restart();
        loop.poll();
        std::array<std::byte, 4096> bytes;
        for (std::size_t i = 0; i < peers.size(); ++i) {
            if (peers[i] == nullptr) continue;
            const auto count = peers[i]->read_some(bytes);
            if (count) requests[i].append(reinterpret_cast<const char*>(bytes.data()), *count);
        }
    }
    template <class Done>
    bool until(Done done) {
        return testing::until([this] { turn(); }, done);
    }
    // Once peer `i` got a request with `body`.
    bool asked(std::size_t i, std::string_view body) {
        return until([&] { return i < requests.size() && requests[i].ends_with(body); });
    }
    bool answered(std::size_t count) {
        return until([&] { return answers.size() == count; });
    }
    void say(std::size_t i, std::string_view text) { peers[i]->write(text); }

    Loop loop;
    HandClock clock;
    Log log;
    Deadlines deadlines{clock.at};
    prometheus::Registry registry;
    ListenerMetrics metrics{registry};
    ConnectionLimit limit{10, &metrics.open};
    SharedTls certificates;
    std::shared_ptr<ListeningSocket> socket;
    std::unique_ptr<Acceptor> acceptor;
    std::vector<std::unique_ptr<Transport>> peers;
    std::vector<std::string> requests;
    std::unique_ptr<Outgoing> client;
    Answers answers;
};

TEST_F(OutgoingTest, PostsAndReadsTheAnswer) {
    post("{\"a\":1}", {{"Content-Type", "application/json"}});
    ASSERT_TRUE(asked(0, "{\"a\":1}"));
    EXPECT_THAT(requests[0], StartsWith("POST /hook?code=1 HTTP/1.1\r\nHost: localhost:"));
    EXPECT_THAT(requests[0], HasSubstr("\r\nContent-Length: 7\r\n"));
    EXPECT_THAT(requests[0], HasSubstr("\r\nContent-Type: application/json\r\n"));
    say(0,
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 503 Busy\r\nRetry-After: 7\r\n"
        "Content-Length: 2\r\n\r\nno");
    ASSERT_TRUE(answered(1));
    ASSERT_TRUE(answers[0].has_value()) << answers[0].error().message;
    EXPECT_EQ(answers[0]->status, 503);
    EXPECT_EQ(answers[0]->body, "no");
    EXPECT_EQ(answers[0]->retry_after, 7s);
    EXPECT_FALSE(answers[0]->is_success());
}

TEST_F(OutgoingTest, UsesAConnectionAgain) {
    for (std::size_t i = 1; i <= 3; ++i) {
        post("body " + std::to_string(i));
        ASSERT_TRUE(asked(0, "body " + std::to_string(i)));
        say(0, "HTTP/1.1 204 No Content\r\n\r\n");
        ASSERT_TRUE(answered(i));
        EXPECT_TRUE(answers.back().has_value());
    }
    EXPECT_EQ(peers.size(), 1u);
}

TEST_F(OutgoingTest, AsksAgainWhenAKeptConnectionWasClosedMeanwhile) {
    post("one");
    ASSERT_TRUE(asked(0, "one"));
    say(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ASSERT_TRUE(answered(1));
    peers[0]->close();
    post("two");
    ASSERT_TRUE(asked(1, "two"));
    say(1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ASSERT_TRUE(answered(2));
    EXPECT_EQ(answers[1]->status, 200);
}

TEST_F(OutgoingTest, DoesNotAskAgainOnANewConnectionThatEnds) {
    post("one");
    ASSERT_TRUE(asked(0, "one"));
    peers[0]->close();
    ASSERT_TRUE(answered(1));
    EXPECT_EQ(answers[0].error().code, Code::unavailable);
    EXPECT_EQ(peers.size(), 1u);
}

TEST_F(OutgoingTest, LetsGoOfAConnectionThatRestsTooLong) {
    post("one");
    ASSERT_TRUE(asked(0, "one"));
    say(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ASSERT_TRUE(answered(1));
    deadlines.advance(clock.at += 62s);
    std::array<std::byte, 16> bytes;
    EXPECT_TRUE(until([&] { return !peers[0]->read_some(bytes).has_value(); }));
}

TEST_F(OutgoingTest, TakesAnAnswerThatEndsWithItsConnection) {
    post("one");
    ASSERT_TRUE(asked(0, "one"));
    say(0, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it");
    peers[0]->close();
    ASSERT_TRUE(answered(1));
    ASSERT_TRUE(answers[0].has_value()) << answers[0].error().message;
    EXPECT_EQ(answers[0]->body, "all of it");
}

TEST_F(OutgoingTest, GivesUpOnASilentServer) {
    post("one");
    ASSERT_TRUE(asked(0, "one"));
    deadlines.advance(clock.at += 29s);
    turn();
    EXPECT_TRUE(answers.empty());
    deadlines.advance(clock.at += 3s);
    ASSERT_TRUE(answered(1));
    EXPECT_EQ(answers[0].error().code, Code::timeout);
    EXPECT_THAT(answers[0].error().message, Not(HasSubstr("code=1")));
}

TEST_F(OutgoingTest, DoesNotBelieveAStranger) {
    const testing::Certificate other({.common_names = {"localhost"},
                                      .until = x509::testing::made_at + std::chrono::days(36500)});
    const std::string file = ::testing::TempDir() + "outgoing_test_other.pem";
    std::ofstream(file) << other.pem();
    trust(file);
    post("secret");
    ASSERT_TRUE(answered(1));
    EXPECT_EQ(answers[0].error().code, Code::unauthorized);
}

TEST_F(OutgoingTest, DoesNotBelieveAnotherName) {
    post("secret", {}, url("127.0.0.1"));
    ASSERT_TRUE(answered(1));
    EXPECT_EQ(answers[0].error().code, Code::unauthorized);
    for (const std::string& request : requests) EXPECT_EQ(request, "");
}

TEST_F(OutgoingTest, RefusesAnAnswerWithoutEnd) {
    trust(certificate_file(), {.answer_bytes_max = 1000});
    post("one");
    ASSERT_TRUE(asked(0, "one"));
    say(0, "HTTP/1.1 200 OK\r\n\r\n" + std::string(2000, 'x'));
    ASSERT_TRUE(answered(1));
    EXPECT_EQ(answers[0].error().code, Code::format_invalid);

    post("two");
    ASSERT_TRUE(asked(1, "two"));
    for (int i = 0; i < 10; ++i) say(1, "HTTP/1.1 102 Processing\r\n\r\n");
    ASSERT_TRUE(answered(2));
    EXPECT_EQ(answers[1].error().code, Code::format_invalid);
}

TEST_F(OutgoingTest, RefusesWhatIsNotHttp) {
    post("one");
    ASSERT_TRUE(asked(0, "one"));
    say(0, "SSH-2.0-server\r\n");
    ASSERT_TRUE(answered(1));
    EXPECT_EQ(answers[0].error().code, Code::format_invalid);
}

TEST_F(OutgoingTest, RefusesAHeaderThatWouldEndItsLine) {
    post("one", {{"X-Name", "a\r\nX-Other: b"}});
    ASSERT_TRUE(answered(1));
    EXPECT_EQ(answers[0].error().code, Code::argument_invalid);
}

TEST_F(OutgoingTest, TakesNoMoreThanItMayHaveUnderWay) {
    trust(certificate_file(), {.requests_max = 1});
    post("one");
    ASSERT_TRUE(asked(0, "one"));
    post("two");
    ASSERT_TRUE(answered(1));
    EXPECT_EQ(answers[0].error().code, Code::throttled);
}

TEST_F(OutgoingTest, EndsWhatIsUnderWayWhenItStops) {
    post("one");
    ASSERT_TRUE(asked(0, "one"));
    client->stop();
    post("two");
    ASSERT_TRUE(answered(2));
    for (const auto& answer : answers) EXPECT_EQ(answer.error().code, Code::unavailable);
}

}  // namespace
}  // namespace twinhub::gateway
