#include "gateway/ws/websocket_transport.h"

#include "gateway/testing/fake_transport.h"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::gateway {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

constexpr int binary = 2, text = 1, continuation = 0, close_frame = 8, ping = 9;

// A frame as clients send it: masked.
std::string frame(int opcode, std::string_view payload, bool last = true) {
    std::string out(1, static_cast<char>((last ? 0x80 : 0) | opcode));
    if (payload.size() < 126) {
        out += static_cast<char>(0x80 | payload.size());
    } else {
        out += static_cast<char>(0x80 | 126);
        out += static_cast<char>(payload.size() >> 8);
        out += static_cast<char>(payload.size() & 0xff);
    }
    constexpr std::string_view mask = "\x11\x22\x33\x44";
    out += mask;
    for (std::size_t i = 0; i < payload.size(); ++i)
        out += static_cast<char>(payload[i] ^ mask[i % 4]);
    return out;
}

class WebSocket : public testing::Test {
protected:
    void SetUp() override { open(""); }
    void open(std::string early) {
        peer = std::make_shared<FakePeer>();
        socket = accept_websocket(std::make_unique<FakeTransport>(loop.get_executor(), peer),
                                  {"/$iothub/websocket", "hub.local",
                                   "dGhlIHNhbXBsZSBub25jZQ==", "mqtt", std::move(early)});
        run();
        EXPECT_THAT(peer->received, EndsWith("\r\n\r\n"));
        peer->received.clear();
    }
    void run() {
        loop.restart();
        loop.poll();
    }
    // All that arrives, as a caller reads it: wait, then take what is there.
    void listen() {
        socket->wait_readable([this] {
            std::array<std::byte, 100> some;
            while (true) {
                const auto count = socket->read_some(some);
                if (!count) {
                    ended = true;
                    return;
                }
                if (*count == 0) break;
                got.append(reinterpret_cast<const char*>(some.data()), *count);
            }
            listen();
        });
    }

    asio::io_context loop{1};
    std::shared_ptr<FakePeer> peer;
    std::unique_ptr<Transport> socket;
    std::string got;
    bool ended = false;
};

TEST_F(WebSocket, IsAStreamOfBytesWhateverTheFrames) {
    const std::string first = "one packet", second(3000, 'x'), third = "and more";
    const std::string bytes = frame(binary, first.substr(0, 3), false) +
                              frame(continuation, "", false) +
                              frame(continuation, first.substr(3)) + frame(binary, second + third) +
                              frame(binary, "") + frame(binary, "!");
    for (const std::size_t size : {1UL, 2UL, 5UL, 100UL, 5000UL}) {
        open("");
        got.clear();
        listen();
        peer->send_split(bytes, size);
        run();
        EXPECT_EQ(got, first + second + third + "!") << size;
        EXPECT_FALSE(ended);
    }
}

TEST_F(WebSocket, TakesBytesThatCameWithTheHandshake) {
    const std::string bytes = frame(binary, "early") + frame(binary, "bird");
    open(bytes.substr(0, 7));
    listen();
    peer->send(bytes.substr(7));
    run();
    EXPECT_EQ(got, "earlybird");
}

TEST_F(WebSocket, SendsOneBinaryFrameInOneWrite) {
    const std::size_t before = peer->writes;
    socket->write("\x20\x02");
    EXPECT_EQ(peer->received, "\x82\x02\x20\x02");
    EXPECT_EQ(peer->writes, before + 1);
    peer->received.clear();
    socket->write(std::string(70'000, 'y'));
    EXPECT_EQ(peer->received.substr(0, 2), "\x82\x7f");
    EXPECT_EQ(peer->received.size(), 70'010u);
}

TEST_F(WebSocket, WritesWhileAReadWaits) {
    listen();
    run();
    socket->write("a");
    peer->send(frame(binary, "b"));
    run();
    EXPECT_EQ(peer->received,
              "\x82\x01"
              "a");
    EXPECT_EQ(got, "b");
}

TEST_F(WebSocket, AnswersPings) {
    listen();
    peer->send(frame(ping, "are you there") + frame(binary, "data"));
    run();
    EXPECT_EQ(peer->received, std::string("\x8a\x0d") + "are you there");
    EXPECT_EQ(got, "data");
}

TEST_F(WebSocket, IsNotReadWhileThePeerTakesNoAnswersToItsPings) {
    listen();
    peer->takes = false;
    for (int i = 0; i < 2000; ++i) peer->send(frame(ping, std::string(125, 'p')));
    run();
    EXPECT_LT(peer->unsent, std::size_t{70'000});
    EXPECT_FALSE(peer->sent.empty());
    peer->send(frame(binary, "data"));
    peer->take_all();
    run();
    EXPECT_EQ(got, "data");
}

TEST_F(WebSocket, EndsWithTheClosingHandshakeOfThePeer) {
    listen();
    peer->send(frame(binary, "last words") + frame(close_frame, "\x03\xe8"));
    run();
    EXPECT_EQ(got, "last words");
    EXPECT_TRUE(ended);
    EXPECT_EQ(peer->received.substr(0, 1), "\x88");
    EXPECT_TRUE(peer->closed);
}

class BadFrames : public WebSocket, public testing::WithParamInterface<std::string> {};
TEST_P(BadFrames, EndTheStream) {
    listen();
    peer->send(GetParam());
    run();
    EXPECT_TRUE(ended);
    EXPECT_EQ(got, "");
}
INSTANTIATE_TEST_SUITE_P(
    Table, BadFrames,
    testing::Values(frame(text, "hello"),
                    std::string("\x82\x01"
                                "a"),
                    frame(continuation, "x"), frame(3, "x"),
                    std::string("\xc2\x81\x11\x22\x33\x44\x00", 7),
                    std::string("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x11\x22\x33\x44", 14),
                    frame(ping, std::string(126, 'p'))));

TEST_F(WebSocket, BoundsTheLengthOfAMessage) {
    listen();
    std::string header = "\x82\xff";
    const std::uint64_t length = websocket_message_bytes_max + 1;
    for (int shift = 56; shift >= 0; shift -= 8)
        header += static_cast<char>(length >> shift & 0xff);
    peer->send(header + "\x11\x22\x33\x44");
    run();
    EXPECT_TRUE(ended);
}

TEST_F(WebSocket, EndsWhenThePeerHangsUp) {
    listen();
    peer->hang_up();
    run();
    EXPECT_TRUE(ended);
}

TEST_F(WebSocket, SaysGoodbyeAndWakesTheReaderOnClose) {
    listen();
    run();
    socket->close();
    run();
    EXPECT_TRUE(ended);
    EXPECT_EQ(peer->received, "\x88\x02\x03\xe8");
    EXPECT_TRUE(peer->closed);
    socket->close();
    socket->write("too late");
    EXPECT_EQ(peer->received, "\x88\x02\x03\xe8");
}

TEST_F(WebSocket, CanBeDestroyedWhileItWaitsAndByItsOwnReader) {
    listen();
    run();
    socket.reset();
    run();
    EXPECT_TRUE(peer->gone);

    open("");
    socket->wait_readable([this] { socket.reset(); });
    peer->send(frame(binary, "x"));
    run();
    EXPECT_TRUE(peer->gone);

    open(frame(binary, "posted"));
    socket->wait_readable([] { FAIL(); });
    socket.reset();
    run();
    EXPECT_TRUE(peer->gone);
}

TEST_F(WebSocket, GoesOnOnAnotherLoop) {
    asio::io_context other{1};
    peer->sent.emplace_back(frame(binary, "moved"));
    socket->move_to(other.get_executor());
    EXPECT_EQ(socket->executor(), Executor(other.get_executor()));
    listen();
    run();
    EXPECT_EQ(got, "");
    other.poll();
    EXPECT_EQ(got, "moved");
    socket.reset();
}

TEST_F(WebSocket, ShowsWhatTheCarrierHasNotSent) {
    peer->takes = false;
    socket->write("abc");
    EXPECT_EQ(socket->unsent(), 5u);
    bool sent = false;
    socket->wait_sent([&] { sent = true; });
    run();
    EXPECT_FALSE(sent);
    peer->take_all();
    run();
    EXPECT_TRUE(sent);
}

}  // namespace
}  // namespace twinhub::gateway
