#include "twin/drift/standing.h"

#include "twin/drift/assessment.h"
#include "twin/drift/testing/histories.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace twinhub::twin::drift {
namespace {

using testing::any_policy;
using testing::any_step;
using twin::testing::at;
using twin::testing::report;
using twin::testing::update;

// What `moved` says, kept up: the state of each leaf and of each object above one.
class Places {
public:
    void apply(const std::vector<Moved>& moved) {
        for (const Moved& one : moved)
            if (!one.is) {
                const auto found = states_.find({one.path, one.is_leaf});
                RC_ASSERT(found != states_.end());
                RC_ASSERT(found->second == one.was);
                states_.erase(found);
            } else if (!one.was) {
                RC_ASSERT((states_.emplace(std::pair(one.path, one.is_leaf), *one.is).second));
            } else {
                State& state = states_.at({one.path, one.is_leaf});
                RC_ASSERT(state == *one.was);
                state = *one.is;
            }
    }
    friend bool operator==(const Places&, const Places&) = default;

private:
    std::map<std::pair<std::string, bool>, State> states_;
};

RC_GTEST_PROP(Standing, GrownByChangesIsTheOneCountedAnew, ()) {
    const Policy policy = any_policy();
    const bool edge = *rc::gen::inRange(0, 6) == 0;
    Twin twin = fresh(at(0));
    Step step = standing_of(twin, policy, edge);
    Places places;
    for (int i = 1; i < 40; ++i) {
        const Applied applied = any_step(twin, at(i));
        if (applied.change.empty()) continue;
        step = advance(step.standing, twin, applied.next, applied.change, policy, edge);
        twin = applied.next;
        places.apply(step.moved);

        const Step anew = standing_of(twin, policy, edge);
        RC_ASSERT(step.standing.counts == anew.standing.counts);
        RC_ASSERT(step.standing.worst == anew.standing.worst);
        RC_ASSERT(step.standing.waiting_from.has_value() == anew.standing.waiting_from.has_value());
        if (anew.standing.waiting_from) {
            RC_ASSERT(*step.standing.waiting_from <= *anew.standing.waiting_from);
            RC_ASSERT(step.standing.pending_timeout_min <= anew.standing.pending_timeout_min);
        }
        Places expected;
        expected.apply(anew.moved);
        RC_ASSERT(places == expected);
        RC_ASSERT(step.standing.left.has_value() == (step.standing.base() > State::converged));
    }
}

RC_GTEST_PROP(Standing, AgreesWithTheAssessment, ()) {
    const Policy policy = any_policy();
    Twin twin = fresh(at(0));
    for (int i = 1; i < 6; ++i) twin = any_step(twin, at(i)).next;
    const Standing standing = standing_of(twin, policy, false).standing;
    const bool connected = *rc::gen::arbitrary<bool>();
    const Connection connection{connected, at(*rc::gen::inRange(0, 9)), at(9)};
    const Assessment made = assess(twin, policy, false, connection, at(*rc::gen::inRange(9, 900)));
    RC_ASSERT(made.properties.size() == standing.counts.total());
    const State base = is_waiting(made.state) ? State::pending : made.state;
    RC_ASSERT(standing.base() == base);
    RC_ASSERT(made.counts[index_of(State::converged)] == standing.counts.converged);
    RC_ASSERT(made.counts[index_of(State::drifted)] == standing.counts.drifted);
    RC_ASSERT(made.counts[index_of(State::rejected)] == standing.counts.rejected);
    if (standing.base() == State::rejected || standing.base() == State::drifted)
        RC_ASSERT(made.worst()->path == standing.worst.path);
}

struct Life {
    Twin twin = fresh(at(0));
    Step step = standing_of(twin, {}, false);

    void take(const Result<Applied>& applied) {
        step = advance(step.standing, twin, applied->next, applied->change, {}, false);
        twin = applied->next;
    }
    void desire(std::string_view desired, int second) {
        take(apply(twin, update(R"({"properties":{"desired":)" + std::string(desired) + "}}"),
                   at(second)));
    }
    void tell(std::string_view reported, int second) {
        take(apply_report(twin, report(reported), {}, at(second)));
    }
    const Standing& now() const { return step.standing; }
};

TEST(Standing, KeepsWhenItCameToItsStateThroughRepeatedReports) {
    Life life;
    life.desire(R"({"p":1})", 10);
    EXPECT_EQ(life.now().since, at(10));
    life.tell(R"({"p":1})", 25);
    EXPECT_EQ(life.now().base(), State::converged);
    EXPECT_EQ(life.now().since, at(25));
    EXPECT_EQ(life.now().converge_time, std::chrono::seconds{15});
    life.tell(R"({"p":1})", 99);
    EXPECT_EQ(life.now().since, at(25));
}

TEST(Standing, MeasuresFromTheFirstWishThatWasNotMet) {
    Life life;
    life.desire(R"({"p":1})", 10);
    life.desire(R"({"p":2})", 20);
    life.tell(R"({"p":1})", 21);
    EXPECT_EQ(life.now().base(), State::drifted);
    EXPECT_EQ(life.now().since, at(21));
    EXPECT_EQ(life.now().left, at(10));
    life.tell(R"({"p":2})", 30);
    EXPECT_EQ(life.now().converge_time, std::chrono::seconds{20});
    EXPECT_FALSE(life.now().left);
}

TEST(Standing, NamesTheFirstOfTheWorst) {
    Life life;
    life.desire(R"({"a":1,"b":1,"c":1})", 10);
    EXPECT_EQ(life.now().worst.path, "a");
    life.tell(R"({"c":{"ac":400,"av":2,"ad":"no"}})", 11);
    EXPECT_EQ(life.now().worst, (Standing::Worst{"c", Reason::refused, 400, "no"}));
    life.tell(R"({"b":{"ac":401,"av":2}})", 12);
    EXPECT_EQ(life.now().worst.path, "b");
    life.tell(R"({"b":null})", 13);
    EXPECT_EQ(life.now().worst.path, "c");
    life.tell(R"({"c":1})", 14);
    EXPECT_EQ(life.now().worst.path, "a");
    EXPECT_EQ(life.now().worst.reason, Reason::unreported);
}

TEST(Standing, CutsLongWordsBetweenCharacters) {
    Life life;
    life.desire(R"({"p":1})", 10);
    std::string words(255, 'x');
    words += "é and more";
    life.tell(R"({"p":{"ac":400,"av":2,"ad":")" + words + R"("}})", 11);
    EXPECT_EQ(life.now().worst.words, std::string(255, 'x'));
}

TEST(Standing, OfATwinFirstSeenTakesItsTimesFromTheStamps) {
    Life life;
    life.desire(R"({"p":1,"q":1})", 10);
    life.tell(R"({"p":1,"q":2})", 30);
    const Standing anew = standing_of(life.twin, {}, false).standing;
    EXPECT_EQ(anew.since, at(30));
    life.tell(R"({"q":1})", 40);
    EXPECT_EQ(standing_of(life.twin, {}, false).standing.since, at(40));
}

}  // namespace
}  // namespace twinhub::twin::drift
