#include "apps/config/drift_config.h"

#include <gtest/gtest.h>

namespace twinhub::apps {
namespace {

using namespace std::chrono_literals;

TEST(DriftConfig, ReadsRulesForPathsAndTags) {
    Config config;
    config.drift_tolerance = "1%";
    config.drift_exclude = {"debug"};
    config.drift_overrides = {"camera.**: pending_timeout=30m tolerance=0.5",
                              "tags.site=lab: strict=true settle=1m",
                              "tags.n=3 a.*: tracked=false"};
    const auto policy = drift_policy(config);
    ASSERT_TRUE(policy) << policy.error().message;
    EXPECT_EQ(policy->property.tolerance.relative, 0.01);
    ASSERT_EQ(policy->overrides.size(), 4u);
    EXPECT_EQ(policy->overrides[0].paths.text(), "debug");
    EXPECT_EQ(policy->overrides[0].tracked, false);
    EXPECT_EQ(policy->overrides[1].pending_timeout, Ticks(30min));
    EXPECT_EQ(policy->overrides[1].tolerance->absolute, 0.5);
    EXPECT_EQ(policy->overrides[2].tag->path, "site");
    EXPECT_EQ(policy->overrides[2].tag->value, json::value("lab"));
    EXPECT_EQ(policy->overrides[2].strict, true);
    EXPECT_EQ(policy->overrides[3].tag->value, json::value(3));
    EXPECT_EQ(policy->overrides[3].paths.text(), "a.*");
}

TEST(DriftConfig, NamesWhatIsWrong) {
    struct Row {
        std::vector<std::string> overrides;
        const char* problem;
    };
    const Row rows[] = {
        {{"camera"}, "must be like"},
        {{"a b: strict=true"}, "two patterns"},
        {{"tags.a=1 tags.b=2: strict=true"}, "two tags"},
        {{"a: colour=red"}, "knows no rule 'colour'"},
        {{"a: tolerance=-1"}, "must be a number"},
        {{"a: pending_timeout=soon"}, "must be a time"},
        {{"a: strict=true"}, "without paths"},
        {{"a..b: tracked=false"}, "empty key"},
        {{"a: "}, "says nothing"},
    };
    for (const Row& row : rows) {
        Config config;
        config.drift_overrides = row.overrides;
        const auto policy = drift_policy(config);
        ASSERT_FALSE(policy) << row.overrides[0];
        EXPECT_TRUE(policy.error().message.starts_with("drift.overrides: "));
        EXPECT_NE(policy.error().message.find(row.problem), std::string::npos)
            << policy.error().message;
    }
    Config config;
    config.drift_tolerance = "much";
    EXPECT_FALSE(drift_policy(config));
    config = {};
    config.drift_exclude = {".."};
    EXPECT_FALSE(drift_policy(config));
}

}  // namespace
}  // namespace twinhub::apps
