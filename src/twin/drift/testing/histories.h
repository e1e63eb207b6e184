#pragma once

#include "twin/drift/policy.h"
#include "twin/testing/generators.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

// Random lives of a twin whose device now and then answers what is desired of it.
namespace twinhub::twin::drift::testing {

using twinhub::twin::testing::at;

inline std::string any_name() {
    return *rc::gen::element<std::string>("a", "o", "o", "a", "b", "", "status", "__t");
}

inline json::value any_small_leaf() {
    switch (*rc::gen::inRange(0, 6)) {
        case 0: return json::object{};
        case 1: return json::array{1, 2};
        case 2: return true;
        case 3: return json::value(*rc::gen::element<std::string>("x", "error", "pending"));
        default: return *rc::gen::inRange<std::int64_t>(1, 4);
    }
}

inline json::object any_wish(int depth) {
    json::object members;
    for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        const std::string name = any_name();
        const int kind = *rc::gen::inRange(0, 5);
        if (kind == 0) members[name] = nullptr;
        else if (kind <= 2 && depth > 0) members[name] = any_wish(depth - 1);
        else members[name] = any_small_leaf();
    }
    return members;
}

// Devices must not send names that begin with $; `__t` they may.
inline json::object any_answer(int depth, std::uint64_t version) {
    json::object members;
    for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        const std::string name = any_name();
        const int kind = *rc::gen::inRange(0, 8);
        if (kind == 0) members[name] = nullptr;
        else if (kind <= 2 && depth > 0) members[name] = any_answer(depth - 1, version);
        else if (kind <= 5)
            members[name] = {
                {"value",
                 *rc::gen::arbitrary<bool>() ? any_small_leaf() : json::value(any_wish(0))},
                {"ac", *rc::gen::element<std::int64_t>(200, 202, 203, 400, 500)},
                {"av", *rc::gen::inRange<std::int64_t>(0, static_cast<std::int64_t>(version) + 2)},
                {"ad", "words"}};
        else members[name] = any_small_leaf();
    }
    if (*rc::gen::inRange(0, 4) == 0)
        members["seen"] =
            *rc::gen::inRange<std::int64_t>(0, static_cast<std::int64_t>(version) + 2);
    return members;
}

inline Applied any_step(const Twin& twin, Instant now) {
    const int kind = *rc::gen::inRange(0, 8);
    if (kind < 4)
        return apply_report(
                   twin, Patch::trusted(any_answer(2, twin.versions.desired), Patch::Mode::merge),
                   {}, now)
            .value();
    ServiceUpdate update;
    update.kind = kind == 4 ? Kind::replace : Kind::patch;
    const auto mode = kind == 4 ? Patch::Mode::replace : Patch::Mode::merge;
    if (kind != 5) {
        json::object wish = any_wish(2);
        if (kind == 4) wish = json::object{{"a", any_small_leaf()}, {"o", json::object{{"b", 1}}}};
        update.desired = Patch::trusted(std::move(wish), mode);
    }
    if (kind >= 5)
        update.tags =
            Patch::trusted(json::object{{"site", *rc::gen::element<std::string>("x", "y")}}, mode);
    return apply(twin, std::move(update), now).value();
}

// Each feature of a policy on or off.
inline Policy any_policy() {
    Policy policy;
    policy.twin.strict = *rc::gen::inRange(0, 4) == 0;
    policy.twin.status_sibling = *rc::gen::arbitrary<bool>();
    if (*rc::gen::inRange(0, 3) == 0) policy.twin.document_ack = "seen";
    if (*rc::gen::inRange(0, 3) == 0) {
        Override one;
        one.paths = Glob::parse("o.*").value();
        one.tracked = false;
        policy.overrides.push_back(one);
    }
    if (*rc::gen::inRange(0, 3) == 0) {
        Override one;
        one.tag = Override::TagIs{"site", "x"};
        one.tolerance = Tolerance{.absolute = 1};
        policy.overrides.push_back(one);
        Override other;
        other.tag = Override::TagIs{"site", "y"};
        other.strict = true;
        policy.overrides.push_back(other);
    }
    return policy;
}

}  // namespace twinhub::twin::drift::testing
