#include "store/engine_fixtures_for_tests.h"
#include "store/keys.h"
#include "store/rocksdb/open_on.h"
#include "store/testing/faulty_files.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

// The engine on a disk that fails. Whatever happens, after the next open: what was acknowledged is
// there, what was refused as unavailable is not, and no commit is there in part.
namespace twinhub::store {
namespace {

constexpr std::uint64_t slot = 1;
constexpr std::uint64_t flush_every = 4;
constexpr std::uint64_t commits_in_a_life = 26;

// One store with a record of what it was asked and what it answered.
class Life {
public:
    Result<> open() {
        auto opened = open_rocksdb_on(*env, folder.path() / "store",
                                      {.hub = "greenhouse", .write_buffer_bytes = 64 << 10});
        if (!opened) return std::unexpected(opened.error());
        engine = std::move(*opened);
        return {};
    }

    // Three records of two tables.
    Result<> commit() {
        const std::uint64_t number = ++last_;
        Batch batch;
        batch.put(Family::changes, change_key(slot, number), std::string(700, 'c'));
        batch.put(Family::twins, twin(number), std::to_string(number));
        batch.put(Family::twins, "newest", std::to_string(number));
        Result<> result = commit_one(*engine, batch);
        if (result) acknowledged_.insert(number);
        else if (result.error().code == Code::unavailable) refused_.insert(number);
        else EXPECT_EQ(result.error().code, Code::internal) << result.error().message;
        return result;
    }

    // Commits with flushes between, so that compactions follow, for as long as the engine takes
    // them.
    void live() {
        for (std::uint64_t i = 1; i <= commits_in_a_life; ++i) {
            const Result<> committed = commit();
            if (i % flush_every == 0) (void)engine->flush();
            if (!committed && engine->statistics().writes_failed) return;
        }
    }

    void expect_all_kept(const std::string& where) {
        const Result<> opened = open();
        ASSERT_TRUE(opened) << where << ": " << opened.error().message << " "
                            << opened.error().where;
        std::set<std::uint64_t> found;
        for (const auto& [key, value] : read_all(*engine, Family::changes))
            found.insert(parse_change_key(key)->sequence);
        for (const std::uint64_t number : acknowledged_)
            EXPECT_TRUE(found.contains(number)) << where << ": lost " << number;
        for (std::uint64_t number = 1; number <= last_; ++number) {
            EXPECT_FALSE(refused_.contains(number) && found.contains(number))
                << where << ": refused and there: " << number;
            EXPECT_EQ(engine->get(Family::twins, twin(number)).value().has_value(),
                      found.contains(number))
                << where << ": half there: " << number;
        }
        EXPECT_EQ(engine->get(Family::twins, "newest").value(),
                  found.empty() ? std::nullopt : std::optional(std::to_string(*found.rbegin())))
            << where;
        EXPECT_TRUE(commit()) << where;
    }

    std::size_t acknowledged() const { return acknowledged_.size(); }

    // In this order: the engine goes first.
    ScratchFolder folder;
    std::shared_ptr<FaultyFiles> files = std::make_shared<FaultyFiles>();
    std::unique_ptr<rocksdb::Env> env = make_env(files);
    std::unique_ptr<Engine> engine;

private:
    static std::string twin(std::uint64_t number) { return "twin-" + std::to_string(number); }

    std::uint64_t last_ = 0;
    std::set<std::uint64_t> acknowledged_;
    std::set<std::uint64_t> refused_;
};

// Every n-th point of a sweep; all with TWINHUB_STORE_SWEEP=1.
std::uint64_t stride(std::uint64_t usual) {
    return std::getenv("TWINHUB_STORE_SWEEP") == nullptr ? usual : 1;
}

std::uint64_t calls_in_a_life() {
    Life life;
    EXPECT_TRUE(life.open());
    life.live();
    life.engine.reset();
    EXPECT_EQ(life.acknowledged(), commits_in_a_life);
    return life.files->calls();
}

void expect_kept_when_a_call_fails(std::uint64_t first, std::uint64_t count) {
    Life life;
    life.files->fail(std::nullopt, first, count);
    if (life.open()) life.live();
    life.engine.reset();
    life.files->heal();
    life.expect_all_kept(std::to_string(count) + " from call " + std::to_string(first));
}

TEST(FaultyDisk, KeepsItsWordWhicheverCallFailsOnce) {
    for (std::uint64_t n = 0, all = calls_in_a_life(), step = stride(8); n < all; n += step)
        expect_kept_when_a_call_fails(n, 1);
}

TEST(FaultyDisk, KeepsItsWordWhicheverCallIsTheFirstToFail) {
    for (std::uint64_t n = 1, all = calls_in_a_life(), step = stride(8); n < all; n += step)
        expect_kept_when_a_call_fails(n, FaultyFiles::for_ever);
}

TEST(FaultyDisk, KeepsWhatItAcknowledgedWheneverThePowerIsCut) {
    constexpr Unsynced kinds[] = {Unsynced::lost, Unsynced::half, Unsynced::kept};
    std::uint64_t turn = 0;
    for (std::uint64_t n = 2, all = calls_in_a_life(), step = stride(8); n < all; n += step) {
        for (const Unsynced unsynced : kinds) {
            if (step != 1 && unsynced != kinds[turn % 3]) continue;
            Life life;
            life.files->cut_power(n);
            if (life.open()) life.live();
            life.engine.reset();
            life.files->restore_power(unsynced);
            life.expect_all_kept("power cut at call " + std::to_string(n) + ", unsynced " +
                                 std::to_string(static_cast<int>(unsynced)));
        }
        ++turn;
    }
}

// The second open has a torn log behind it that may still be there.
TEST(FaultyDisk, OpensAfterASecondPowerCutSoonAfterTheFirst) {
    for (const std::uint64_t first : {std::uint64_t{40}, std::uint64_t{60}, std::uint64_t{80}}) {
        for (std::uint64_t second = 0; second < 60; second += stride(12)) {
            Life life;
            life.files->cut_power(first);
            if (life.open()) life.live();
            life.engine.reset();
            life.files->restore_power(Unsynced::half);
            life.files->cut_power(second);
            if (life.open()) life.live();
            life.engine.reset();
            life.files->restore_power(second % 24 == 0 ? Unsynced::lost : Unsynced::half);
            life.expect_all_kept(std::to_string(first) + " and " + std::to_string(second));
        }
    }
}

class FaultyDiskTest : public ::testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(life_.open()); }
    void reopen() {
        life_.engine.reset();
        life_.files->heal();
        life_.expect_all_kept("reopened");
    }
    Code refusal() {
        const Result<> result = life_.commit();
        return result ? Code::not_found : result.error().code;
    }
    bool failed() const { return life_.engine->statistics().writes_failed; }

    Life life_;
};

TEST_F(FaultyDiskTest, NeverAcknowledgesAFailedSync) {
    ASSERT_TRUE(life_.commit());
    life_.files->fail(Call::sync, 0, 1);
    EXPECT_EQ(refusal(), Code::internal);
    EXPECT_TRUE(failed());
    EXPECT_EQ(refusal(), Code::internal);  // although the disk is well again
    // What failed cannot be read, and what was there before still can.
    EXPECT_EQ(life_.engine->get(Family::twins, "newest").value(), "1");
    reopen();
    EXPECT_FALSE(failed());
}

TEST_F(FaultyDiskTest, MustBeReopenedAfterTheLogWasCutShort) {
    ASSERT_TRUE(life_.commit());
    life_.files->fail(Call::append, 0, 1);
    EXPECT_EQ(refusal(), Code::internal);
    EXPECT_TRUE(failed());
    reopen();
}

TEST_F(FaultyDiskTest, RefusesCommitsBeforeTheDiskIsFullAndGoesOnWithSpace) {
    ASSERT_TRUE(life_.commit());
    life_.files->set_free_bytes(10 << 20);
    EXPECT_EQ(refusal(), Code::unavailable);
    EXPECT_EQ(refusal(), Code::unavailable);
    EXPECT_FALSE(failed());
    life_.files->set_free_bytes(std::uint64_t{1} << 30);
    EXPECT_TRUE(life_.commit());
    reopen();
}

// Somebody else may fill the disk from one moment to the next.
TEST_F(FaultyDiskTest, MustBeReopenedWhenTheDiskFillsUnderTheLog) {
    ASSERT_TRUE(life_.commit());
    life_.files->set_full(true);
    EXPECT_EQ(refusal(), Code::internal);
    EXPECT_TRUE(failed());
    life_.files->set_full(false);
    EXPECT_EQ(refusal(), Code::internal);
    reopen();
}

TEST_F(FaultyDiskTest, GoesOnByItselfAfterAFlushFoundTheDiskFull) {
    ASSERT_TRUE(life_.commit());
    life_.files->set_full(true);
    EXPECT_FALSE(life_.engine->flush());
    EXPECT_EQ(refusal(), Code::unavailable);
    EXPECT_EQ(refusal(), Code::unavailable);
    EXPECT_FALSE(failed());
    life_.files->set_full(false);
    EXPECT_TRUE(life_.commit());
    EXPECT_TRUE(life_.engine->flush());
    reopen();
}

TEST_F(FaultyDiskTest, SaysWhenAFlushFailedForGood) {
    ASSERT_TRUE(life_.commit());
    life_.files->fail(Call::sync, 0, 1);
    EXPECT_FALSE(life_.engine->flush());
    EXPECT_TRUE(failed());
    EXPECT_EQ(refusal(), Code::unavailable);  // it never reached the log
    reopen();
}

TEST_F(FaultyDiskTest, SurvivesADiskThatStaysFullAtTheOpen) {
    ASSERT_TRUE(life_.commit());
    life_.engine.reset();
    life_.files->set_full(true);
    EXPECT_FALSE(life_.open());
    life_.files->set_full(false);
    reopen();
}

}  // namespace
}  // namespace twinhub::store
