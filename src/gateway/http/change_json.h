#pragma once

#include "hub/changes/changes.h"

#include <string>
#include <string_view>

namespace twinhub::gateway::http {

// One change of the feed as a line of JSON, without its end (docs/changes.md). `cursor` leads on
// behind it. Errors: corrupted.
Result<> append_feed_change(std::string& out, std::string_view cursor,
                            const hub::FeedChange& change, const hub::HistoryFilter& filter);

// How far a reader has come without a change to show for it: {"cursor":...}.
std::string progress_line(std::string_view cursor);

}  // namespace twinhub::gateway::http
