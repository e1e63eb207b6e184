#pragma once

#include "twin/node.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

// Paths below a part as texts: keys joined by dots. A key holds no dot but may be empty, so the
// part itself has no such text.
namespace twinhub::twin::drift {

using Keys = std::vector<std::string_view>;

// The keys of a path; they lie in the text.
Keys keys_of(std::string_view path);

// What stands at the path, nullptr where nothing does. No keys: the root itself.
const Node* node_at(const Node& root, std::span<const std::string_view> keys);

// Adds a key to the text of a path with `depth` keys.
void append_key(std::string& path, std::size_t depth, std::string_view key);

// The text of the first `depth` keys of a path, one or more.
std::string_view above(const Keys& keys, std::string_view path, std::size_t depth);

// Whether `path` is `above` or lies below it.
bool is_at_or_below(std::string_view path, std::string_view above);

// Keys that are never desired of a device: metadata, and the mark of components.
inline bool is_skipped(std::string_view key) { return key.starts_with('$') || key == "__t"; }

}  // namespace twinhub::twin::drift
