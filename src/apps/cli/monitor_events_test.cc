#include "apps/cli/monitor_events.h"

#include <gmock/gmock.h>

namespace twinhub::apps::cli {
namespace {

constexpr std::string_view line =
    R"({"deviceId":"pump-1","moduleId":"filter","enqueuedTime":"2026-11-22T10:00:00Z",)"
    R"("properties":{"level":"high"},"systemProperties":{"contentType":"application/json",)"
    R"("messageId":"7","dt-subject":"thermostat"},"body":{"pressure":3.2}})";

TEST(MonitorEvents, ShowsAMessageAsAzDoes) {
    EXPECT_EQ(shown_event(line, {}).value(),
              parse_json(R"({"event":{"origin":"pump-1","module":"filter","interface":"",
                             "component":"thermostat","payload":{"pressure":3.2}}})")
                  .value());
}

TEST(MonitorEvents, ShowsThePropertiesThatAreAskedFor) {
    const json::value all =
        shown_event(line, {.annotations = true, .system = true, .application = true}).value();
    EXPECT_EQ(all.at("event").at("properties"), parse_json(R"({"application":{"level":"high"},
                             "system":{"content_type":"application/json","message_id":"7",
                                       "dt-subject":"thermostat"},
                             "annotations":{"iothub-connection-device-id":"pump-1",
                                            "iothub-connection-module-id":"filter",
                                            "iothub-enqueuedtime":"2026-11-22T10:00:00Z",
                                            "iothub-message-source":"Telemetry"}})")
                                                    .value());
    const json::value one = shown_event(line, {.application = true}).value();
    EXPECT_EQ(one.at("event").at("properties"),
              parse_json(R"({"application":{"level":"high"}})").value());
}

TEST(MonitorEvents, ShowsTextAsTextAndBytesAsBase64) {
    const auto payload = [](std::string_view base64, const EventView& view) {
        const std::string text =
            R"({"deviceId":"d","properties":{},"bodyBase64":")" + std::string(base64) + "\"}";
        return shown_event(text, view).value().at("event").as_object();
    };
    EXPECT_EQ(payload("aGVsbG8=", {}).at("payload"), "hello");
    EXPECT_EQ(payload("eyJhIjoxfQ==", {}).at("payload"), R"({"a":1})");
    EXPECT_EQ(payload("eyJhIjoxfQ==", {.content_type = "application/json"}).at("payload"),
              (json::value{{"a", 1}}));
    EXPECT_EQ(payload("aGVsbG8=", {.content_type = "application/json"}).at("payload"), "hello");
    EXPECT_EQ(payload("/wA=", {}).at("payload"), "/wA=");
    EXPECT_EQ(payload("/wA=", {}).at("payloadEncoding"), "base64");
}

TEST(MonitorEvents, LeavesOutWhatIsNotAskedFor) {
    EXPECT_TRUE(shown_event(line, {.device = "pump-*", .module = "filter"}).has_value());
    EXPECT_FALSE(shown_event(line, {.device = "pump-2"}).has_value());
    EXPECT_FALSE(shown_event(line, {.module = "motor"}).has_value());
    EXPECT_FALSE(shown_event("not json", {}).has_value());
    EXPECT_EQ(shown_event(R"({"lost":3})", {.device = "x"}).value(), (json::value{{"lost", 3}}));
}

TEST(MonitorEvents, KnowsPatterns) {
    struct Case {
        const char* pattern;
        const char* text;
        bool matches;
    };
    for (const Case& one :
         {Case{"a", "a", true}, Case{"a", "ab", false}, Case{"*", "", true}, Case{"*", "abc", true},
          Case{"a*", "abc", true}, Case{"*c", "abc", true}, Case{"a*c", "ac", true},
          Case{"a*c", "abd", false}, Case{"a*b*c", "a1b2c", true}, Case{"a*b*c", "acb", false},
          Case{"ab*ba", "aba", false}, Case{"**", "x", true}, Case{"", "", true},
          Case{"", "x", false}})
        EXPECT_EQ(matches_pattern(one.pattern, one.text), one.matches)
            << one.pattern << " " << one.text;
}

}  // namespace
}  // namespace twinhub::apps::cli
