#include "twin/moved.h"

#include "twin/apply.h"
#include "twin/limits.h"
#include "twin/update.h"
#include "twin/view.h"

#include <gtest/gtest.h>

namespace twinhub::twin {
namespace {

constexpr Instant at(int seconds) {
    return Instant{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}} +
           std::chrono::seconds{seconds} + Ticks{1234567};
}

Twin lived_in() {
    Twin twin = fresh(at(1));
    twin = apply(twin,
                 parse_service_update(R"({"tags":{"site":"west","list":[1,{"a":2}]},
                     "properties":{"desired":{"rate":40,"deep":{"a":{"b":true}}}}})",
                                      Kind::patch)
                     .value(),
                 at(2))
               .value()
               .next;
    twin =
        apply(twin,
              parse_service_update(R"({"properties":{"desired":{"deep":{"c":"x"}}}})", Kind::patch)
                  .value(),
              at(3))
            .value()
            .next;
    return apply_report(twin, parse_report(R"({"seen":{"count":3},"z":1.5})").value(), std::nullopt,
                        at(4))
        .value()
        .next;
}

json::object as_object(const Twin& twin) {
    std::string text = "{";
    append_moved(text, twin);
    return parse_json(text + "}").value().get_object();
}

// Values and times of the sections; versions of desired's leaves begin again.
std::string told(const Twin& twin) {
    std::string text;
    for (const Part part : parts) append_section(text, twin, part, Metadata::with);
    return text;
}

TEST(MovedTwin, KeepsEachValueAndItsTimeAndCountsAnew) {
    const Twin twin = lived_in();
    const auto moved = parse_moved(as_object(twin), at(99));
    ASSERT_TRUE(moved);
    EXPECT_EQ(moved->versions, Versions{});
    EXPECT_EQ(moved->tags, twin.tags);
    EXPECT_EQ(moved->reported, twin.reported);
    EXPECT_EQ(moved->desired.to_json(), twin.desired.to_json());
    EXPECT_EQ(moved->desired.find("rate")->stamp().updated, at(2));
    EXPECT_EQ(moved->desired.find("deep")->stamp().updated, at(3));
    EXPECT_EQ(moved->desired.find("deep")->find("a")->stamp().updated, at(2));
    EXPECT_EQ(moved->desired.find("deep")->find("c")->stamp().updated, at(3));
    EXPECT_EQ(moved->desired.find("deep")->find("c")->stamp().version, 1u);
    EXPECT_EQ(*moved, twin::moved(twin));
}

TEST(MovedTwin, MovesAgainWithoutAnyChange) {
    const Twin once = parse_moved(as_object(lived_in()), at(99)).value();
    const Twin twice = parse_moved(as_object(once), at(100)).value();
    EXPECT_EQ(once, twice);
    EXPECT_EQ(told(once), told(twice));
}

TEST(MovedTwin, WithoutMetadataHasTheTimeGiven) {
    const auto view = parse_json(R"({"properties":{"desired":{"rate":1},"reported":null}})");
    const Twin moved = parse_moved(view->get_object(), at(7)).value();
    EXPECT_EQ(moved.desired.find("rate")->stamp().updated, at(7));
    EXPECT_EQ(moved.reported, fresh(at(7)).reported);
    EXPECT_TRUE(moved.tags.object().members.empty());
}

TEST(MovedTwin, IsRefusedBeyondTheLimitsOfATwin) {
    const std::string large(string_bytes_max, 'x');
    std::string tags = R"({"tags":{)";
    for (int i = 0; i < 3; ++i) {
        if (i > 0) tags += ',';
        tags += "\"k" + std::to_string(i) + "\":\"" + large + '"';
    }
    const std::string texts[] = {tags + "}}", R"({"tags":[]})", R"({"properties":{"desired":7}})",
                                 R"({"properties":1})", R"({"tags":{"a.b":1}})"};
    for (const std::string& text : texts) {
        const auto view = parse_json(text, {.bytes_max = 1 << 20});
        const auto moved = parse_moved(view->get_object(), at(1));
        ASSERT_FALSE(moved) << text.substr(0, 40);
        EXPECT_EQ(moved.error().code, Code::argument_invalid);
        EXPECT_FALSE(moved.error().where.empty());
    }
}

}  // namespace
}  // namespace twinhub::twin
