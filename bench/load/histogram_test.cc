#include "histogram.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace twinhub::load {
namespace {

TEST(Histogram, IsExactForSmallValues) {
    Histogram histogram;
    for (std::uint64_t value = 1; value <= 100; ++value) histogram.add(value);
    EXPECT_EQ(histogram.count(), 100U);
    EXPECT_EQ(histogram.max(), 100U);
    EXPECT_EQ(histogram.quantile(0), 1U);
    EXPECT_EQ(histogram.quantile(0.5), 51U);
    EXPECT_EQ(histogram.quantile(0.99), 100U);
    EXPECT_EQ(histogram.quantile(1), 100U);
}

TEST(Histogram, IsZeroWhenEmpty) {
    EXPECT_EQ(Histogram().quantile(0.5), 0U);
    EXPECT_EQ(Histogram().max(), 0U);
}

TEST(Histogram, TakesTheLargestValue) {
    Histogram histogram;
    histogram.add(UINT64_MAX);
    EXPECT_EQ(histogram.quantile(0.5), UINT64_MAX);
}

RC_GTEST_PROP(Histogram, AQuantileIsNeverBelowTheTruthAndAtMostAPartIn64Above,
              (std::vector<std::uint64_t> values)) {
    RC_PRE(!values.empty());
    const auto histogram = std::make_unique<Histogram>();
    for (const std::uint64_t value : values) histogram->add(value);
    std::ranges::sort(values);
    for (const double share : {0.0, 0.5, 0.9, 0.99}) {
        const auto index = static_cast<std::size_t>(share * static_cast<double>(values.size()));
        const std::uint64_t truth = values[index];
        const std::uint64_t answer = histogram->quantile(share);
        RC_ASSERT(answer >= truth);
        RC_ASSERT(answer - truth <= truth / 64);
    }
}

}  // namespace
}  // namespace twinhub::load
