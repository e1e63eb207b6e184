#include "hub/configurations/settlement.h"

#include "twin/merge.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <deque>

namespace twinhub::hub {
namespace {

json::object object(std::string_view text) { return parse_json(text).value().get_object(); }

TwinSettings settings_of(std::string_view text) {
    return parse_content(json::object{{"deviceContent", object(text)}}).value().settings;
}

// A twin, what is remembered of it, and those that claim it, the highest first.
struct Scene {
    std::deque<TwinSettings> settings;
    std::vector<Claim> claims;
    std::vector<std::string> known;  // configurations that exist
    LeavingRules rules{.exists = [this](std::string_view id) {
        return std::ranges::find(known, id) != known.end();
    }};
    twin::Node desired;
    Applied applied;

    Scene& claim(std::string_view id, std::string_view content, std::uint64_t revision = 1) {
        claims.push_back({id, revision, &settings.emplace_back(settings_of(content))});
        known.emplace_back(id);
        return *this;
    }
    Scene& leave(std::string_view id) {
        std::erase_if(claims, [&](const Claim& each) { return each.configuration == id; });
        return *this;
    }
    Scene& remove(std::string_view id) {
        std::erase(known, id);
        return leave(id);
    }
    Scene& write(std::string_view patch) {
        desired = twin::merge(desired, object(patch), {}, nullptr);
        return *this;
    }
    // Does what is to be done, and gives the patch.
    std::string settle_now() {
        Settlement settlement = settle(desired, applied, claims, rules);
        const std::string patch = to_text(json::value(settlement.patch));
        desired = twin::merge(desired, settlement.patch, {}, nullptr);
        applied = std::move(settlement.next);
        name = std::move(settlement.configuration);
        return patch;
    }
    std::string shown() const { return to_text(desired.to_json()); }
    std::string status(std::string_view id) const {
        const auto* standing = applied.find(id);
        return standing == nullptr ? "" : standing->applied ? "Applied" : "Targeted";
    }
    std::string name;
};

TEST(Settlement, SetsWhatIsWantedInOnePatchAndThenNothing) {
    Scene scene;
    scene.write(R"({"own":1,"fan":{"mode":"auto"}})");
    scene.claim("c", R"({"properties.desired.fan":{"speed":3},"properties.desired.led":true})");
    EXPECT_EQ(scene.settle_now(), R"({"fan":{"speed":3},"led":true})");
    EXPECT_EQ(scene.name, "c");
    EXPECT_EQ(scene.shown(), R"({"fan":{"mode":"auto","speed":3},"led":true,"own":1})");
    EXPECT_EQ(scene.status("c"), "Applied");
    EXPECT_EQ(scene.settle_now(), "{}");
    EXPECT_EQ(scene.name, "");
}

TEST(Settlement, TheHigherOneWinsAndTheLowerOneHasTheRest) {
    Scene scene;
    scene.claim("high", R"({"properties.desired.a":1})");
    scene.claim("low", R"({"properties.desired.a":2,"properties.desired.b":2})");
    scene.claim("lowest", R"({"properties.desired.a":3})");
    EXPECT_EQ(scene.settle_now(), R"({"a":1,"b":2})");
    EXPECT_EQ(scene.status("high"), "Applied");
    EXPECT_EQ(scene.status("low"), "Applied");
    EXPECT_EQ(scene.status("lowest"), "Targeted");
}

TEST(Settlement, WhatLiesAboveAPlaceReplacesItWhole) {
    Scene scene;
    scene.claim("high", R"({"properties.desired.a":{"y":1}})");
    scene.claim("low", R"({"properties.desired.a.x":2})");
    EXPECT_EQ(scene.settle_now(), R"({"a":{"y":1}})");
    EXPECT_EQ(scene.status("low"), "Targeted");
}

TEST(Settlement, WhatLiesBelowAPlaceGoesOnTopOfIt) {
    Scene scene;
    scene.claim("high", R"({"properties.desired.a.x":2})");
    scene.claim("low", R"({"properties.desired.a":{"x":1,"y":1}})");
    EXPECT_EQ(scene.settle_now(), R"({"a":{"x":2,"y":1}})");
    EXPECT_EQ(scene.status("low"), "Applied");
}

TEST(Settlement, NullTakesAway) {
    Scene scene;
    scene.write(R"({"old":1})").claim("c", R"({"properties.desired.old":null})");
    EXPECT_EQ(scene.settle_now(), R"({"old":null})");
    EXPECT_EQ(scene.settle_now(), "{}");
    EXPECT_EQ(scene.status("c"), "Applied");
}

TEST(Settlement, TakesAwayWhatALeaverSetAndTheNextOneTakesOver) {
    Scene scene;
    scene.write(R"({"own":1})");
    scene.claim("high", R"({"properties.desired.a":1,"properties.desired.s":{"k":1,"l":1}})");
    scene.claim("low", R"({"properties.desired.a":2})");
    scene.settle_now();
    EXPECT_EQ(scene.leave("high").settle_now(), R"({"a":2,"s":null})");
    EXPECT_EQ(scene.name, "low");
    EXPECT_EQ(scene.leave("low").settle_now(), R"({"a":null})");
    EXPECT_EQ(scene.name, "low");
    EXPECT_EQ(scene.shown(), R"({"own":1})");
    EXPECT_TRUE(scene.applied.empty());
}

TEST(Settlement, LeavesWhatOthersHaveWrittenSince) {
    Scene scene;
    scene.claim("c", R"({"properties.desired.a":1,"properties.desired.o":{"k":1}})");
    scene.settle_now();
    scene.write(R"({"a":5,"o":{"mine":1}})").leave("c");
    EXPECT_EQ(scene.settle_now(), R"({"o":{"k":null}})");
    EXPECT_EQ(scene.shown(), R"({"a":5,"o":{"mine":1}})");
}

TEST(Settlement, KeepsValuesOfADeletedOneUnlessToldOtherwise) {
    for (const bool remove : {false, true}) {
        Scene scene;
        scene.rules.remove_on_delete = remove;
        scene.claim("c", R"({"properties.desired.a":1})");
        scene.settle_now();
        EXPECT_EQ(scene.remove("c").settle_now(), remove ? R"({"a":null})" : "{}");
        EXPECT_TRUE(scene.applied.empty());
    }
}

TEST(Settlement, KeepsValuesOfALeaverIfToldSo) {
    Scene scene;
    scene.rules.remove_on_untarget = false;
    scene.claim("c", R"({"properties.desired.a":1})");
    scene.settle_now();
    EXPECT_EQ(scene.leave("c").settle_now(), "{}");
    EXPECT_TRUE(scene.applied.empty());
}

TEST(Settlement, TakesAwayWhatAHigherOneHidesFromNowOn) {
    Scene scene;
    scene.claim("low", R"({"properties.desired.a":{"x":1}})");
    scene.settle_now();
    scene.claim("high", R"({"properties.desired.a":{}})");
    std::ranges::reverse(scene.claims);
    EXPECT_EQ(scene.settle_now(), R"({"a":{"x":null}})");
    EXPECT_EQ(scene.shown(), R"({"a":{}})");
    EXPECT_EQ(scene.status("low"), "Targeted");
}

TEST(Settlement, WinsAgainOverADirectWriteAtTheNextLook) {
    Scene scene;
    scene.claim("c", R"({"properties.desired.a":1})");
    scene.settle_now();
    EXPECT_EQ(scene.write(R"({"a":7})").settle_now(), R"({"a":1})");
}

TEST(Settlement, OneThatStandsBackIsTargeted) {
    Scene scene;
    scene.claims.push_back({"d", 3, nullptr});
    EXPECT_EQ(scene.settle_now(), "{}");
    EXPECT_EQ(scene.status("d"), "Targeted");
    EXPECT_EQ(scene.applied.find("d")->revision, 3u);
}

TEST(Settlement, ATwinThatIsFullRemembersWhatItHas) {
    const Applied before{{{"a", 1, true}, {"b", 1, false}}, {{{"x"}, 1, "a"}}};
    const Applied wanted{{{"a", 1, true}, {"b", 2, true}, {"c", 1, true}}, {{{"y"}, 1, "c"}}};
    const Applied next = unsettled(before, wanted);
    EXPECT_EQ(next.contributions, before.contributions);
    const std::vector<Applied::Standing> standings{
        {"a", 1, true}, {"b", 2, false}, {"c", 1, false}};
    EXPECT_EQ(next.standings, standings);
}

TEST(AppliedRecord, SurvivesTheWayToTheStore) {
    const Applied applied{{{"a", 7, true}, {"b", 1ull << 40, false}},
                          {{{"x", "y"}, json::object{}, "a"},
                           {{"z"}, json::array{1, 2.5, "t"}, "a"},
                           {{"z2"}, 1.0, "gone"}}};
    std::string bytes;
    append_encoded(bytes, applied);
    EXPECT_EQ(decode_applied(bytes).value(), applied);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(decode_applied(bytes.substr(0, size)));
}

TEST(AppliedRecord, HasTheBytesOfTheFirstFormat) {
    std::string bytes;
    append_encoded(bytes, {{{"c", 3, true}}, {{{"k"}, 1, "c"}}});
    EXPECT_EQ(bytes, std::string("\1\1c\3\1\1\1\1k\1"
                                 "1\1c",
                                 13));
}

// --- what is wanted, said in another way --------------------------------------------------------

json::value set_at(json::value document, std::span<const std::string> keys,
                   const json::value& value) {
    if (keys.empty()) return value;
    if (!document.is_object()) document = json::object{};
    json::value& member = document.get_object()[keys.front()];
    member = set_at(std::move(member), keys.subspan(1), value);
    return document;
}

json::value any_value(int depth) {
    switch (*rc::gen::inRange(0, depth > 0 ? 6 : 4)) {
        case 0: return *rc::gen::inRange(0, 3);
        case 1: return nullptr;
        case 2: return json::object{};
        case 3: return json::array{1};
        default: {
            json::object made;
            for (const char* key : {"a", "b"})
                if (*rc::gen::arbitrary<bool>()) made[key] = any_value(depth - 1);
            return made;
        }
    }
}

void flatten(const json::value& value, Keys& keys, std::map<Keys, json::value>& leaves) {
    if (value.is_object() && (keys.empty() || !value.get_object().empty())) {
        for (const auto& [key, member] : value.get_object()) {
            keys.emplace_back(key);
            flatten(member, keys, leaves);
            keys.pop_back();
        }
    } else {
        leaves[keys] = value;
    }
}

RC_GTEST_PROP(MergedClaims, AreWhatEachSetsInItsPlaceFromTheLastToTheFirst, ()) {
    std::deque<TwinSettings> all;
    std::vector<Claim> claims;
    for (int i = *rc::gen::inRange(0, 5); i > 0; --i) {
        TwinSettings& settings = all.emplace_back();
        for (int k = *rc::gen::inRange(0, 4); k > 0; --k) {
            Keys keys;
            for (int depth = *rc::gen::inRange(1, 4); depth > 0; --depth)
                keys.push_back(*rc::gen::element<std::string>("a", "b"));
            settings.push_back({std::move(keys), any_value(2)});
        }
        // As a content has them: sorted, each place once.
        std::ranges::sort(settings, {}, &Setting::keys);
        const auto again = std::ranges::unique(settings, {}, &Setting::keys);
        settings.erase(again.begin(), again.end());
        claims.push_back({"c", 1, &settings});
    }
    json::value expected = json::object{};
    for (std::size_t i = claims.size(); i-- > 0;)
        for (const Setting& setting : all[i])
            expected = set_at(std::move(expected), setting.keys, setting.value);
    std::map<Keys, json::value> leaves;
    Keys keys;
    flatten(expected, keys, leaves);
    std::map<Keys, json::value> merged;
    for (const auto& [at, leaf] : merge(claims)) merged[at] = leaf.value;
    RC_ASSERT(merged == leaves);
}

}  // namespace
}  // namespace twinhub::hub
