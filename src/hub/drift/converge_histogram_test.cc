#include "hub/drift/converge_histogram.h"

#include <gmock/gmock.h>
#include <prometheus/text_serializer.h>

namespace twinhub::hub {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Measured {
    prometheus::Registry registry;
    ConvergeHistogram times{registry, "times", "help", "name"};

    std::string text() const { return prometheus::TextSerializer().Serialize(registry.Collect()); }
};

TEST(ConvergeHistogram, TellsWhatHalfAndMostOfThemTook) {
    Measured measured;
    EXPECT_FALSE(measured.times.quantiles("a", 0));
    for (int i = 0; i < 90; ++i) measured.times.observe("a", 1.5);
    for (int i = 0; i < 10; ++i) measured.times.observe("a", 50);
    EXPECT_FALSE(measured.times.quantiles("a", 101));
    EXPECT_FALSE(measured.times.quantiles("b", 1));
    const auto quantiles = measured.times.quantiles("a", 100);
    ASSERT_TRUE(quantiles);
    EXPECT_NEAR(quantiles->p50, 1 + 50.0 / 90, 1e-9);
    EXPECT_NEAR(quantiles->p95, 30 + 30 * 0.5, 1e-9);
}

TEST(ConvergeHistogram, GivesWhatIsBeyondItsBoundsTheHighestOne) {
    Measured measured;
    measured.times.observe("a", 1e9);
    EXPECT_EQ(measured.times.quantiles("a", 1)->p50, 604800);
}

TEST(ConvergeHistogram, KeepsTheNumberOfItsSeriesBounded) {
    Measured measured;
    for (std::size_t i = 0; i < ConvergeHistogram::labels_max + 50; ++i)
        measured.times.observe("n" + std::to_string(i), 1);
    const std::string text = measured.text();
    EXPECT_THAT(text, HasSubstr(R"(times_count{name="n99"} 1)"));
    EXPECT_THAT(text, Not(HasSubstr(R"(name="n100")")));
    EXPECT_THAT(text, HasSubstr(R"(times_count{name="other"} 50)"));
    measured.times.observe("n3", 1);
    EXPECT_THAT(measured.text(), HasSubstr(R"(times_count{name="n3"} 2)"));
}

}  // namespace
}  // namespace twinhub::hub
