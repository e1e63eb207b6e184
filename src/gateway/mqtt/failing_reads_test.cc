#include "gateway/mqtt/failing_reads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::gateway::mqtt {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class FailingReadsTest : public testing::Test {
protected:
    void fail(std::uint64_t number) {
        reads.failed(number, {.status = 500, .version = {}, .body = {}}, deadlines, now);
    }
    void advance(milliseconds time) {
        now += time;
        deadlines.advance(now);
    }

    Moment now{std::chrono::hours{1}};
    Deadlines deadlines{now};
    std::vector<std::uint64_t> given;
    FailingReads reads{[this](std::uint64_t number, const Answer&) { given.push_back(number); }};
};

TEST_F(FailingReadsTest, TheFirstIsAnsweredAtOnceAndThoseBehindItLate) {
    fail(1);
    EXPECT_THAT(given, ElementsAre(1));
    fail(2);
    advance(milliseconds(999));
    EXPECT_THAT(given, ElementsAre(1));
    advance(milliseconds(1001));
    EXPECT_THAT(given, ElementsAre(1, 2));
    fail(3);
    EXPECT_THAT(given, ElementsAre(1, 2));
}

TEST_F(FailingReadsTest, EachIsHeldForASecondHoweverManyAreSentAtOnce) {
    fail(1);
    fail(2);
    advance(milliseconds(900));
    fail(3);
    advance(milliseconds(600));
    EXPECT_THAT(given, testing::Not(testing::Contains(3u)));
    advance(seconds(2));
    EXPECT_THAT(given, ElementsAre(1, 2, 3));
}

TEST_F(FailingReadsTest, ASuccessEndsTheDelay) {
    fail(1);
    reads.succeeded();
    fail(2);
    EXPECT_THAT(given, ElementsAre(1, 2));
}

TEST_F(FailingReadsTest, NothingIsGivenAfterTheEnd) {
    fail(1);
    given.clear();
    fail(2);
    fail(3);
    reads.stop();
    advance(seconds(5));
    EXPECT_THAT(given, IsEmpty());
}

}  // namespace
}  // namespace twinhub::gateway::mqtt
