// The change feed over HTTP: pages, streams, coming back.
#include "gateway/http/testing/service_client.h"
#include "hub/changes/changes.h"
#include "hub/shards.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<json::object> objects_of(std::string_view text) {
    std::vector<json::object> all;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (end != 0) all.push_back(parse_json(text.substr(0, end)).value().as_object());
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return all;
}

// "d created", "d twin fan=2"; what is no change: "cursor", "end", "more", an error's name.
std::string line_of(const json::object& object) {
    if (const auto* end = object.if_contains("end")) return end->as_bool() ? "end" : "more";
    if (const auto* error = object.if_contains("error")) return std::string(error->as_string());
    if (object.contains("drift")) return "drift";
    if (!object.contains("kind")) return "cursor";
    std::string line(object.at("deviceId").as_string());
    line += " ";
    line += std::string(object.at("kind").as_string());
    for (const json::value& leaf : object.at("leaves").as_array()) {
        const auto* after = leaf.as_object().if_contains("after");
        line += " " + std::string(leaf.at("path").as_string()) + "=" +
                (after ? to_text(*after) : "none");
    }
    return line;
}
std::vector<std::string> lines_of(const std::vector<json::object>& objects) {
    std::vector<std::string> lines;
    for (const json::object& object : objects) lines.push_back(line_of(object));
    return lines;
}
std::string cursor_of(const json::object& object) {
    return std::string(object.at("cursor").as_string());
}

class ChangesDoor : public testing::Test {
protected:
    void must(std::string_view method, std::string_view path, std::string_view body = {}) {
        const std::string_view fields = method == "DELETE" ? "If-Match: *\r\n" : "";
        const Response response = door.ask(method, path, body, fields);
        ASSERT_LT(response.status, 300u) << response.body;
        door.on_memory().run_ready();
    }
    void put_tag(const std::string& device, int n) {
        must("PATCH", "/twins/" + device, R"({"tags":{"n":)" + std::to_string(n) + "}}");
    }
    // Device d with tags.n 1 to 3, a minute between them.
    void make() {
        must("PUT", "/devices/d", "{}");
        for (int n = 1; n <= 3; ++n) {
            door.advance(60s);
            put_tag("d", n);
        }
    }
    std::vector<json::object> page(const std::string& query = {}) {
        const Response response = door.ask("GET", "/changes" + query, {}, {}, "service");
        EXPECT_EQ(response.status, 200u) << response.body;
        EXPECT_EQ(response.field("content-type"), "application/x-ndjson");
        return objects_of(response.body);
    }
    std::string refusal(const std::string& path, std::string_view policy = "service") {
        const Response response = door.ask("GET", path, {}, {}, policy);
        return std::to_string(response.status) + " " + response.field("iothub-errorcode");
    }

    std::shared_ptr<FakePeer> follow(const std::string& path, std::string_view fields = {}) {
        auto peer = door.connect();
        peer->send(door.request("GET", path, {}, fields, "service"));
        std::size_t end = 0;
        door.on_memory().run_until([&] {
            end = peer->received.find("\r\n\r\n");
            return end != std::string::npos || peer->gone;
        });
        header = peer->received.substr(0, end);
        peer->received.erase(0, end + 4);
        return peer;
    }
    // What came since the last call, once it has so many pieces that end with `end`.
    std::string take(FakePeer& peer, std::size_t count, std::string_view end = "\n") {
        std::string text;
        std::string& bytes = peer.received;
        const auto pieces = [&] {
            std::size_t found = 0;
            for (std::size_t at = text.find(end); at != std::string::npos;
                 at = text.find(end, at + end.size()))
                ++found;
            return found;
        };
        door.on_memory().run_until([&] {
            while (bytes.find("\r\n") != std::string::npos) {
                const std::size_t size = std::stoul(bytes, nullptr, 16);
                const std::size_t begin = bytes.find("\r\n") + 2;
                text += bytes.substr(begin, size);
                bytes.erase(0, begin + size + 2);
            }
            return pieces() >= count || peer.gone;
        });
        return text;
    }
    std::vector<std::string> lines(FakePeer& peer, std::size_t count) {
        return lines_of(objects_of(take(peer, count)));
    }
    static HttpSettings small() {
        HttpSettings settings;
        settings.limits.stream_unsent_bytes_max = 1000;
        return settings;
    }
    static hub::Settings kept_briefly() {
        hub::Settings settings{.name = "hub.local"};
        settings.history_age = 1h;
        settings.history_count = 1;
        return settings;
    }

    ServiceDoor door{small(), kept_briefly()};
    std::string header;
};

TEST_F(ChangesDoor, APageHasEveryChangeWithItsCursor) {
    make();
    const auto all = page();
    EXPECT_THAT(lines_of(all),
                ElementsAre("d created", "d twin n=1", "d twin n=2", "d twin n=3", "end"));
    for (std::size_t i = 0; i + 1 < all.size(); ++i) {
        const auto rest = page("?since=" + cursor_of(all[i]));
        EXPECT_EQ(rest.size(), all.size() - i - 1);
    }
    EXPECT_EQ(to_text(all[0].at("versions")), R"({"twin":2,"desired":1,"reported":1})");
    json::object change = all[2];
    EXPECT_TRUE(change.erase("cursor") && change.erase("seq") && change.erase("etag"));
    EXPECT_EQ(
        json::value(change),
        parse_json(
            R"({"deviceId":"d","committed":"2026-11-22T10:02:00Z","at":"2026-11-22T10:02:00Z",)"
            R"("kind":"twin","part":"tags","version":4,"operation":"patch",)"
            R"("versions":{"twin":4,"desired":1,"reported":1},"cause":"rest",)"
            R"("by":{"kind":"rest","principal":"iothubowner","client":"192.0.2.7"},"leaves":[)"
            R"({"part":"tags","path":"n","before":1,"after":2}]})")
            .value());
    EXPECT_EQ(page("?since=" + cursor_of(all.back())).size(), 1u);
}

TEST_F(ChangesDoor, PagesGoOnInEitherOrder) {
    make();
    const auto first = page("?limit=3");
    EXPECT_THAT(lines_of(first), ElementsAre("d created", "d twin n=1", "d twin n=2", "more"));
    EXPECT_THAT(lines_of(page("?limit=3&since=" + cursor_of(first.back()))),
                ElementsAre("d twin n=3", "end"));
    const auto newest = page("?order=newest&limit=3");
    EXPECT_THAT(lines_of(newest), ElementsAre("d twin n=3", "d twin n=2", "d twin n=1", "more"));
    EXPECT_THAT(lines_of(page("?order=newest&before=" + cursor_of(newest.back()))),
                ElementsAre("d created", "end"));
}

TEST_F(ChangesDoor, APageBeginsAtATimeAndIsNarrowedDown) {
    make();
    must("PUT", "/devices/e", "{}");
    must("DELETE", "/devices/d");
    EXPECT_THAT(lines_of(page("?since=-PT30S")),
                ElementsAre("d twin n=3", "e created", "d deleted n=none", "end"));
    EXPECT_THAT(lines_of(page("?since=2026-11-22T10:03:00Z&device=e")),
                ElementsAre("e created", "end"));
    EXPECT_THAT(lines_of(page("?since=now")), ElementsAre("end"));
    EXPECT_THAT(lines_of(page("?where=tags.n%20%3E%201")),
                ElementsAre("d twin n=2", "d twin n=3", "d deleted n=none", "end"));
    EXPECT_THAT(lines_of(page("?path=tags.n&limit=1")), ElementsAre("d twin n=1", "more"));
    EXPECT_THAT(lines_of(page("?cause=device")), ElementsAre("end"));
    EXPECT_THAT(lines_of(page("?author=service")), ElementsAre("end"));
}

TEST_F(ChangesDoor, RefusesWhatItCannotServe) {
    make();
    for (const char* query :
         {"since=xyz", "since=0102", "order=sideways", "limit=0", "limit=5000", "cause=magic",
          "where=tags.n%20%3E", "order=newest&follow=1", "order=newest&since=oldest",
          "follow=maybe", "before=now", "device=a%20b", "part=all"})
        EXPECT_EQ(refusal("/changes?" + std::string(query)), "400 ArgumentInvalid") << query;
    EXPECT_EQ(refusal("/changes", "device"), "401 IotHubUnauthorizedAccess");
    EXPECT_EQ(refusal("/twins/d/stream", "device"), "401 IotHubUnauthorizedAccess");
}

TEST_F(ChangesDoor, TellsWhereToBeginAnewWhenTheCursorIsTooOld) {
    make();
    const std::string cursor = cursor_of(page().front());
    door.advance(2h);
    put_tag("d", 4);
    hub::Hub& hub = door.on_memory().hub();
    hub.tick(0);
    door.on_memory().run_until(
        [&] { return hub.changes().released().last(slot_of(DeviceId::parse("d").value())) != 0; });
    const Response response = door.ask("GET", "/changes?since=" + cursor);
    EXPECT_EQ(response.status, 410u);
    EXPECT_EQ(response.field("iothub-errorcode"), "HistoryUnavailable");
    const std::string oldest(response.json().at("oldest").as_string());
    EXPECT_THAT(lines_of(page("?since=" + oldest)), ElementsAre("d twin n=4", "end"));
    EXPECT_EQ(refusal("/changes?follow=1&since=" + cursor), "410 HistoryUnavailable");
}

TEST_F(ChangesDoor, AStreamGoesOnWithWhatComes) {
    make();
    const auto peer = follow("/changes?follow=1&since=-PT30S");
    EXPECT_THAT(header, HasSubstr("application/x-ndjson"));
    EXPECT_THAT(lines(*peer, 2), ElementsAre("cursor", "d twin n=3"));
    put_tag("d", 4);
    must("PUT", "/devices/e", "{}");
    EXPECT_THAT(lines(*peer, 2), ElementsAre("d twin n=4", "e created"));
    const auto now = follow("/changes?follow=1&device=e");
    put_tag("d", 5);
    put_tag("e", 6);
    EXPECT_THAT(lines(*now, 2), ElementsAre("cursor", "e twin n=6"));
    const auto two = follow("/changes?follow=1&since=oldest&limit=2");
    EXPECT_THAT(lines(*two, 3), ElementsAre("cursor", "d created", "d twin n=1"));
    EXPECT_TRUE(two->closed);
}

TEST_F(ChangesDoor, AHeartbeatTellsHowFarAFilteredStreamHasCome) {
    make();
    const auto peer = follow("/changes?follow=1&device=none");
    (void)lines(*peer, 1);
    put_tag("d", 4);
    // However far the stream has come when the first beat is due, it comes to the end.
    std::vector<std::string> rest;
    do {
        door.advance(16s);
        const auto beat = objects_of(take(*peer, 1));
        ASSERT_EQ(beat.size(), 1u);
        rest = lines_of(page("?since=" + cursor_of(beat[0])));
    } while (rest.size() != 1);
    EXPECT_THAT(rest, ElementsAre("end"));
}

TEST_F(ChangesDoor, ServerSentEventsComeBackWhereTheyWere) {
    make();
    const std::string accept = "Accept: text/event-stream\r\n";
    const auto peer = follow("/changes?since=oldest&limit=2", accept);
    EXPECT_THAT(header, HasSubstr("text/event-stream"));
    const std::string text = take(*peer, 3, "\n\n");
    EXPECT_TRUE(text.starts_with("event: tick\nid: ")) << text;
    const std::size_t last = text.rfind("\nid: ") + 5;
    const std::string id = text.substr(last, text.find('\n', last) - last);
    EXPECT_THAT(text, HasSubstr("event: change\nid: " + id + "\ndata: {\"cursor\":\"" + id));
    const auto again =
        follow("/changes?since=oldest&limit=2", accept + "Last-Event-ID: " + id + "\r\n");
    const std::string rest = take(*again, 3, "\n\n");
    EXPECT_THAT(rest, HasSubstr(R"("after":2)"));
    EXPECT_THAT(rest, HasSubstr(R"("after":3)"));
    EXPECT_THAT(rest, testing::Not(HasSubstr("created")));
}

TEST_F(ChangesDoor, AReaderThatIsSlowHoldsLittleAndLosesNothing) {
    must("PUT", "/devices/d", "{}");
    const auto peer = follow("/changes?follow=1&since=oldest");
    peer->takes = false;
    for (int n = 0; n < 200; ++n) put_tag("d", n);
    EXPECT_LT(peer->unsent, 20'000u);
    peer->take_all();
    const std::vector<std::string> all = lines(*peer, 202);
    ASSERT_EQ(all.size(), 202u);
    EXPECT_EQ(all.back(), "d twin n=199");
}

TEST_F(ChangesDoor, ATwinIsFollowedWithItsDrift) {
    make();
    must("PUT", "/devices/e", "{}");
    const auto peer = follow("/twins/d/stream");
    must("PATCH", "/twins/e", R"({"properties":{"desired":{"fan":1}}})");
    must("PATCH", "/twins/d", R"({"properties":{"desired":{"fan":1}}})");
    const std::vector<std::string> all = lines(*peer, 3);
    EXPECT_THAT(all, testing::UnorderedElementsAre("cursor", "d twin fan=1", "drift"));
}

}  // namespace
}  // namespace twinhub::gateway::http
