#include "store/rocksdb/rocksdb_engine.h"

#include "store/engine_fixtures_for_tests.h"
#include "store/keys.h"
#include "store/record.h"
#include "store/testing/log_end.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>

// What is special to the engine on disk: whose folder it is, crashes, damage.
namespace twinhub::store {
namespace {

using ::testing::HasSubstr;

constexpr const char* writer_variable = "TWINHUB_STORE_TEST_WRITER";

// What the process of a Writer does: commits, and writes a byte to `acknowledged` for each.
[[noreturn]] void write_until_killed(const std::filesystem::path& folder, std::size_t first,
                                     int acknowledged) {
    const auto engine = open_rocksdb(folder, {.hub = "greenhouse"});
    if (!engine) ::_exit(1);
    for (std::size_t i = first;; ++i) {
        Batch batch;
        batch.put(Family::changes, change_key(1, i), std::string(150, 'c'));
        batch.put(Family::twins, "twin", std::to_string(i));
        if (!commit_one(**engine, batch)) ::_exit(1);
        if (i % 50 == 49 && !(*engine)->flush()) ::_exit(1);
        if (::write(acknowledged, "a", 1) != 1) ::_exit(1);
    }
}

// A process that commits change `first`, the next and so on until it is killed. It is this program
// started anew: RocksDB's threads do not survive a fork.
class Writer {
public:
    Writer(const std::filesystem::path& folder, std::size_t first) {
        int ends[2];
        CHECK(::pipe(ends) == 0);
        CHECK(::fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0);
        acknowledged_ = ends[0];
        const std::string role =
            std::to_string(ends[1]) + " " + std::to_string(first) + " " + folder.string();
        CHECK(::setenv(writer_variable, role.c_str(), 1) == 0);
        const char* arguments[] = {"/proc/self/exe", "--gtest_filter=Writer.*", nullptr};
        posix_spawn_file_actions_t actions;  // its test report is nobody's business
        CHECK(::posix_spawn_file_actions_init(&actions) == 0);
        CHECK(::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) == 0);
        CHECK(::posix_spawn(&id_, arguments[0], &actions, nullptr, const_cast<char**>(arguments),
                            environ) == 0);
        ::posix_spawn_file_actions_destroy(&actions);
        ::unsetenv(writer_variable);
        ::close(ends[1]);
    }
    ~Writer() {
        if (id_ > 0) kill();
    }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    pid_t id() const { return id_; }
    // How many commits it told of, once there are `count` (or it ended).
    std::size_t wait_for(std::size_t count) {
        while (told_ < count && read_some()) {}
        return told_;
    }
    // The number of commits that it told of in its life.
    std::size_t kill() {
        ::kill(id_, SIGKILL);
        while (read_some()) {}
        ::close(acknowledged_);
        ::waitpid(std::exchange(id_, 0), nullptr, 0);
        return told_;
    }

private:
    bool read_some() {
        char bytes[64];
        const auto count = ::read(acknowledged_, bytes, sizeof bytes);
        told_ += count > 0 ? static_cast<std::size_t>(count) : 0;
        return count > 0;
    }

    pid_t id_ = 0;
    int acknowledged_ = -1;
    std::size_t told_ = 0;
};

TEST(Writer, IsThisProgramWithAnotherRole) {
    const char* role = std::getenv(writer_variable);
    if (role == nullptr) {
        const ScratchFolder folder;
        Writer writer(folder.path() / "store", 0);
        EXPECT_GE(writer.wait_for(3), 3u);
        return;
    }
    std::istringstream words(role);
    int acknowledged = -1;
    std::size_t first = 0;
    std::string folder;
    words >> acknowledged >> first >> folder;
    write_until_killed(folder, first, acknowledged);
}

class RocksDbEngineTest : public ::testing::Test {
protected:
    Result<std::unique_ptr<Engine>> open(const std::string& hub = "greenhouse") const {
        return open_rocksdb(folder_, {.hub = hub});
    }
    Error refusal(const std::string& hub = "greenhouse") const {
        auto opened = open(hub);
        return opened ? Error{Code::internal, "it opened", {}} : opened.error();
    }
    std::filesystem::path newest(std::string_view extension) const {
        std::filesystem::path found;
        for (const auto& entry : std::filesystem::directory_iterator(folder_))
            if (entry.path().extension() == extension && entry.path().filename() > found.filename())
                found = entry.path();
        return found;
    }
    void write_owner(std::string_view body, Format format = 1) const {
        const auto engine = open().value();
        std::string value;
        seal(Kind::store_state, format, metadata_key(Area::store, "owner"), body, value);
        ASSERT_TRUE(put_one(*engine, Family::metadata, metadata_key(Area::store, "owner"), value));
    }

    ScratchFolder scratch_;
    std::filesystem::path folder_ = scratch_.path() / "data" / "store";
};

TEST_F(RocksDbEngineTest, RefusesAFolderThatIsOpenInThisProcess) {
    const auto engine = open().value();
    EXPECT_EQ(refusal().code, Code::unavailable);
    EXPECT_THAT(refusal().message, HasSubstr("already open in this process"));
    EXPECT_TRUE(put_one(*engine, Family::twins, "a", "1"));
}

TEST_F(RocksDbEngineTest, NamesTheProcessThatHasTheFolderOpen) {
    Writer writer(folder_, 0);
    ASSERT_GE(writer.wait_for(1), 1u);
    EXPECT_EQ(refusal().code, Code::unavailable);
    EXPECT_THAT(refusal().message, HasSubstr("in use by process " + std::to_string(writer.id())));
    writer.kill();
    EXPECT_TRUE(open());
}

TEST_F(RocksDbEngineTest, RefusesTheStoreOfAnotherHub) {
    open().value().reset();
    EXPECT_EQ(refusal("orchard"), (Error{Code::precondition_failed,
                                         "The store belongs to the hub greenhouse, not to orchard",
                                         {}}));
    EXPECT_TRUE(open());
    EXPECT_EQ(refusal("").code, Code::argument_invalid);
}

TEST_F(RocksDbEngineTest, RefusesTheStoreOfANewerRelease) {
    write_owner("7\ngreenhouse");
    EXPECT_EQ(refusal().code, Code::not_implemented);
    EXPECT_THAT(refusal().message, HasSubstr("newer release"));
}

TEST_F(RocksDbEngineTest, RefusesAnOwnRecordOfANewerFormat) {
    write_owner("1\ngreenhouse", 2);
    EXPECT_EQ(refusal().code, Code::not_implemented);
}

TEST_F(RocksDbEngineTest, RefusesAStoreThatDoesNotSayWhoseItIs) {
    {
        const auto engine = open().value();
        Batch batch;
        batch.remove(Family::metadata, metadata_key(Area::store, "owner"));
        batch.put(Family::twins, "a", "1");
        ASSERT_TRUE(commit_one(*engine, batch));
    }
    EXPECT_EQ(refusal().code, Code::corrupted);
}

TEST_F(RocksDbEngineTest, RefusesAnOwnRecordThatSaysNothing) {
    write_owner("x");
    EXPECT_EQ(refusal().code, Code::corrupted);
}

TEST_F(RocksDbEngineTest, RefusesDataWithoutItsTableOfContents) {
    {
        const auto engine = open().value();
        ASSERT_TRUE(put_one(*engine, Family::twins, "a", "1"));
        ASSERT_TRUE(engine->flush());
    }
    std::filesystem::remove(folder_ / "CURRENT");
    EXPECT_EQ(refusal().code, Code::corrupted);
    EXPECT_THAT(refusal().message, HasSubstr("CURRENT is missing"));
}

TEST_F(RocksDbEngineTest, RefusesAMissingSortedFile) {
    {
        const auto engine = open().value();
        ASSERT_TRUE(put_one(*engine, Family::twins, "a", "1"));
        ASSERT_TRUE(engine->flush());
    }
    std::filesystem::remove(newest(".sst"));
    EXPECT_EQ(refusal().code, Code::corrupted);
}

TEST_F(RocksDbEngineTest, ReportsADamagedBlockInsteadOfReadingIt) {
    {
        const auto engine = open().value();
        Batch batch;
        for (int i = 0; i < 1000; ++i)
            batch.put(Family::twins, "twin-" + std::to_string(1000 + i), std::string(100, 'a'));
        ASSERT_TRUE(commit_one(*engine, batch));
        ASSERT_TRUE(engine->flush());
    }
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
        if (entry.path().extension() != ".sst") continue;
        std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(10);
        file.write("damage", 6);
    }
    auto opened = open();
    if (!opened) {  // the store's own record was in a damaged file
        EXPECT_EQ(opened.error().code, Code::corrupted);
        return;
    }
    EXPECT_EQ((*opened)->get(Family::twins, "twin-1000").error().code, Code::corrupted);
    EXPECT_EQ((*opened)->get_cached(Family::twins, "twin-1000").outcome, Cached::Outcome::ask_disk);
    const auto cursor = (*opened)->scan(Family::twins, {});
    cursor->seek_first();
    EXPECT_FALSE(cursor->valid());
    EXPECT_EQ(cursor->status().error().code, Code::corrupted);
}

// RocksDB then says yes to every key, with an empty value.
TEST_F(RocksDbEngineTest, CachedReadsOfAFileThatIsNotOpenSendToTheDisk) {
    RocksDbOptions few{.hub = "greenhouse"};
    few.open_files_max = 20;
    constexpr std::array families{Family::identities, Family::twins, Family::changes,
                                  Family::metadata};
    const auto key_of = [](int i) { return "key-" + std::to_string(i); };
    {
        const auto engine = open_rocksdb(folder_, few).value();
        for (int i = 0; i < 3; ++i) {
            for (const Family family : families)
                ASSERT_TRUE(put_one(*engine, family, key_of(i), "value"));
            ASSERT_TRUE(engine->flush());
        }
    }
    const auto engine = open_rocksdb(folder_, few).value();
    for (const Family family : families)
        for (int i = 0; i < 3; ++i) {
            const Cached cached = engine->get_cached(family, key_of(i));
            EXPECT_NE(cached.outcome, Cached::Outcome::absent);
            if (cached.outcome == Cached::Outcome::found) EXPECT_EQ(cached.value, "value");
            EXPECT_EQ(engine->get(family, key_of(i)).value(), std::optional<std::string>("value"));
        }
}

// The end of the log may be torn in any way by a power loss during a sync: never a reason to
// refuse, and what was committed before is there.
TEST_F(RocksDbEngineTest, OpensWithALogTornAnywhereInItsLastCommit) {
    std::uintmax_t whole = 0;
    {
        const auto engine = open().value();
        ASSERT_TRUE(put_one(*engine, Family::twins, "acknowledged", "1"));
        whole = end_of_log(newest(".log"));
        Batch batch;
        batch.put(Family::twins, "torn", std::string(100, 'x'));
        batch.put(Family::changes, "torn", "x");
        ASSERT_TRUE(commit_one(*engine, batch));
    }
    const std::uintmax_t end = end_of_log(newest(".log"));
    const ScratchFolder kept;
    std::filesystem::copy(folder_, kept.path() / "store", std::filesystem::copy_options::recursive);
    ASSERT_GT(end, whole);
    for (std::uintmax_t cut = whole; cut < end; cut += 13) {
        for (const bool zeros : {false, true}) {
            std::filesystem::remove_all(folder_);
            std::filesystem::copy(kept.path() / "store", folder_,
                                  std::filesystem::copy_options::recursive);
            std::filesystem::resize_file(newest(".log"), cut);
            if (zeros) std::filesystem::resize_file(newest(".log"), end + 4096);
            auto opened = open();
            ASSERT_TRUE(opened) << cut << opened.error().message;
            EXPECT_EQ((*opened)->get(Family::twins, "acknowledged").value(), "1");
            EXPECT_EQ((*opened)->get(Family::twins, "torn").value(), std::nullopt);
            EXPECT_EQ((*opened)->get(Family::changes, "torn").value(), std::nullopt);
        }
    }
}

TEST_F(RocksDbEngineTest, EveryAcknowledgedCommitSurvivesAKill) {
    std::size_t expected = 0;
    for (std::size_t round = 0; round < 5; ++round) {
        Writer writer(folder_, expected);
        const std::size_t wanted = 20 + round * 17;
        ASSERT_GE(writer.wait_for(wanted), wanted);
        const std::size_t told = writer.kill();

        const auto engine = open().value();
        const Pairs changes = read_all(*engine, Family::changes);
        ASSERT_GE(changes.size(), expected + told);
        ASSERT_LE(changes.size(), expected + told + 1);  // one may have been durable but not told
        expected = changes.size();
        EXPECT_EQ(changes.back().first, change_key(1, expected - 1));
        EXPECT_EQ(engine->get(Family::twins, "twin").value(), std::to_string(expected - 1));
    }
}

TEST_F(RocksDbEngineTest, LeavesNothingOfABulkLoadBehind) {
    const auto engine = open().value();
    const Pairs run{{"a", "1"}, {"b", "2"}};
    ASSERT_TRUE(engine->ingest(Family::twins, source_of(run)));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "incoming"));
}

}  // namespace
}  // namespace twinhub::store
