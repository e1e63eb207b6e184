#pragma once

#include "query/value.h"

#include <optional>
#include <string>
#include <string_view>

// Values as bytes whose order as text is the order of ORDER BY (spec query-language 11): undefined
// < null < boolean < number < string < array < object. Sort keys of rows, keys of groups and
// positions of pages are such bytes, one value after the other, so that comparing, hashing and
// merging the answers of shards is comparing text.
namespace twinhub::fleet {

struct SortOrder {
    bool descending = false;
    bool time = false;  // texts that are times come first, as instants (query::order)
};

// What ORDER BY compares: arrays tie with arrays and objects with objects.
void append_sort_key(std::string& out, const query::Value& value, SortOrder order);

// What GROUP BY compares: also arrays and objects count by their canonical JSON.
void append_group_key(std::string& out, const query::Value& value);

// Text as it is, ascending: for ids. A text stands before the longer ones that begin with it.
void append_text_key(std::string& out, std::string_view text);
// Takes one such text off the front; nothing when there is none.
std::optional<std::string> take_text_key(std::string_view& bytes);

// Takes the bytes of one value that append_group_key wrote off the front of `bytes`.
std::string_view take_group_key(std::string_view& bytes);
// Appends such a value as JSON. False, and nothing appended, when it is undefined.
bool append_group_json(std::string& out, std::string_view value);
// Appends what append_sort_key would for such a value.
void append_group_sort_key(std::string& out, std::string_view value, SortOrder order);

}  // namespace twinhub::fleet
