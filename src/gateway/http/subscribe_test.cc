// Live queries over HTTP: server-sent events, coming back, limits.
#include "gateway/http/testing/service_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view path = "/devices/query/subscribe";

struct Event {
    std::string name, id, data;
};

class Subscription : public testing::Test {
protected:
    Subscription() { create("a"); }

    void create(const std::string& device) {
        EXPECT_EQ(door.ask("PUT", "/devices/" + device, R"({"deviceId":")" + device + "\"}").status,
                  200u);
    }
    void put_tag(const std::string& device, int n) {
        EXPECT_EQ(
            door.ask("PATCH", "/twins/" + device, R"({"tags":{"n":)" + std::to_string(n) + "}}")
                .status,
            200u);
        door.on_memory().run_ready();
    }

    // Subscribes; the header of the answer is in `header`.
    std::shared_ptr<FakePeer> subscribe(
        std::string_view body = R"({"query":"SELECT tags.n FROM devices"})",
        std::string_view fields = {}) {
        const auto peer = door.connect();
        peer->send(door.request("POST", path, body, fields, "service"));
        door.on_memory().run_ready();
        const std::size_t end = peer->received.find("\r\n\r\n");
        header = peer->received.substr(0, end);
        peer->received.erase(0, end == std::string::npos ? end : end + 4);
        return peer;
    }

    // What came since the last call; chunks need not end where events do.
    static std::vector<Event> events(FakePeer& peer) {
        std::string text;
        std::string& bytes = peer.received;
        while (!bytes.empty()) {
            const std::size_t size = std::stoul(bytes, nullptr, 16);
            const std::size_t begin = bytes.find("\r\n") + 2;
            text += size == 0 ? "event: end\n\n" : bytes.substr(begin, size);
            bytes.erase(0, begin + size + 2);
        }
        std::vector<Event> found;
        Event event;
        while (!text.empty()) {
            const std::size_t end = text.find('\n');
            const std::string line = text.substr(0, end);
            text.erase(0, end + 1);
            const std::size_t colon = line.find(": ");
            const std::string value = line.substr(std::min(colon, line.size() - 2) + 2);
            if (line.empty()) found.push_back(std::exchange(event, {}));
            else if (line.starts_with("event")) event.name = value;
            else if (line.starts_with("id")) event.id = value;
            else event.data = value;
        }
        return found;
    }
    static std::vector<std::string> names(const std::vector<Event>& events) {
        std::vector<std::string> all;
        for (const Event& event : events) all.push_back(event.name);
        return all;
    }

    static HttpSettings small() {
        HttpSettings settings;
        settings.limits.stream_unsent_bytes_max = 1000;
        settings.limits.streams_max = 0;
        return settings;
    }
    static hub::Settings few() {
        hub::Settings settings{.name = "hub.local"};
        settings.live_queries_max = 2;
        settings.live_query_bytes_max = 4000;
        return settings;
    }

    ServiceDoor door{small(), few()};
    std::string header;
};

TEST_F(Subscription, IsAStreamOfServerSentEvents) {
    const auto peer = subscribe();
    EXPECT_TRUE(header.starts_with("HTTP/1.1 200 OK\r\n")) << header;
    EXPECT_THAT(header, HasSubstr("Content-Type: text/event-stream\r\n"));
    EXPECT_THAT(header, HasSubstr("Transfer-Encoding: chunked"));
    auto got = events(*peer);
    ASSERT_THAT(names(got), ElementsAre("snapshot"));
    EXPECT_EQ(got[0].data, R"({"first":true,"last":true,"rows":[{"key":{"deviceId":"a"},)"
                           R"("row":{},"version":2}]})");
    EXPECT_FALSE(got[0].id.empty());
    put_tag("a", 1);
    got = events(*peer);
    ASSERT_THAT(names(got), ElementsAre("change"));
    EXPECT_EQ(got[0].data, R"({"key":{"deviceId":"a"},"row":{"n":1},"version":3})");
    const std::string token = got[0].id;
    door.advance(seconds(17));
    got = events(*peer);
    ASSERT_THAT(names(got), ElementsAre("tick"));
    EXPECT_EQ(got[0].data, R"({"token":")" + token + "\"}");
    EXPECT_EQ(got[0].id, token);
}

TEST_F(Subscription, GoesOnBehindTheLastEventThatCameThrough) {
    const auto lost = subscribe();
    put_tag("a", 1);
    const std::string token = events(*lost).back().id;
    put_tag("a", 2);
    lost->hang_up();
    door.on_memory().run_ready();
    put_tag("a", 3);
    const auto peer =
        subscribe(R"({"query":"SELECT tags.n FROM devices"})", "Last-Event-ID: " + token + "\r\n");
    auto got = events(*peer);
    EXPECT_THAT(names(got), ElementsAre("change", "change"));
    EXPECT_THAT(got[1].data, HasSubstr("\"n\":3"));
    // The member of the body says the same, also while the old connection seems to live.
    const auto again =
        subscribe(R"({"query":"SELECT tags.n FROM devices","resume":")" + got[0].id + "\"}");
    EXPECT_THAT(names(events(*again)), ElementsAre("change"));
    EXPECT_THAT(names(events(*peer)), ElementsAre("error", "end"));
}

TEST_F(Subscription, BeginsAnewWhereItCannotGoOn) {
    const auto peer =
        subscribe(R"({"query":"SELECT tags.n FROM devices"})", "Last-Event-ID: 0123.7\r\n");
    const auto got = events(*peer);
    ASSERT_THAT(names(got), ElementsAre("snapshot"));
    EXPECT_THAT(got[0].data, HasSubstr("\"resumed\":false"));
}

TEST_F(Subscription, AClientThatDoesNotKeepUpGetsAFreshSnapshotAndNoMoreMemory) {
    const auto peer = subscribe();
    events(*peer);
    peer->takes = false;
    for (int i = 0; i < 100; ++i) put_tag("a", i);
    EXPECT_LT(peer->unsent, 6000u);
    peer->take_all();
    door.on_memory().run_ready();
    const auto got = events(*peer);
    ASSERT_GE(got.size(), 2u);
    EXPECT_EQ(got[got.size() - 2].name, "reset");
    EXPECT_EQ(got.back().name, "snapshot");
    EXPECT_THAT(got.back().data, HasSubstr("\"n\":99"));
    put_tag("a", 100);
    EXPECT_THAT(names(events(*peer)), ElementsAre("change"));
}

TEST_F(Subscription, EndsInOrderWhenTheServerStops) {
    const auto peer = subscribe();
    events(*peer);
    door.context().stop();
    door.on_memory().run_ready();
    EXPECT_THAT(names(events(*peer)), ElementsAre("end"));
    EXPECT_TRUE(peer->gone);
}

TEST_F(Subscription, IsRefusedWithAStatus) {
    const auto status = [&](std::string_view body, std::string_view policy = "service") {
        return door.ask("POST", path, body, "", policy).status;
    };
    const std::string_view good = R"({"query":"SELECT * FROM devices"})";
    EXPECT_EQ(status(good, "device"), 401u);
    EXPECT_EQ(status(good, "registryReadWrite"), 401u);
    EXPECT_EQ(status("{}"), 400u);
    EXPECT_EQ(status(R"({"query":"SELECT"})"), 400u);
    EXPECT_EQ(status(R"({"query":"SELECT TOP 1 * FROM devices"})"), 400u);
    EXPECT_EQ(status(R"({"query":"SELECT * FROM devices","resume":1})"), 400u);
    const auto one = subscribe();
    const auto two = subscribe();
    EXPECT_EQ(status(good), 429u);
    one->hang_up();
    door.on_memory().run_ready();
    const auto three = subscribe();
    EXPECT_THAT(names(events(*three)), ElementsAre("snapshot"));
    EXPECT_THAT(names(events(*two)), ElementsAre("snapshot"));
}

}  // namespace
}  // namespace twinhub::gateway::http
