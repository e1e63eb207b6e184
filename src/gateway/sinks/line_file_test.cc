#include "gateway/sinks/line_file.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace twinhub::gateway {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

struct LineFileTest : ::testing::Test {
    LineFileTest() {
        static int count = 0;
        folder = fs::path(::testing::TempDir()) /
                 ("line_file_test_" + std::to_string(::getpid()) + "_" + std::to_string(++count));
        fs::remove_all(folder);
        fs::create_directories(folder);
    }
    ~LineFileTest() override { fs::remove_all(folder); }

    std::string path() const { return (folder / "lines").string(); }
    std::string read(const std::string& name) const {
        std::ifstream file(folder / name);
        std::ostringstream text;
        text << file.rdbuf();
        return text.str();
    }
    void append(LineFile& file, std::string lines) {
        ASSERT_TRUE(file.append(lines, now).has_value());
        EXPECT_EQ(lines, "");
    }
    std::size_t files() const {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
    }

    fs::path folder;
    Instant now = std::chrono::sys_days{std::chrono::year{2026} / 11 / 22};
};

TEST_F(LineFileTest, AppendsAndGoesOnAfterARestart) {
    {
        LineFile file(path(), {});
        append(file, "a\n");
        append(file, "b\nc\n");
    }
    LineFile file(path(), {.age_max = std::chrono::hours(24 * 365 * 1000)});
    append(file, "d\n");
    EXPECT_EQ(read("lines"), "a\nb\nc\nd\n");
    EXPECT_EQ(fs::status(path()).permissions() & fs::perms::others_all, fs::perms::none);
}

TEST_F(LineFileTest, PutsAFullFileAsideAndForgetsTheOldest) {
    LineFile file(path(), {.bytes_max = 6, .files_max = 3});
    for (const char* lines : {"1111\n", "2222\n", "3333\n", "4444\n"}) append(file, lines);
    EXPECT_EQ(read("lines"), "4444\n");
    EXPECT_EQ(read("lines.1"), "3333\n");
    EXPECT_EQ(read("lines.2"), "2222\n");
    EXPECT_EQ(files(), 3u);
}

TEST_F(LineFileTest, CutsBetweenLinesAndGivesALongOneAFileOfItsOwn) {
    LineFile file(path(), {.bytes_max = 6, .files_max = 10});
    append(file, "a\nb\nc\nd\n123456789\ne\n");
    EXPECT_EQ(read("lines.3"), "a\nb\nc\n");
    EXPECT_EQ(read("lines.2"), "d\n");
    EXPECT_EQ(read("lines.1"), "123456789\n");
    EXPECT_EQ(read("lines"), "e\n");
}

TEST_F(LineFileTest, PutsAnOldFileAside) {
    LineFile file(path(), {.age_max = 1h});
    append(file, "a\n");
    now += 59min;
    append(file, "b\n");
    now += 2min;
    append(file, "c\n");
    EXPECT_EQ(read("lines.1"), "a\nb\n");
    EXPECT_EQ(read("lines"), "c\n");
}

TEST_F(LineFileTest, StartsAnewWhenItIsToKeepOneFile) {
    LineFile file(path(), {.bytes_max = 3, .files_max = 1});
    append(file, "a\n");
    append(file, "b\n");
    EXPECT_EQ(read("lines"), "b\n");
    EXPECT_EQ(files(), 1u);
}

TEST_F(LineFileTest, EndsALineThatBrokeOff) {
    std::ofstream(path()) << "{\"half";
    LineFile file(path(), {.age_max = std::chrono::hours(24 * 365 * 1000)});
    append(file, "{}\n");
    EXPECT_EQ(read("lines"), "{\"half\n{}\n");
}

TEST_F(LineFileTest, KeepsWhatItCannotWriteForTheNextTry) {
    fs::create_directory(path());
    LineFile file(path(), {});
    std::string lines = "a\n";
    const auto refused = file.append(lines, now);
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error().message, ::testing::HasSubstr(path()));
    EXPECT_EQ(lines, "a\n");
    fs::remove(path());
    append(file, lines);
    EXPECT_EQ(read("lines"), "a\n");
}

}  // namespace
}  // namespace twinhub::gateway
