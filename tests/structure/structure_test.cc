#include "rules.h"
#include "source_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace twinhub::structure {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string root = TWINHUB_SOURCE_DIR;

std::string text_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string joined(const Faults& faults) {
    std::string text;
    for (const std::string& fault : faults) text += "  src/" + fault + "\n";
    return text;
}

const std::vector<Room> example_rooms = {
    {"base", {}}, {"twin", {"base"}}, {"hub", {"base", "twin"}}};

TEST(Reader, ReadsTheTableOfRooms) {
    const std::vector<Room> rooms =
        read_rooms("# room(no)\nroom(twin  MAY_INCLUDE base query LINK z PCH asio)\n");
    ASSERT_EQ(rooms.size(), 1U);
    EXPECT_EQ(rooms[0].name, "twin");
    EXPECT_THAT(rooms[0].may_include, ElementsAre("base", "query"));
}

TEST(Reader, SeesCodeButNotCommentsAndLiterals) {
    const Source source =
        read_source("twin/a.cc",
                    "// asio\n/* asio\nasio */ int a = 1'000; f(\"asio\\\"asio\", 'x');\n"
                    "R\"x(asio\n)x\"; int asio_count; b(asio);\n");
    EXPECT_THAT(lines_with(source, "asio"), ElementsAre(4U));
}

TEST(Reader, ListsIncludes) {
    const Source source =
        read_source("twin/a.h", "#pragma once\n#include \"base/ids.h\"\n#include <map>\n");
    EXPECT_TRUE(source.pragma_once);
    EXPECT_EQ(source.room, "twin");
    EXPECT_THAT(source.quoted, ElementsAre("base/ids.h"));
    EXPECT_THAT(source.angled, ElementsAre("map"));
}

TEST(Reader, MatchesPatternsWithStars) {
    EXPECT_TRUE(matches("store/rocksdb/engine.cc", "store/rocksdb/*"));
    EXPECT_TRUE(matches("store/committer_thread.cc", "store/*committer*"));
    EXPECT_FALSE(matches("hub/committer.cc", "store/*committer*"));
    EXPECT_FALSE(matches("base/clock.cc.h", "base/clock.cc"));
}

TEST(Rules, RefuseADoorThatIsNotThere) {
    EXPECT_THAT(check_doors({read_source("twin/a.cc", "#include \"hub/hub.h\"\n")}, example_rooms),
                ElementsAre(HasSubstr("no door from twin to hub")));
    EXPECT_THAT(check_doors({read_source("twin/a.cc", "#include \"patch.h\"\n")}, example_rooms),
                ElementsAre(HasSubstr("not written from src/")));
    EXPECT_THAT(
        check_doors({read_source("hub/a.cc", "#include \"hub/testing/f.h\"\n")}, example_rooms),
        ElementsAre(HasSubstr("only tests include")));
    EXPECT_THAT(check_doors({read_source("cellar/a.cc", "")}, example_rooms),
                ElementsAre(HasSubstr("not in src/CMakeLists.txt")));
    EXPECT_THAT(
        check_doors({read_source("hub/a_test.cc", "#include \"hub/a.h\"\n#include \"twin/t.h\"\n")},
                    example_rooms),
        IsEmpty());
}

TEST(Rules, RefuseTheWorldInAPureRoom) {
    const std::string_view bad[] = {"#include <fstream>\n", "#include <boost/asio/awaitable.hpp>\n",
                                    "#include \"base/log.h\"\n",
                                    "auto t = std::chrono::steady_clock::now();\n",
                                    "std::thread t;\n"};
    for (const std::string_view text : bad) {
        EXPECT_FALSE(check_pure_rooms({read_source("twin/a.cc", text)}).empty()) << text;
        EXPECT_THAT(check_pure_rooms({read_source("hub/a.cc", text)}), IsEmpty()) << text;
    }
}

TEST(Rules, RefuseTimeChanceAndThreadsOutsideTheirOwners) {
    const std::string_view now = "auto t = std::chrono::system_clock::now();\n";
    EXPECT_THAT(check_owners({read_source("hub/a.cc", now)}), ElementsAre(HasSubstr("the clock")));
    EXPECT_THAT(check_owners({read_source("base/clock.cc", now)}), IsEmpty());
    EXPECT_THAT(check_owners({read_source("hub/a_test.cc", now)}), IsEmpty());
    EXPECT_THAT(check_owners({read_source("hub/a.cc", "std::jthread t;\n")}),
                ElementsAre(HasSubstr("threads")));
    EXPECT_THAT(check_owners({read_source("hub/a.cc", "std::random_device d;\n")}),
                ElementsAre(HasSubstr("chance")));
}

TEST(Rules, RefuseUnguardedHeadersContextsAndLongFiles) {
    EXPECT_THAT(check_files({read_source("hub/a.h", "int a;\n")}),
                ElementsAre(HasSubstr("#pragma once")));
    EXPECT_THAT(
        check_files({read_source("hub/a.h", "#pragma once\nvoid f(asio::io_context& c);\n")}),
        ElementsAre(HasSubstr("io_context&")));
    EXPECT_THAT(check_files({read_source("hub/a.cc", std::string(601, '\n'))}),
                ElementsAre(HasSubstr("601 lines")));
}

class House : public testing::Test {
protected:
    static inline const std::vector<Source> sources = read_tree(root + "/src");
    static inline const std::vector<Room> rooms = read_rooms(text_of(root + "/src/CMakeLists.txt"));
};

TEST_F(House, IsFound) {
    EXPECT_GE(rooms.size(), 10U);
    EXPECT_GT(sources.size(), 20U);
}

TEST_F(House, IncludesGoThroughItsDoors) {
    const Faults faults = check_doors(sources, rooms);
    EXPECT_TRUE(faults.empty()) << joined(faults);
}

TEST_F(House, DoorsPointOneWay) {
    for (std::size_t i = 0; i < rooms.size(); ++i)
        for (const std::string& below : rooms[i].may_include) {
            const auto found = std::ranges::find(rooms, below, &Room::name);
            EXPECT_LT(found - rooms.begin(), static_cast<std::ptrdiff_t>(i))
                << rooms[i].name << " may include " << below
                << ", which does not stand above it in the table";
        }
}

TEST_F(House, PureRoomsStayPure) {
    const Faults faults = check_pure_rooms(sources);
    EXPECT_TRUE(faults.empty()) << joined(faults);
}

TEST_F(House, TimeChanceThreadsAndFilesHaveFewOwners) {
    const Faults faults = check_owners(sources);
    EXPECT_TRUE(faults.empty()) << joined(faults);
}

TEST_F(House, FilesAreInOrder) {
    const Faults faults = check_files(sources);
    EXPECT_TRUE(faults.empty()) << joined(faults);
}

TEST_F(House, EveryRoomHasItsPage) {
    for (const Room& room : rooms)
        EXPECT_TRUE(std::filesystem::exists(root + "/src/" + room.name + "/README.md"))
            << "src/" << room.name << "/README.md is missing";
}

}  // namespace
}  // namespace twinhub::structure
