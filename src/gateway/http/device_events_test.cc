// Streamed answers: lines as they come, a client that does not keep up, the end of either side.
#include "gateway/http/testing/service_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view path = "/twinhub/device-events";

class EventStream : public testing::Test {
protected:
    // Listens; the header of the answer is in `header`.
    std::shared_ptr<FakePeer> listen(std::string_view address = path) {
        const auto peer = door.connect();
        peer->send(door.request("GET", address, "", "", "service"));
        door.on_memory().run_ready();
        const std::size_t end = peer->received.find("\r\n\r\n");
        header = peer->received.substr(0, end);
        peer->received.erase(0, end == std::string::npos ? end : end + 4);
        return peer;
    }

    void send(std::string_view device, std::string payload = "x") {
        door.hub().device_events().publish(std::make_shared<const hub::DeviceEvent>(
            hub::DeviceEvent{.id = {DeviceId::parse(device).value(), {}},
                             .at = door.hub().clock().now(),
                             .properties = {},
                             .payload = std::move(payload)}));
    }
    void send_and_run(std::string_view device, std::string payload = "x") {
        send(device, std::move(payload));
        door.on_memory().run_ready();
    }

    // What came since the last call: of each chunk the device's name, or the line itself; each
    // chunk must be one line.
    static std::vector<std::string> lines(FakePeer& peer) {
        std::vector<std::string> found;
        std::string& bytes = peer.received;
        while (!bytes.empty()) {
            const std::size_t size = std::stoul(bytes, nullptr, 16);
            const std::size_t begin = bytes.find("\r\n") + 2;
            std::string line = bytes.substr(begin, size);
            EXPECT_EQ(bytes.substr(begin + size, 2), "\r\n");
            bytes.erase(0, begin + size + 2);
            if (size == 0) {
                found.emplace_back("end");
                continue;
            }
            EXPECT_EQ(line.find('\n'), line.size() - 1);
            line.pop_back();
            const auto value = parse_json(line);
            if (value && value->as_object().contains("deviceId"))
                line = std::string(value->at("deviceId").as_string());
            found.push_back(line);
        }
        return found;
    }

    static HttpSettings small() {
        HttpSettings settings;
        settings.limits.stream_unsent_bytes_max = 1000;
        settings.limits.streams_max = 3;
        return settings;
    }

    ServiceDoor door{small()};
    std::string header;
};

TEST_F(EventStream, SendsEachMessageAsALineInAChunkOfItsOwn) {
    const auto peer = listen();
    EXPECT_TRUE(header.starts_with("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(header, HasSubstr("Transfer-Encoding: chunked"));
    EXPECT_THAT(header, HasSubstr("Content-Type: application/x-ndjson"));
    EXPECT_THAT(header, testing::Not(HasSubstr("Content-Length")));
    EXPECT_THAT(lines(*peer), IsEmpty());
    send_and_run("d1");
    EXPECT_THAT(lines(*peer), ElementsAre("d1"));
    send_and_run("d2");
    EXPECT_THAT(lines(*peer), ElementsAre("d2"));
    EXPECT_FALSE(peer->closed);
}

TEST_F(EventStream, WritesOnceForAllThatCameInOneTurn) {
    const auto peer = listen();
    const std::size_t before = peer->writes;
    for (int i = 0; i < 5; ++i) send("d");
    door.on_memory().run_ready();
    EXPECT_EQ(lines(*peer).size(), 5u);
    EXPECT_EQ(peer->writes, before + 1);
}

TEST_F(EventStream, NarrowsDownToOneDevice) {
    const auto peer = listen("/twinhub/device-events?deviceId=d%232");
    for (const char* device : {"d1", "d#2", "d", "d#2"}) send(device);
    door.on_memory().run_ready();
    EXPECT_THAT(lines(*peer), ElementsAre("d#2", "d#2"));
}

TEST_F(EventStream, CostsNothingWhenNobodyListens) {
    EXPECT_FALSE(door.hub().device_events().is_heard());
    const auto peer = listen();
    EXPECT_TRUE(door.hub().device_events().is_heard());
    peer->hang_up();
    door.on_memory().run_ready();
    EXPECT_TRUE(peer->gone);
    EXPECT_FALSE(door.hub().device_events().is_heard());
    send_and_run("d");
}

TEST_F(EventStream, IsForThoseWhoMayConnectAsAService) {
    for (const char* policy : {"device", "registryRead", "registryReadWrite"})
        EXPECT_EQ(door.ask("GET", path, "", "", policy).status, 401u) << policy;
    EXPECT_EQ(door.ask_raw("GET /twinhub/device-events?api-version=2021-04-12 HTTP/1.1\r\n"
                           "Host: hub.local\r\n\r\n")
                  .status,
              401u);
    EXPECT_EQ(door.ask("GET", "/twinhub/device-events?deviceId=a%20b").status, 400u);
    EXPECT_EQ(door.ask("POST", path, "{}").status, 405u);
    EXPECT_FALSE(door.hub().device_events().is_heard());
}

TEST_F(EventStream, LosesLinesOfAClientThatDoesNotKeepUpAndSaysHowMany) {
    const auto slow = listen();
    const auto quick = listen();
    slow->takes = false;
    for (int i = 0; i < 100; ++i) send_and_run("d" + std::to_string(i));
    EXPECT_LT(slow->unsent, 1200u);
    EXPECT_EQ(lines(*quick).size(), 100u);
    slow->take_all();
    door.on_memory().run_ready();
    const std::vector<std::string> got = lines(*slow);
    const std::string lost = R"({"lost":)" + std::to_string(101 - got.size()) + "}";
    ASSERT_FALSE(got.empty());
    EXPECT_EQ(got.back(), lost);
    EXPECT_EQ(got[got.size() - 2], "d" + std::to_string(got.size() - 2));
    send_and_run("again");
    EXPECT_THAT(lines(*slow), ElementsAre("again"));
}

TEST_F(EventStream, TellsWhatWasLostOnTheWayToTheLoop) {
    const auto peer = listen();
    for (std::size_t i = 0; i < events_waiting_max + 3; ++i) send("d");
    door.on_memory().run_ready();
    const std::vector<std::string> got = lines(*peer);
    EXPECT_THAT(got, testing::Contains(R"({"lost":3})"));
    EXPECT_EQ(got.size(), events_waiting_max + 1);
}

TEST_F(EventStream, ShowsThatItLives) {
    const auto peer = listen();
    door.advance(seconds(17));
    EXPECT_THAT(lines(*peer), ElementsAre(""));
    door.advance(seconds(17));
    door.advance(seconds(17));
    EXPECT_THAT(lines(*peer), ElementsAre("", ""));
    EXPECT_FALSE(peer->closed) << "no deadline of a request holds for it";
}

TEST_F(EventStream, LetsGoOfAClientThatTakesNothing) {
    const auto peer = listen();
    peer->takes = false;
    send_and_run("d");
    for (int i = 0; i < 4; ++i) door.advance(seconds(17));
    EXPECT_FALSE(peer->closed);
    for (int i = 0; i < 4; ++i) door.advance(seconds(17));
    EXPECT_TRUE(peer->gone);
    EXPECT_FALSE(door.hub().device_events().is_heard());
}

TEST_F(EventStream, ForgivesAClientThatCatchesUp) {
    const auto peer = listen();
    peer->takes = false;
    send_and_run("d1");
    for (int i = 0; i < 4; ++i) door.advance(seconds(17));
    send_and_run("d2");
    peer->take_all();
    door.on_memory().run_ready();
    for (int i = 0; i < 10; ++i) door.advance(seconds(17));
    EXPECT_FALSE(peer->closed);
    EXPECT_THAT(lines(*peer), testing::IsSupersetOf({"d1", R"({"lost":1})"}));
}

TEST_F(EventStream, EndsInOrderWhenTheServerStops) {
    const auto peer = listen();
    send("d");
    door.on_memory().run_ready();
    door.context().stop();
    door.on_memory().run_ready();
    EXPECT_THAT(lines(*peer), ElementsAre("d", "end"));
    EXPECT_TRUE(peer->gone);
    EXPECT_EQ(door.context().connections(), 0u);
}

TEST_F(EventStream, EndsWhenItsPolicyLosesTheRight) {
    const auto peer = listen();
    door.hub().set_policies(std::make_shared<const hub::Policies>());
    door.advance(seconds(17));
    EXPECT_THAT(lines(*peer), ElementsAre("end"));
    EXPECT_TRUE(peer->gone);
}

TEST_F(EventStream, IsGivenToABoundedNumberOfClients) {
    std::vector<std::shared_ptr<FakePeer>> peers;
    for (int i = 0; i < 3; ++i) peers.push_back(listen());
    EXPECT_EQ(door.ask("GET", path).status, 429u);
    peers[0]->hang_up();
    door.on_memory().run_ready();
    listen();
    EXPECT_TRUE(header.starts_with("HTTP/1.1 200 "));
}

TEST_F(EventStream, ThrowsAwayWhatTheClientStillSendsButNotForEver) {
    const auto peer = listen();
    peer->send(door.request("GET", "/jobs"));
    send_and_run("d");
    EXPECT_THAT(lines(*peer), ElementsAre("d"));
    for (int i = 0; i < 300 && !peer->gone; ++i) {
        peer->send(std::string(32 * 1024, ' '));
        door.on_memory().run_ready();
    }
    EXPECT_TRUE(peer->gone);
}

TEST_F(EventStream, HasNoChunksForHttp10) {
    const auto old = door.connect();
    std::string request = door.request("GET", path);
    request.replace(request.find("HTTP/1.1"), 8, "HTTP/1.0");
    old->send(request);
    door.on_memory().run_ready();
    EXPECT_THAT(old->received, testing::Not(HasSubstr("chunked")));
    old->received.clear();
    send_and_run("d");
    EXPECT_TRUE(old->received.starts_with(R"({"deviceId":"d")"));
    EXPECT_TRUE(old->received.ends_with("}\n"));
}

}  // namespace
}  // namespace twinhub::gateway::http
