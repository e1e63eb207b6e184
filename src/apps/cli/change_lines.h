#pragma once

#include "apps/cli/command.h"

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

namespace twinhub::apps::cli {

// Turns the lines of the change feed into lines for the user, and remembers how far it has come.
class ChangeLines {
public:
    // With `table` in words, else as they come. Ends behind `lines_max` changes; 0: never.
    ChangeLines(std::ostream& out, std::ostream& err, bool table, std::uint64_t lines_max)
        : out_(out), err_(err), table_(table), lines_max_(lines_max) {}

    // False when enough is printed.
    bool take(std::string_view line);

    const std::string& cursor() const { return cursor_; }  // empty: nothing came yet
    bool at_end() const { return at_end_; }                // the last page said so
    bool got_some() const { return got_some_; }            // since start()
    void start() { got_some_ = false; }
    std::uint64_t left() const { return lines_max_ == 0 ? 0 : lines_max_ - printed_; }
    bool is_done() const;

private:
    void print(std::string_view line, json::object change);

    std::ostream& out_;
    std::ostream& err_;
    bool table_;
    std::uint64_t lines_max_;
    std::uint64_t printed_ = 0;
    std::string cursor_;
    bool at_end_ = false;
    bool got_some_ = false;
};

// The path of a request for changes, but for where it begins: "/changes?path=fan&".
std::string changes_path(const Arguments& arguments);
// --since as the server takes it: a cursor, oldest, now, a time, or how long ago (2h).
std::string since_text(std::string_view text);

}  // namespace twinhub::apps::cli
