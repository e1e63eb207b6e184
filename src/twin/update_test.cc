#include "twin/update.h"

#include "twin/limits.h"
#include "twin/testing/generators.h"

namespace twinhub::twin {
namespace {

using testing::object;

std::string nested(std::size_t objects, const std::string& inner) {
    std::string text = inner;
    for (std::size_t i = 0; i < objects; ++i) text = R"({"k":)" + text + "}";
    return text;
}
std::string text_of(std::size_t bytes) { return '"' + std::string(bytes, 'x') + '"'; }

struct Rule {
    const char* name;
    std::string report;
    std::vector<std::string> mentions;  // empty: accepted
};
void PrintTo(const Rule& rule, std::ostream* out) { *out << rule.name; }

class Rules : public ::testing::TestWithParam<Rule> {};

// Every row goes through the device's door and, below desired and tags, through the service's.
TEST_P(Rules, HoldForEveryDoor) {
    const Rule& rule = GetParam();
    const auto check = [&](const auto& result, const std::string& path) {
        if (rule.mentions.empty()) {
            EXPECT_TRUE(result) << result.error().message;
            return;
        }
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().code, Code::argument_invalid);
        EXPECT_TRUE(result.error().where.starts_with(path)) << result.error().where;
        for (const std::string& text : rule.mentions)
            EXPECT_NE(result.error().message.find(text), std::string::npos)
                << result.error().message;
        EXPECT_EQ(result.error().message.find(';'), std::string::npos);
    };
    check(parse_report(rule.report), "properties.reported");
    for (const Kind kind : {Kind::patch, Kind::replace}) {
        check(parse_service_update(R"({"tags":)" + rule.report + "}", kind), "tags");
        check(parse_service_update(R"({"properties":{"desired":)" + rule.report + "}}", kind),
              "properties.desired");
    }
}

const std::string max_key(key_bytes_max, 'k');

// Spec twin-document 6, row by row.
INSTANTIATE_TEST_SUITE_P(
    Spec, Rules,
    ::testing::Values(
        Rule{"key of the longest length", "{\"" + max_key + "\":1}", {}},
        Rule{"key too long", "{\"" + max_key + "k\":1}", {"1025", "1024", "kkk"}},
        Rule{"key length counts bytes", "{\"" + max_key.substr(2) + "üü\":1}", {"1026", "1024"}},
        Rule{"key with a dot", R"({"a.b":1})", {"a.b", "'.', '$', '#' and space"}},
        Rule{"key with a dollar", R"({"a":{"$b":1}})", {"$b", "forbidden"}},
        Rule{"key with a hash", R"({"a#":1})", {"a#", "forbidden"}},
        Rule{"key with a space", R"({"a b":1})", {"a b", "forbidden"}},
        Rule{"key with a C0 control", R"({"a\u0007":1})", {"a?", "forbidden"}},
        Rule{"key with a C1 control", R"({"a\u0085":1})", {"a?", "forbidden"}},
        Rule{"key with a semicolon and a dot", R"({"a;b.c":1})", {"a,b.c"}},
        Rule{"key inside an array", R"({"a":[{"x y":1}]})", {"x y", ".a[0]", "forbidden"}},
        Rule{"key with other signs", R"({"ü-€:;/%[]":1})", {}}, Rule{"empty key", R"({"":1})", {}},
        Rule{"longest string", R"({"a":)" + text_of(4096) + "}", {}},
        Rule{"string too long", R"({"o":{"a":)" + text_of(4097) + "}}", {".o.a", "4097", "4096"}},
        Rule{"string too long in an array",
             R"({"a":[1,)" + text_of(4097) + "]}",
             {".a[1]", "4097", "4096"}},
        Rule{"greatest integer", R"({"a":4503599627370495})", {}},
        Rule{"integer too great",
             R"({"a":4503599627370496})",
             {".a", "4503599627370496", "4503599627370495"}},
        Rule{"smallest integer", R"({"a":-4503599627370496})", {}},
        Rule{"integer too small",
             R"({"a":-4503599627370497})",
             {".a", "-4503599627370497", "-4503599627370496"}},
        Rule{"integer beyond 63 bits",
             R"({"a":18446744073709551615})",
             {".a", "18446744073709551615"}},
        Rule{"integer too great in an array", R"({"a":[4503599627370496]})", {".a[0]"}},
        Rule{"large double", R"({"a":1e300})", {}}, Rule{"boolean", R"({"a":true,"b":false})", {}},
        Rule{"null in an array", R"({"a":[1,null]})", {".a[1]", "null"}},
        Rule{"null in an inner array", R"({"a":[[null]]})", {".a[0][0]", "null"}},
        Rule{"null member of an object in an array", R"({"a":[{"b":null}]})", {".a[0].b", "null"}},
        Rule{"null as a member", R"({"a":null,"o":{"b":null}})", {}},
        Rule{"ten objects and a leaf", nested(11, "1"), {}},
        Rule{"eleven objects", nested(11, "{}"), {"11", "10", "k.k.k"}},
        Rule{"array below ten objects", nested(11, "[]"), {"11", "10"}},
        Rule{"array at level ten", nested(10, "[1]"), {}},
        Rule{"object in an array at level eleven", nested(10, "[{}]"), {"11", "10"}}));

struct Refusal {
    const char* body;
    Code code;
    const char* where;
};

TEST(ServiceUpdate, RefusesWhatIsNoUpdate) {
    const Refusal refusals[] = {
        {"", Code::format_invalid, ""},
        {"{", Code::format_invalid, ""},
        {"[]", Code::format_invalid, ""},
        {"null", Code::format_invalid, ""},
        {"NaN", Code::format_invalid, ""},
        {R"({"tags":{"a":1,"a":2}})", Code::argument_invalid, "a"},
        {R"({"tags":{"a":1e999}})", Code::argument_invalid, ""},
        {R"({"tags":5})", Code::argument_invalid, "tags"},
        {R"({"tags":[]})", Code::argument_invalid, "tags"},
        {R"({"properties":null})", Code::argument_null, "properties"},
        {R"({"properties":[]})", Code::argument_invalid, "properties"},
        {R"({"properties":{"desired":"x"}})", Code::argument_invalid, "properties.desired"},
    };
    for (const Refusal& refusal : refusals) {
        const auto update = parse_service_update(refusal.body, Kind::patch);
        ASSERT_FALSE(update) << refusal.body;
        EXPECT_EQ(update.error().code, refusal.code) << refusal.body;
        if (*refusal.where) EXPECT_EQ(update.error().where, refusal.where) << refusal.body;
    }
}

TEST(ServiceUpdate, IsRefusedUnreadBeyond64Kilobytes) {
    const std::string body = R"({"x":")" + std::string(update_bytes_max, 'x') + R"("})";
    EXPECT_EQ(parse_service_update(body, Kind::patch).error().code, Code::message_too_large);
    EXPECT_EQ(parse_report(body).error().code, Code::message_too_large);
}

TEST(ServiceUpdate, IgnoresEverythingButTagsAndDesired) {
    const auto update = testing::update(
        R"({"deviceId":null,"etag":null,"version":null,"status":"enabled","$metadata":{},"tags":{"site":"a"},
            "properties":{"desired":{"interval":60},"reported":{"bad key":[null]}}})");
    EXPECT_EQ(update.tags->body(), object(R"({"site":"a"})"));
    EXPECT_EQ(update.desired->body(), object(R"({"interval":60})"));
}

TEST(ServiceUpdate, DropsMetadataAndVersionAtTheRootOfAPartOnly) {
    const auto update = testing::update(
        R"({"properties":{"desired":{"x":1,"$metadata":{"$lastUpdated":"z","x":{}},"y":2,"$version":7,"z":3}}})");
    EXPECT_EQ(to_text(update.desired->body()), R"({"x":1,"y":2,"z":3})");
    EXPECT_FALSE(
        parse_service_update(R"({"properties":{"desired":{"o":{"$version":1}}}})", Kind::patch));
    EXPECT_FALSE(parse_service_update(R"({"properties":{"desired":{"$other":1}}})", Kind::patch));
}

TEST(ServiceUpdate, TellsAbsentEmptyAndNullPartsApart) {
    EXPECT_EQ(testing::update("{}").tags, std::nullopt);
    EXPECT_EQ(testing::update(R"({"properties":{}})").desired, std::nullopt);
    EXPECT_EQ(testing::update(R"({"tags":{}})").tags->mode(), Patch::Mode::merge);
    EXPECT_EQ(testing::update(R"({"tags":null})").tags->mode(), Patch::Mode::replace);
    EXPECT_EQ(testing::update(R"({"properties":{"desired":null}})").desired,
              Patch::trusted({}, Patch::Mode::replace));
}

TEST(ServiceUpdate, OfAReplacementLosesItsNullsAtEveryLevel) {
    const auto update =
        testing::update(R"({"tags":{"a":null,"o":{"x":null,"y":1},"b":2}})", Kind::replace);
    EXPECT_EQ(to_text(update.tags->body()), R"({"o":{"y":1},"b":2})");
    EXPECT_EQ(update.tags->mode(), Patch::Mode::replace);
}

TEST(ServiceUpdate, IsTheSameFromTextAndFromAnObject) {
    const std::string body = R"({"tags":{"a":1},"properties":{"desired":{"b":null}}})";
    EXPECT_EQ(parse_service_update(object(body), Kind::patch).value(), testing::update(body));
}

TEST(ServiceUpdate, StoresIntegersInOneForm) {
    const json::object body{{"tags", json::object{{"a", std::uint64_t{5}}}}};
    EXPECT_TRUE(parse_service_update(body, Kind::patch)->tags->body().at("a").is_int64());
}

TEST(Report, RefusesWhatIsNoReport) {
    EXPECT_EQ(parse_report("{").error().code, Code::format_invalid);
    EXPECT_EQ(parse_report(" ").error().code, Code::format_invalid);
    EXPECT_EQ(parse_report("[1]").error().code, Code::argument_invalid);
    EXPECT_EQ(parse_report(R"({"a":1,"a":1})").error().code, Code::argument_invalid);
    EXPECT_EQ(parse_report(std::string(9000, '[')).error().code, Code::argument_invalid);
}

TEST(Report, RefusesADeviceThatEchoesAWholeSection) {
    const auto patch = parse_report(R"({"temperature":1,"$version":4})");
    ASSERT_FALSE(patch);
    EXPECT_EQ(patch.error().code, Code::argument_invalid);
    EXPECT_NE(patch.error().message.find("$version"), std::string::npos);
}

TEST(Report, KeepsItsNullsAndItsOrder) {
    EXPECT_EQ(to_text(testing::report(R"({"b":null,"a":{"z":1,"y":null}})").body()),
              R"({"b":null,"a":{"z":1,"y":null}})");
}

}  // namespace
}  // namespace twinhub::twin
