#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::structure {

// One of our files as the checks see it.
struct Source {
    std::string path;                 // below src/, with slashes: "twin/patch.cc"
    std::string room;                 // first part of the path
    std::string code;                 // comments and the inside of literals are blank
    std::vector<std::string> lines;   // its lines
    std::vector<std::string> quoted;  // "twin/patch.h" of each #include "..."
    std::vector<std::string> angled;  // "vector" of each #include <...>
    bool pragma_once = false;

    bool is_header() const { return path.ends_with(".h"); }
    bool is_test() const;  // *_test.cc, or below a folder testing/: never part of the program
};

// Reads one file's text.
Source read_source(std::string path, std::string_view text);

// Every .h and .cc below `folder`, in the order of their paths.
std::vector<Source> read_tree(const std::string& folder);

// A line of the table in src/CMakeLists.txt.
struct Room {
    std::string name;
    std::vector<std::string> may_include;
};

// The room(NAME MAY_INCLUDE ...) lines of the table.
std::vector<Room> read_rooms(std::string_view table);

// Does `path` match `pattern`, where * stands for any characters?
bool matches(std::string_view path, std::string_view pattern);

// The lines (from 0) that hold `token` as a whole word (a word of C++: letters, digits, _).
std::vector<std::size_t> lines_with(const Source& source, std::string_view token);

}  // namespace twinhub::structure
