#include "store/rocksdb/log_check.h"

#include "store/engine_fixtures_for_tests.h"
#include "store/keys.h"
#include "store/testing/log_end.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

// Bytes of the log that changed after they were synced. RocksDB alone would drop what is behind.
namespace twinhub::store {
namespace {

using ::testing::HasSubstr;

class LogCheckTest : public ::testing::Test {
protected:
    Result<std::unique_ptr<Engine>> open() const { return open_rocksdb(folder_, {.hub = "green"}); }

    // Changes `first` to `last`, each a commit of its own.
    static void commit(Engine& engine, std::uint64_t first, std::uint64_t last,
                       std::size_t bytes = 100) {
        for (std::uint64_t i = first; i <= last; ++i)
            ASSERT_TRUE(
                put_one(engine, Family::changes, change_key(1, i), std::string(bytes, 'c')));
    }
    std::filesystem::path log() const {
        std::filesystem::path found;
        for (const auto& entry : std::filesystem::directory_iterator(folder_))
            if (entry.path().extension() == ".log" && entry.path() > found) found = entry.path();
        return found;
    }
    static void flip(const std::filesystem::path& path, std::uintmax_t at) {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(static_cast<std::streamoff>(at));
        const int byte = file.get();
        file.seekp(static_cast<std::streamoff>(at));
        file.put(static_cast<char>(byte ^ 0x10));
    }
    void expect_refused(std::uintmax_t at) const {
        const auto opened = open();
        ASSERT_FALSE(opened) << at;
        EXPECT_EQ(opened.error().code, Code::corrupted) << at;
        EXPECT_THAT(opened.error().where, HasSubstr(".log, byte ")) << at;
    }
    std::size_t changes() const {
        const auto engine = open();
        EXPECT_TRUE(engine);
        return engine ? read_all(**engine, Family::changes).size() : 0;
    }

    ScratchFolder scratch_;
    std::filesystem::path folder_ = scratch_.path() / "store";
};

TEST_F(LogCheckTest, RefusesAFlippedBitAnywhereInFrontOfTheLastCommit) {
    std::uintmax_t from = 0;
    std::uintmax_t to = 0;
    {
        const auto engine = open().value();
        commit(*engine, 1, 1);
        from = end_of_log(log());
        commit(*engine, 2, 2);
        to = end_of_log(log());
        commit(*engine, 3, 3);
    }
    const auto path = log();
    // Every byte of the header (checksum, length, type) and of the data.
    for (std::uintmax_t at = from; at < to; at += at < from + 20 ? 1 : 17) {
        flip(path, at);
        expect_refused(at);
        flip(path, at);
    }
    EXPECT_EQ(changes(), 3u);
}

TEST_F(LogCheckTest, RefusesDamageInEveryPartOfALargeCommit) {
    {
        const auto engine = open().value();
        commit(*engine, 1, 1, 200'000);
        commit(*engine, 2, 2);
    }
    const auto path = log();
    for (const std::uintmax_t at : {500u, 33'000u, 32'768u + 5u, 100'000u, 195'000u}) {
        flip(path, at);
        expect_refused(at);
        flip(path, at);
    }
    EXPECT_EQ(changes(), 2u);
}

// A power loss may leave any part of the last write, so its damage says nothing.
TEST_F(LogCheckTest, TakesDamageInTheLastCommitForATornOne) {
    std::uintmax_t from = 0;
    {
        const auto engine = open().value();
        commit(*engine, 1, 1);
        from = end_of_log(log());
        commit(*engine, 2, 2, 200'000);
    }
    flip(log(), from + 100'000);
    EXPECT_EQ(changes(), 1u);
    EXPECT_EQ(changes(), 1u);
}

TEST_F(LogCheckTest, RefusesDamageInAnOlderLogThatIsStillNeeded) {
    std::filesystem::path older;
    {
        const auto engine = open().value();
        commit(*engine, 1, 3);
        older = log();
        // One table is flushed, which begins a new log; the old one is kept for the other tables.
        const Pairs run{{"a", "1"}};
        ASSERT_TRUE(put_one(*engine, Family::twins, "a", "0"));
        ASSERT_TRUE(engine->ingest(Family::twins, source_of(run)));
        commit(*engine, 4, 6);
    }
    ASSERT_NE(log(), older);
    const auto end = std::filesystem::file_size(older);
    flip(older, end - 150);
    expect_refused(end - 150);
    flip(older, end - 150);
    EXPECT_EQ(changes(), 6u);
}

// A power loss may bring back a log that was torn by the one before it.
TEST_F(LogCheckTest, LetsALogBeDamagedThatNobodyNeeds) {
    const auto copy = scratch_.path() / "copy.log";
    {
        const auto engine = open().value();
        commit(*engine, 1, 3);
        std::filesystem::copy_file(log(), copy);
    }
    const auto older = log();
    commit(*open().value(), 4, 6);
    ASSERT_NE(log(), older);
    std::filesystem::copy_file(copy, older, std::filesystem::copy_options::overwrite_existing);
    flip(older, end_of_log(older) / 2);
    EXPECT_EQ(changes(), 6u);
}

// What a crash leaves behind the last commit (zeroed_log.h).
TEST_F(LogCheckTest, TakesZerosBehindTheLastCommitForTheEnd) {
    const auto engine = open().value();
    commit(*engine, 1, 3);
    ASSERT_GT(std::filesystem::file_size(log()), end_of_log(log()));
    const auto crashed = scratch_.path() / "crashed";
    std::filesystem::copy(folder_, crashed);
    const auto opened = open_rocksdb(crashed, {.hub = "green"});
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(read_all(**opened, Family::changes).size(), 3u);
}

TEST_F(LogCheckTest, RefusesZerosInTheMiddleOfALog) {
    std::uintmax_t from = 0;
    {
        const auto engine = open().value();
        commit(*engine, 1, 1);
        from = end_of_log(log());
        commit(*engine, 2, 2, 40'000);  // goes on in the next block
        commit(*engine, 3, 3);
    }
    std::fstream file(log(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(from));
    const std::string zeros(LogReader::block_bytes - from, '\0');
    file.write(zeros.data(), static_cast<std::streamsize>(zeros.size()));
    file.close();
    expect_refused(from);
}

TEST_F(LogCheckTest, ALogThatIsClosedHasNoZerosBehindIt) {
    commit(*open().value(), 1, 3);
    EXPECT_EQ(std::filesystem::file_size(log()), end_of_log(log()));
}

TEST(LogReader, SaysWhichOperationsALogHolds) {
    LogReader nothing;
    nothing.end();
    EXPECT_EQ(nothing.damaged_at(), std::nullopt);
    EXPECT_EQ(nothing.next_operation(), std::nullopt);

    // A log made by hand: CRC-32C of type and data, masked; length 12; full; operation 7, count 2.
    const std::string data("\7\0\0\0\0\0\0\0\2\0\0\0", 12);
    LogReader garbage;
    garbage.read(std::string(7, 'x') + data);
    garbage.end();
    EXPECT_EQ(garbage.damaged_at(), 0u);
    EXPECT_FALSE(garbage.resumed());
}

TEST(LogReader, TakesAnyBytes) {
    std::uint32_t state = 1;
    std::string bytes(100'000, '\0');
    for (char& byte : bytes) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
    LogReader reader;
    for (std::string_view left = bytes; !left.empty();
         left.remove_prefix(std::min(left.size(), LogReader::block_bytes)))
        reader.read(left.substr(0, LogReader::block_bytes));
    reader.end();
    EXPECT_EQ(reader.damaged_at(), 0u);
    EXPECT_FALSE(reader.resumed());
}

}  // namespace
}  // namespace twinhub::store
