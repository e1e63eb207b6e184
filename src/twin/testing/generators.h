#pragma once

#include "twin/apply.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <string>
#include <string_view>

// What the tests of this room share: short ways to write values, and generators of documents.
namespace twinhub::twin::testing {

inline json::value value(std::string_view text) {
    auto parsed = parse_json(text);
    EXPECT_TRUE(parsed) << text;
    return parsed ? *parsed : json::value();
}
inline json::object object(std::string_view text) { return value(text).get_object(); }

inline Instant at(int seconds) { return Instant{std::chrono::seconds{1'700'000'000 + seconds}}; }

inline ServiceUpdate update(std::string_view body, Kind kind = Kind::patch) {
    auto parsed = parse_service_update(body, kind);
    EXPECT_TRUE(parsed) << body << (parsed ? "" : parsed.error().message);
    return parsed.value_or(ServiceUpdate{});
}

inline Patch report(std::string_view body) {
    auto parsed = parse_report(body);
    EXPECT_TRUE(parsed) << body << (parsed ? "" : parsed.error().message);
    return parsed.value_or(Patch{});
}

inline Twin after(const Twin& twin, std::string_view body, Instant now, Kind kind = Kind::patch) {
    auto applied = apply(twin, update(body, kind), now);
    EXPECT_TRUE(applied) << body;
    return applied ? applied->next : twin;
}

inline Twin after_report(const Twin& twin, std::string_view body, Instant now) {
    auto applied = apply_report(twin, report(body), {}, now);
    EXPECT_TRUE(applied) << body;
    return applied ? applied->next : twin;
}

// A new twin with these tags, desired and reported properties.
inline Twin twin_of(std::string_view tags, std::string_view desired,
                    std::string_view reported = "{}") {
    const std::string body = R"({"tags":)" + std::string(tags) + R"(,"properties":{"desired":)" +
                             std::string(desired) + "}}";
    auto twin = fresh_with(update(body), at(0));
    EXPECT_TRUE(twin);
    twin->reported = build(value(reported), {at(0), 0});
    return *twin;
}

enum class Nulls : bool { without, with };

// Few names, so that a patch often meets what is there; also an empty and a long one.
inline rc::Gen<std::string> any_key() {
    return rc::gen::element<std::string>("a", "b", "c", "A", "", "o", "ü-key",
                                         "a-name-beyond-the-small-string-buffer");
}

inline json::value any_leaf() {
    switch (*rc::gen::inRange(0, 6)) {
        case 0: return *rc::gen::inRange<std::int64_t>(-4503599627370496, 4503599627370496);
        case 1: return *rc::gen::arbitrary<int>() / 8.0;
        case 2: return *rc::gen::arbitrary<bool>();
        case 3:
            return json::value(*rc::gen::element<std::string>(
                "", "x", "é\x01", "a text that is longer than a few bytes"));
        case 4: return json::array{1, "two", json::object{{"three", 3.5}}};
        default: return json::array{};
    }
}

inline json::object any_members(int depth, Nulls nulls) {
    json::object members;
    const int count = *rc::gen::inRange(0, 5);
    for (int i = 0; i < count; ++i) {
        const std::string key = *any_key();
        const int kind = *rc::gen::inRange(0, 6);
        if (kind == 0 && nulls == Nulls::with) members[key] = nullptr;
        else if (kind <= 2 && depth > 0) members[key] = any_members(depth - 1, nulls);
        else members[key] = any_leaf();
    }
    return members;
}

inline rc::Gen<json::object> any_document() {
    return rc::gen::exec([] { return any_members(3, Nulls::without); });
}
inline rc::Gen<json::object> any_patch() {
    return rc::gen::exec([] { return any_members(3, Nulls::with); });
}

// One write of any kind; null for a whole section now and then.
inline Result<Applied> any_write(const Twin& twin, Instant now) {
    const int kind = *rc::gen::inRange(0, 3);
    if (kind == 2) return apply_report(twin, report(to_text(*any_patch())), {}, now);
    json::object body;
    const auto part = [](const char* name, json::object& into) {
        const int choice = *rc::gen::inRange(0, 6);
        if (choice == 0) return;
        if (choice == 1) into[name] = nullptr;
        else into[name] = *any_patch();
    };
    part("tags", body);
    json::object properties;
    part("desired", properties);
    body["properties"] = properties;
    const Kind how = kind == 0 ? Kind::patch : Kind::replace;
    return apply(twin, update(to_text(body), how), now);
}

// A twin with a past: some writes, each at a later time.
inline Twin any_twin() {
    Twin twin = fresh(at(0));
    const int writes = *rc::gen::inRange(0, 5);
    for (int i = 0; i < writes; ++i) twin = any_write(twin, at(i + 1)).value().next;
    if (*rc::gen::arbitrary<bool>()) twin.model_id = "dtmi:acme:Press;2";
    return twin;
}

}  // namespace twinhub::twin::testing
