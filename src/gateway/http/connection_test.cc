// One connection over a transport in memory: order, limits, deadlines, upgrades.
#include "gateway/http/testing/service_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

TEST(HttpConnection, AnswersARequestThatComesByteByByte) {
    ServiceDoor door;
    for (const std::size_t size : {1UL, 2UL, 3UL, 7UL, 64UL}) {
        const auto peer = door.connect();
        peer->send_split(
            door.request("PUT", "/devices/d" + std::to_string(size), R"({"status":"enabled"})"),
            size);
        EXPECT_EQ(door.next(peer).status, 200u) << size;
        EXPECT_FALSE(peer->closed);
    }
}

TEST(HttpConnection, AnswersPipelinedRequestsInOrderWithOneWriteEach) {
    ServiceDoor door;
    const auto peer = door.connect();
    std::string all;
    for (int i = 0; i < 20; ++i) {
        all += door.request("PUT", "/devices/d" + std::to_string(i), "{}");
        all += door.request("GET", "/devices/d" + std::to_string(i));
    }
    peer->send_split(all, 1500);
    for (int i = 0; i < 40; ++i) {
        const Response response = door.next(peer);
        ASSERT_EQ(response.status, 200u);
        EXPECT_EQ(response.json().at("deviceId").as_string(), "d" + std::to_string(i / 2));
    }
    EXPECT_EQ(peer->writes, 40u);
}

TEST(HttpConnection, LetsOthersHaveTheirTurnBetweenPipelinedRequests) {
    ServiceDoor door;
    const auto greedy = door.connect();
    const auto modest = door.connect();
    std::string all;
    for (int i = 0; i < 30; ++i) all += door.request("GET", "/jobs");
    greedy->send(all);
    modest->send(door.request("GET", "/jobs"));
    EXPECT_EQ(door.next(modest).status, 200u);
    EXPECT_EQ(greedy->writes, static_cast<std::size_t>(requests_per_turn));
    for (int i = 0; i < 30; ++i) ASSERT_EQ(door.next(greedy).status, 200u);
}

TEST(HttpConnection, EndsWhenTheClientSaysSo) {
    ServiceDoor door;
    const auto peer = door.connect();
    peer->send(door.request("GET", "/jobs", "", "Connection: close\r\n"));
    EXPECT_EQ(door.next(peer).field("connection"), "close");
    EXPECT_TRUE(peer->closed);
    EXPECT_EQ(door.context().connections(), 0u);
}

TEST(HttpConnection, EndsQuietlyWhenThePeerHangsUpAnywhereInARequest) {
    ServiceDoor door;
    const std::string request = door.request("PUT", "/devices/d", R"({"status":"enabled"})");
    for (std::size_t at = 0; at < request.size(); at += 5) {
        const auto peer = door.connect();
        peer->send(request.substr(0, at));
        peer->hang_up();
        door.on_memory().run_ready();
        EXPECT_TRUE(peer->gone) << at;
        EXPECT_EQ(peer->received, "") << at;
    }
}

TEST(HttpConnection, RefusesWhatIsNotHttpAndCloses) {
    ServiceDoor door;
    for (const char* bytes : {"\x16\x03\x01\x02", "hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"}) {
        const auto peer = door.connect();
        peer->send(bytes);
        const Response response = door.next(peer);
        EXPECT_EQ(response.status, 400u);
        EXPECT_EQ(response.field("iothub-errorcode"), "IotHubFormatError");
        EXPECT_EQ(response.field("connection"), "close");
        peer->hang_up();
        door.on_memory().run_ready();
        EXPECT_TRUE(peer->gone);
    }
}

TEST(HttpConnection, WantsAHostHeaderAndTheHubsName) {
    ServiceDoor door;
    EXPECT_EQ(door.ask_raw("GET /jobs HTTP/1.1\r\n\r\n").status, 400u);
    const Response other =
        door.ask_raw("GET /jobs?api-version=2021-04-12 HTTP/1.1\r\nHost: other\r\nAuthorization: " +
                     door.token() + "\r\n\r\n");
    EXPECT_EQ(other.status, 401u);
    EXPECT_EQ(other.field("iothub-errorcode"), "IotHubNotFound");
    EXPECT_EQ(door.ask_raw("GET /jobs?api-version=2021-04-12 HTTP/1.1\r\nHost: "
                           "HUB.local:8443\r\nAuthorization: " +
                           door.token() + "\r\n\r\n")
                  .status,
              200u);
    EXPECT_EQ(door.ask_raw("GET /jobs?api-version=2021-04-12 HTTP/1.0\r\nAuthorization: " +
                           door.token() + "\r\n\r\n")
                  .status,
              200u);
}

TEST(HttpConnection, RefusesAStrangerBeforeItsBodyIsTaken) {
    ServiceDoor door;
    const auto peer = door.connect();
    peer->send(
        "POST /devices?api-version=2021-04-12 HTTP/1.1\r\nHost: hub.local\r\nContent-Length: "
        "1000000\r\n\r\n[");
    const Response response = door.next(peer);
    EXPECT_EQ(response.status, 401u);
    EXPECT_EQ(response.field("connection"), "close");
    EXPECT_FALSE(peer->closed) << "the rest is thrown away first, so that the answer arrives";
    peer->send(std::string(20'000, ' '));
    door.on_memory().run_ready();
    EXPECT_TRUE(peer->sent.empty());
    door.advance(seconds(7));
    EXPECT_TRUE(peer->gone);
}

TEST(HttpConnection, KeepsTheConnectionAfterARefusalWhoseRequestIsWhole) {
    ServiceDoor door;
    const auto peer = door.connect();
    peer->send("GET /devices/d?api-version=2021-04-12 HTTP/1.1\r\nHost: hub.local\r\n\r\n" +
               door.request("GET", "/nothing") + door.request("POST", "/devices/d", "{}") +
               door.request("GET", "/jobs"));
    EXPECT_EQ(door.next(peer).status, 401u);
    EXPECT_EQ(door.next(peer).status, 404u);
    EXPECT_EQ(door.next(peer).status, 405u);
    EXPECT_EQ(door.next(peer).status, 200u);
    EXPECT_FALSE(peer->closed);
}

TEST(HttpConnection, RefusesBodiesAboveTheLimitOfTheirRoute) {
    ServiceDoor door;
    const auto refused = [&](std::string_view method, std::string_view path, std::size_t bytes) {
        const auto peer = door.connect();
        peer->send(door.request(method, path, std::string(bytes, ' ')));
        const Response response = door.next(peer);
        EXPECT_EQ(response.field("iothub-errorcode") == "MessageTooLarge", response.status == 413);
        return response.status == 413;
    };
    EXPECT_TRUE(refused("PATCH", "/twins/d", 65'537));
    EXPECT_FALSE(refused("PATCH", "/twins/d", 65'536));
    EXPECT_TRUE(refused("POST", "/devices", 1024 * 1024 + 1));
    EXPECT_FALSE(refused("POST", "/devices", 1024 * 1024));
    EXPECT_TRUE(refused("GET", "/jobs", 20'000));
}

TEST(HttpConnection, RefusesAHeaderWithoutEnd) {
    ServiceDoor door;
    const auto peer = door.connect();
    peer->send("GET /jobs HTTP/1.1\r\n");
    for (int i = 0; i < 2000 && peer->received.empty(); ++i) {
        peer->send("X-Filler: 0123456789\r\n");
        door.on_memory().run_ready();
    }
    EXPECT_EQ(door.next(peer).status, 400u);
}

TEST(HttpConnection, SaysContinueOnlyToWhoMayGoOn) {
    ServiceDoor door;
    const auto peer = door.connect();
    const std::string request = door.request("PUT", "/devices/d", "{}", "Expect: 100-continue\r\n");
    peer->send(request.substr(0, request.size() - 2));
    door.on_memory().run_ready();
    EXPECT_EQ(peer->received, "HTTP/1.1 100 Continue\r\n\r\n");
    peer->received.clear();
    peer->send("{}");
    EXPECT_EQ(door.next(peer).status, 200u);

    const auto stranger = door.connect();
    stranger->send(
        "PUT /devices/d HTTP/1.1\r\nHost: hub.local\r\nExpect: 100-continue\r\nContent-Length: "
        "2\r\n\r\n");
    EXPECT_EQ(door.next(stranger).status, 401u);
}

struct Slow {
    std::string sent;
    seconds patience;
};
class SlowClient : public testing::TestWithParam<Slow> {};
TEST_P(SlowClient, IsLeftAloneUntilItsTimeAndThenEnded) {
    ServiceDoor door;
    const auto peer = door.connect();
    peer->send(GetParam().sent);
    door.on_memory().run_ready();
    peer->received.clear();
    door.advance(GetParam().patience - seconds(1));
    EXPECT_FALSE(peer->gone);
    door.advance(seconds(4));
    EXPECT_TRUE(peer->gone);
    EXPECT_EQ(peer->received, "");
}
INSTANTIATE_TEST_SUITE_P(Phases, SlowClient,
                         testing::Values(Slow{"", seconds(30)}, Slow{"GET /jo", seconds(30)},
                                         Slow{"GET /jobs HTTP/1.1\r\nHost: hub", seconds(30)},
                                         Slow{"GET /x HTTP/1.1\r\nHost: hub.local\r\n\r\n",
                                              seconds(120)}));

TEST(HttpConnection, CannotBeKeptByADripOfBytes) {
    ServiceDoor door;
    const auto peer = door.connect();
    for (int i = 0; i < 40 && !peer->gone; ++i) {
        peer->send(i == 0 ? "GET / HTTP/1.1\r\n" : "A: b\r\n");
        door.advance(seconds(1));
    }
    EXPECT_TRUE(peer->gone);

    const auto body = door.connect();
    const std::string request = door.request("PUT", "/devices/d", std::string(1000, ' '));
    body->send(request.substr(0, request.size() - 900));
    for (int i = 0; i < 70 && !body->gone; ++i) {
        body->send(" ");
        door.advance(seconds(1));
    }
    EXPECT_TRUE(body->gone);
}

TEST(HttpConnection, ReadsNoMoreWhileThePeerDoesNotTakeItsAnswers) {
    HttpSettings settings;
    settings.limits.unsent_bytes_max = 2000;
    ServiceDoor door(settings);
    const auto peer = door.connect();
    peer->takes = false;
    for (int i = 0; i < 50; ++i) peer->send(door.request("GET", "/jobs"));
    door.on_memory().run_ready();
    EXPECT_GT(peer->sent.size(), 20u);
    EXPECT_LT(peer->unsent, 3000u);
    peer->take_all();
    for (int i = 0; i < 50; ++i) ASSERT_EQ(door.next(peer).status, 200u);

    peer->takes = false;
    for (int i = 0; i < 50; ++i) peer->send(door.request("GET", "/jobs"));
    door.on_memory().run_ready();
    door.advance(seconds(63));
    EXPECT_TRUE(peer->gone);
}

TEST(HttpConnection, HoldsNothingWhileIdle) {
    ServiceDoor door;
    const auto peer = door.connect();
    peer->send(door.request("GET", "/jobs"));
    EXPECT_EQ(door.next(peer).body, "[]");
    EXPECT_EQ(door.context().connections(), 1u);
    door.context().stop();
    door.on_memory().run_ready();
    EXPECT_TRUE(peer->gone) << "an idle connection ends when the server stops";
    EXPECT_EQ(door.context().connections(), 0u);
}

TEST(HttpConnection, FinishesItsAnswerWhenTheServerStops) {
    ServiceDoor door;
    const auto peer = door.connect();
    door.on_memory().engine().hold();
    peer->send(door.request("PUT", "/devices/d", "{}"));
    door.on_memory().run_ready();
    door.on_memory().engine().wait_until_held();
    door.context().stop();
    door.on_memory().engine().release();
    const Response response = door.next(peer);
    EXPECT_EQ(response.status, 200u);
    EXPECT_EQ(response.field("connection"), "close");
}

TEST(HttpConnection, CompressesOnlyWhatIsAskedForAndLarge) {
    ServiceDoor door;
    for (int i = 0; i < 5; ++i)
        ASSERT_EQ(door.ask("PUT", "/devices/d" + std::to_string(i), "{}").status, 200u);
    EXPECT_EQ(door.ask("GET", "/devices").field("content-encoding"), "");
    EXPECT_EQ(door.ask("GET", "/jobs", "", "Accept-Encoding: gzip\r\n").field("content-encoding"),
              "");
    const Response packed = door.ask("GET", "/devices", "", "Accept-Encoding: gzip, deflate\r\n");
    EXPECT_EQ(packed.field("content-encoding"), "gzip");
    EXPECT_EQ(packed.body.substr(0, 2), "\x1f\x8b");
    EXPECT_EQ(door.ask("PUT", "/devices/x", "{}", "Content-Encoding: gzip\r\n").status, 415u);
}

constexpr std::string_view handshake =
    "GET /$iothub/websocket?iothub-no-client-cert=true HTTP/1.1\r\nHost: hub.local\r\nConnection: "
    "keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
    "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

TEST(HttpConnection, HandsADeviceSocketToTheMqttDoor) {
    ServiceDoor door;
    const auto peer = door.connect();
    peer->send(handshake);
    door.on_memory().run_ready();
    EXPECT_THAT(peer->received, HasSubstr("HTTP/1.1 101 "));
    EXPECT_THAT(peer->received, HasSubstr("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    EXPECT_THAT(peer->received, HasSubstr("Sec-WebSocket-Protocol: mqtt\r\n"));
    EXPECT_THAT(peer->received, testing::Not(HasSubstr("permessage-deflate")));
    ASSERT_EQ(door.device_sockets.size(), 1u);
    EXPECT_EQ(door.device_sockets[0]->peer().address, "192.0.2.7");
    EXPECT_EQ(door.context().connections(), 0u);
    EXPECT_FALSE(peer->closed);
}

TEST(HttpConnection, RefusesOtherSocketsOnTheDevicesAddress) {
    ServiceDoor door;
    const auto with = [&](std::string_view from, std::string_view to) {
        std::string text(handshake);
        text.replace(text.find(from), from.size(), to);
        return door.ask_raw(text).status;
    };
    EXPECT_EQ(with("Protocol: mqtt", "Protocol: AMQPWSB10"), 400u);
    EXPECT_EQ(with("Sec-WebSocket-Protocol: mqtt\r\n", ""), 400u);
    EXPECT_EQ(with("Version: 13", "Version: 8"), 400u);
    EXPECT_EQ(with("dGhlIHNhbXBsZSBub25jZQ==", "short"), 400u);
    EXPECT_EQ(with("Upgrade: WebSocket\r\n", ""), 400u);
    EXPECT_EQ(with("Upgrade: WebSocket", "Upgrade: h2c"), 400u);
    EXPECT_EQ(with("GET", "POST"), 405u);
    EXPECT_TRUE(door.device_sockets.empty());
}

}  // namespace
}  // namespace twinhub::gateway::http
