#include "twin/change_event.h"

#include "twin/testing/generators.h"
#include "twin/view.h"

#include <rapidcheck/gtest.h>

namespace twinhub::twin {
namespace {

using namespace testing;

json::value update_body(const Change& change) {
    std::string text;
    append_update_body(text, change);
    return value(text);
}

TEST(UpdateBody, IsThatOfTheDocumentation) {
    Twin before = twin_of("{}", R"({"stroke":{"rate":20,"length":3}})");
    before.versions = {.version = 5, .etag = 3, .desired = 1, .reported = 1};
    const auto applied =
        apply(before, update(R"({"properties":{"desired":{"stroke":{"rate":40}}}})"), at(1));
    ASSERT_TRUE(applied);
    EXPECT_EQ(update_body(applied->change),
              value(R"({"version":6,"properties":{"desired":{"stroke":{"rate":40},"$metadata":{
                  "$lastUpdated":"2023-11-14T22:13:21Z","$lastUpdatedVersion":2,
                  "stroke":{"$lastUpdated":"2023-11-14T22:13:21Z","$lastUpdatedVersion":2,
                    "rate":{"$lastUpdated":"2023-11-14T22:13:21Z","$lastUpdatedVersion":2}}},
                  "$version":2}}})"));
}

TEST(UpdateBody, HasNullForWhatWentAndNoMetadataOfIt) {
    const Twin before = twin_of(R"({"site":"a","old":1})", R"({"fan":1,"led":2})");
    const auto applied = apply(
        before, update(R"({"tags":{"old":null},"properties":{"desired":{"fan":null}}})"), at(1));
    ASSERT_TRUE(applied);
    const json::value body = update_body(applied->change);
    EXPECT_EQ(body.at("tags"), value(R"({"old":null})"));
    EXPECT_EQ(body.at_pointer("/properties/desired"),
              value(R"({"fan":null,"$metadata":{"$lastUpdated":"2023-11-14T22:13:21Z",
                        "$lastUpdatedVersion":2},"$version":2})"));
    EXPECT_FALSE(body.as_object().contains("deviceId"));
    EXPECT_FALSE(body.as_object().contains("etag"));
}

TEST(UpdateBody, OfAReportHasNoVersionInItsMetadata) {
    const auto applied =
        apply_report(fresh(at(0)), report(R"({"battery":[1,{"a":2}]})"), {}, at(1));
    ASSERT_TRUE(applied);
    EXPECT_EQ(update_body(applied->change),
              value(R"({"version":3,"properties":{"reported":{"battery":[1,{"a":2}],"$metadata":{
                  "$lastUpdated":"2023-11-14T22:13:21Z",
                  "battery":{"$lastUpdated":"2023-11-14T22:13:21Z"}},"$version":2}}})"));
}

TEST(UpdateBody, OfAClearedSectionTakesEveryKeyAway) {
    const Twin before = twin_of(R"({"site":"a"})", R"({"fan":{"speed":1},"led":2})");
    const auto applied =
        apply(before, update(R"({"tags":null,"properties":{"desired":null}})"), at(1));
    ASSERT_TRUE(applied);
    const json::value body = update_body(applied->change);
    EXPECT_EQ(body.at("tags"), value(R"({"site":null})"));
    EXPECT_TRUE(body.at_pointer("/properties/desired/fan").is_null());
    EXPECT_TRUE(body.at_pointer("/properties/desired/led").is_null());
}

// RFC 7396, written apart from the code under test.
json::value merged(json::value target, const json::value& patch) {
    if (!patch.is_object()) return patch;
    json::object result = target.is_object() ? target.get_object() : json::object();
    for (const auto& [name, change] : patch.get_object()) {
        if (change.is_null()) result.erase(name);
        else result[name] = merged(result.contains(name) ? result[name] : json::value(), change);
    }
    return result;
}

json::object bare(const json::value& section) {
    json::object copy = section.as_object();
    copy.erase("$metadata");
    copy.erase("$version");
    return copy;
}

json::value section(const Twin& twin, Part part, Metadata metadata) {
    std::string text;
    append_section(text, twin, part, metadata);
    return value(text);
}

bool is_within(const json::value& part, const json::value& whole) {
    if (!part.is_object()) return part == whole;
    return std::ranges::all_of(part.get_object(), [&](const json::key_value_pair& entry) {
        const auto* found =
            whole.is_object() ? whole.get_object().if_contains(entry.key()) : nullptr;
        return found && is_within(entry.value(), *found);
    });
}

// What a consumer does with them.
RC_GTEST_PROP(UpdateBody, MergedIntoTheTwinBeforeIsTheTwinAfter, ()) {
    const Twin before = any_twin();
    const auto applied = any_write(before, at(100));
    RC_PRE(applied.has_value());
    const json::value body = update_body(applied->change);
    RC_ASSERT(body.at("version").to_number<std::uint64_t>() == applied->next.versions.version);
    for (const Part part : parts) {
        const json::value* told =
            part == Part::tags ? body.as_object().if_contains("tags") : nullptr;
        if (part != Part::tags)
            if (const auto* properties = body.as_object().if_contains("properties"))
                told = properties->as_object().if_contains(part == Part::desired ? "desired"
                                                                                 : "reported");
        RC_ASSERT((told != nullptr) == applied->change.part(part).has_value());
        json::value now = bare(section(before, part, Metadata::without));
        if (told) now = merged(now, bare(*told));
        RC_ASSERT(now == json::value(bare(section(applied->next, part, Metadata::without))));
        if (!told || part == Part::tags) continue;
        const json::value after = section(applied->next, part, Metadata::with);
        RC_ASSERT(is_within(told->at("$metadata"), after.at("$metadata")));
        RC_ASSERT(told->at("$version") == after.at("$version"));
    }
}

TEST(WholeBody, SaysWhoAndEverything) {
    std::string text;
    Twin twin = twin_of(R"({"site":"a"})", R"({"fan":1})");
    append_whole_body(text, "d", "m", twin);
    const json::value body = value(text);
    EXPECT_EQ(body.at("deviceId"), value(R"("d")"));
    EXPECT_EQ(body.at("moduleId"), value(R"("m")"));
    EXPECT_EQ(body.at("etag").as_string(), twin.etag());
    EXPECT_EQ(body.at("tags"), value(R"({"site":"a"})"));
    EXPECT_EQ(body.at_pointer("/properties/desired"), section(twin, Part::desired, Metadata::with));
    EXPECT_EQ(body.at_pointer("/properties/reported"),
              section(twin, Part::reported, Metadata::with));
}

}  // namespace
}  // namespace twinhub::twin
