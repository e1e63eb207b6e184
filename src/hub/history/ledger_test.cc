#include "hub/history/ledger.h"

#include "hub/testing/test_hub.h"

#include <gtest/gtest.h>

namespace twinhub::hub {
namespace {

using namespace testing;
using twin::drift::State;

class Ledgers : public ::testing::Test {
protected:
    Ledgers() { hub.create(spec_of("m1")); }

    void set(std::string_view desired, std::string request = {}) {
        hub.clock().advance(std::chrono::seconds{1});
        EXPECT_TRUE(hub.patch(id, R"({"properties":{"desired":)" + std::string(desired) + "}}", {},
                              std::move(request)));
    }
    void report(std::string_view reported) {
        hub.clock().advance(std::chrono::seconds{1});
        const auto answer = hub.begin_report(id, reported);
        hub.settle();
        EXPECT_TRUE(answer.get());
    }
    Ledger ledger(std::string_view path, LedgerBounds bounds = {}) {
        const twin::drift::Policy policy;
        auto made = ledger_of(ChangeLog(hub.engine().snapshot(), id), path, policy, bounds);
        EXPECT_TRUE(made) << (made ? "" : made.error().message);
        return made.value_or(Ledger{});
    }

    TestHub hub;
    TwinId id = id_of("m1");
};

TEST_F(Ledgers, EachSettingHasItsAuthorAndWhenItTookEffect) {
    set(R"({"limit":80})", "r-1");
    const Instant set_at = hub.clock().now();
    report(R"({"limit":{"value":75,"ac":202,"av":2}})");
    report(R"({"limit":{"value":80,"ac":200,"av":2,"ad":"stored"}})");
    const Instant effective_at = hub.clock().now();
    report(R"({"battery":17})");
    set(R"({"limit":90})", "r-2");
    report(R"({"limit":{"value":80,"ac":400,"av":3,"ad":"too hot"}})");

    const Ledger made = ledger("limit");
    ASSERT_EQ(made.entries.size(), 2U);
    EXPECT_TRUE(made.complete);
    const LedgerEntry& first = made.entries[0];
    EXPECT_EQ(first.path, "limit");
    EXPECT_EQ(first.at, set_at);
    EXPECT_EQ(first.author.request_id, "r-1");
    EXPECT_EQ(first.version, 2U);
    EXPECT_FALSE(first.before);
    EXPECT_EQ(first.after, json::value(80));
    EXPECT_EQ(first.effective, effective_at);
    EXPECT_EQ(first.state, State::converged);
    EXPECT_EQ(first.code, 200);
    EXPECT_EQ(first.words, "stored");
    EXPECT_TRUE(first.superseded);
    const LedgerEntry& second = made.entries[1];
    EXPECT_EQ(second.before, json::value(80));
    EXPECT_EQ(second.after, json::value(90));
    EXPECT_EQ(second.state, State::rejected);
    EXPECT_EQ(second.words, "too hot");
    EXPECT_FALSE(second.effective);
    EXPECT_FALSE(second.superseded);
}

TEST_F(Ledgers, APathStandsForAllThatIsBelowIt) {
    set(R"({"pump":{"rate":1,"mode":"a"},"other":2})");
    EXPECT_EQ(ledger("pump").entries.size(), 2U);
    EXPECT_EQ(ledger("pump.rate").entries.size(), 1U);
    EXPECT_EQ(ledger("").entries.size(), 3U);
    EXPECT_TRUE(ledger("pum").entries.empty());
}

TEST_F(Ledgers, ARemovalIsASettingWithoutAValue) {
    set(R"({"limit":80})");
    set(R"({"limit":null})");
    const Ledger made = ledger("limit");
    ASSERT_EQ(made.entries.size(), 2U);
    EXPECT_TRUE(made.entries[0].superseded);
    EXPECT_FALSE(made.entries[1].after);
    EXPECT_FALSE(made.entries[1].state);
}

TEST_F(Ledgers, WhatWasSetEarlierThanAskedForIsLeftOut) {
    set(R"({"limit":80})");
    hub.clock().advance(std::chrono::hours{1});
    const Instant since = hub.clock().now();
    set(R"({"limit":90})");
    const Ledger made = ledger("limit", {.since = since});
    ASSERT_EQ(made.entries.size(), 1U);
    EXPECT_EQ(made.entries[0].before, json::value(80));
}

TEST_F(Ledgers, TooManyChangesAreRefused) {
    for (int i = 0; i < 5; ++i) set(R"({"limit":)" + std::to_string(i) + "}");
    const twin::drift::Policy policy;
    const auto refused =
        ledger_of(ChangeLog(hub.engine().snapshot(), id), "limit", policy, {.changes_max = 3});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::history_unavailable);
}

TEST_F(Ledgers, ATwinThatIsNotThereHasNone) {
    const twin::drift::Policy policy;
    const auto refused =
        ledger_of(ChangeLog(hub.engine().snapshot(), id_of("other")), "x", policy, {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::device_not_found);
}

}  // namespace
}  // namespace twinhub::hub
