#pragma once

#include "query/plan.h"
#include "query/token.h"

#include <string_view>
#include <vector>

namespace twinhub::query {

// The tokens of a text, the last of kind `end` or `bad`: the first error in the text wins, so a bad
// token only counts when the parser reaches it. Comments are skipped; what hints ask for goes into
// `hints` (nullptr: they are comments).
std::vector<Token> tokenize(std::string_view text, Budget* hints);

// Reads `timeout(2s) maxScan(100000)` (section 11). What it does not know is a comment: a text that
// Azure accepts stays valid.
void read_hints(std::string_view comment, Budget& hints);

}  // namespace twinhub::query
