#include "gateway/mqtt/answers.h"

#include <gtest/gtest.h>

namespace twinhub::gateway::mqtt {
namespace {

TEST(Answers, GoOutInTheOrderOfTheRequests) {
    Answers answers;
    const auto first = answers.expect("a");
    const auto second = answers.expect("b");
    answers.give(second, {.status = 400, .version = {}, .body = "no"});
    EXPECT_FALSE(answers.take());
    answers.give(first, {.status = 204, .version = 2, .body = {}});
    EXPECT_EQ(answers.take()->rid, "a");
    EXPECT_EQ(answers.take()->answer.status, 400);
    EXPECT_FALSE(answers.take());
    EXPECT_TRUE(answers.empty());
}

TEST(Answers, KeepTheirNumbersOverManyRequests) {
    Answers answers;
    std::uint64_t oldest = answers.expect("0");
    for (int i = 1; i < 1000; ++i) {
        const auto number = answers.expect(std::to_string(i));
        answers.give(oldest, {.status = 200, .version = {}, .body = {}});
        const auto next = answers.take();
        ASSERT_TRUE(next);
        EXPECT_EQ(next->rid, std::to_string(i - 1));
        EXPECT_FALSE(answers.take());
        oldest = number;
    }
}

}  // namespace
}  // namespace twinhub::gateway::mqtt
