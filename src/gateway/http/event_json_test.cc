#include "gateway/http/event_json.h"

#include "base/json.h"

#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

using Properties = std::vector<std::pair<std::string, std::string>>;

std::string line_of(Properties properties, std::string payload, const char* module = "") {
    hub::DeviceEvent event{.id = {DeviceId::parse("pump-1").value(), {}},
                           .at = parse_instant("2026-11-22T10:00:00.5Z").value(),
                           .properties = std::move(properties),
                           .payload = std::move(payload)};
    if (*module != '\0') event.id.module = ModuleId::parse(module).value();
    std::string line;
    append_event(line, event);
    EXPECT_TRUE(parse_json(line).has_value()) << line;
    EXPECT_EQ(line.find('\n'), std::string::npos);
    return line;
}

TEST(EventJson, ShowsABodyThatSaysItIsJsonAsJsonInOneLine) {
    EXPECT_EQ(line_of({{"level", "1"}, {"$.ct", "application/json"}, {"$.mid", "m-1"}},
                      "{\n  \"temperature\": 21.5\n}"),
              R"({"deviceId":"pump-1","enqueuedTime":"2026-11-22T10:00:00.5Z",)"
              R"("properties":{"level":"1"},)"
              R"("systemProperties":{"contentType":"application/json","messageId":"m-1"},)"
              R"("body":{"temperature":21.5}})");
}

TEST(EventJson, ShowsAnyOtherBodyInBase64) {
    EXPECT_EQ(line_of({}, "{}"), R"({"deviceId":"pump-1","enqueuedTime":"2026-11-22T10:00:00.5Z",)"
                                 R"("properties":{},"bodyBase64":"e30="})");
}

TEST(EventJson, NamesTheModule) {
    EXPECT_TRUE(
        line_of({}, "", "filter").starts_with(R"({"deviceId":"pump-1","moduleId":"filter",)"));
}

struct Body {
    Properties properties;
    std::string payload;
    bool is_json;
};
class EventBody : public testing::TestWithParam<Body> {};
TEST_P(EventBody, IsJsonOnlyWhenItSaysSoAndIs) {
    const json::value line = parse_json(line_of(GetParam().properties, GetParam().payload)).value();
    EXPECT_EQ(line.as_object().contains("body"), GetParam().is_json);
    EXPECT_EQ(line.as_object().contains("bodyBase64"), !GetParam().is_json);
}
INSTANTIATE_TEST_SUITE_P(
    Kinds, EventBody,
    testing::Values(Body{{{"$.ct", "application/json"}, {"$.ce", "utf-8"}}, "[1]", true},
                    Body{{{"$.ct", "Application/JSON; charset=utf-8"}}, "1", true},
                    Body{{{"$.ct", "application/cloudevents+json"}}, "null", true},
                    Body{{{"$.ct", "text/plain"}, {"$.ct", "application/json"}}, "1", true},
                    Body{{{"$.ct", "application/json"}}, "{", false},
                    Body{{{"$.ct", "application/json"}}, "", false},
                    Body{{{"$.ct", "application/json"}}, "\"\xFF\"", false},
                    Body{{{"$.ct", "application/json"}}, "{\"a\":1,\"a\":2}", false},
                    Body{{{"$.ct", "application/json"}, {"$.ce", "gzip"}}, "1", false},
                    Body{{{"$.ct", "text/plain"}}, "1", false},
                    Body{{{"ct", "application/json"}}, "1", false}));

TEST(EventJson, ShowsEachPropertyOnceWhateverItHolds) {
    const json::value line =
        parse_json(line_of({{"a", "1"}, {"b\xC3", "\xFFz"}, {"a", "\"2\"\n"}, {"$.own", "x"}}, ""))
            .value();
    EXPECT_EQ(to_text(line.at("properties")),
              "{\"b\xEF\xBF\xBD\":\"\xEF\xBF\xBDz\",\"a\":\"\\\"2\\\"\\n\"}");
    EXPECT_EQ(to_text(line.at("systemProperties")), R"({"$.own":"x"})");
}

}  // namespace
}  // namespace twinhub::gateway::http
