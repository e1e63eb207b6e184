#include "hub/changes/feed_state.h"

#include "base/bytes.h"
#include "store/commit_index.h"
#include "store/keys.h"
#include "store/record.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

using store::Family;

constexpr store::Format feed_state_format = 1;
constexpr std::size_t rows_looked_at_max = 10'000;

}  // namespace

std::string feed_state_key() { return store::metadata_key(store::Area::hub, "changes"); }

std::string encoded_feed_state(const FeedState& state) {
    std::string body;
    append_text(body, state.feed);
    for (const std::uint64_t sequence : state.released) append_varint(body, sequence);
    return store::sealed(store::Kind::hub_state, feed_state_format, feed_state_key(), body);
}

Result<std::optional<FeedState>> stored_feed_state(const store::Engine& engine) {
    const std::string key = feed_state_key();
    TRY(const std::optional<std::string> value, engine.get(Family::metadata, key));
    if (!value) return std::optional<FeedState>{};
    TRY(const store::Opened opened,
        store::open(store::Kind::hub_state, feed_state_format, "metadata", key, *value));
    ByteReader reader(opened.body);
    FeedState state;
    state.feed = reader.text();
    for (std::uint64_t& sequence : state.released) sequence = reader.varint();
    if (reader.failed() || state.feed.size() != feed_name_bytes)
        return failure(Code::corrupted, "What is kept of the change feed cannot be read",
                       "metadata/" + store::printable(key));
    return std::optional<FeedState>(std::move(state));
}

Result<Releasable> find_releasable(const store::Engine& engine, Instant older_than) {
    Releasable found;
    const auto rows = engine.scan(Family::metadata, store::area_range(store::Area::commit));
    for (rows->seek_first(); rows->valid(); rows->next()) {
        const auto number = store::parse_commit_key(rows->key());
        if (!number)
            return failure(Code::corrupted, "A row of the commit index has a damaged key",
                           "metadata/" + store::printable(rows->key()));
        TRY(const store::CommitRow row, store::open_commit(rows->key(), rows->value()));
        if (found.first == 0) found.first = *number;
        found.keep = *number;
        found.empties = false;
        if (row.at >= older_than) return found;
        if (found.rows >= rows_looked_at_max) {
            found.more = true;
            return found;
        }
        for (const store::CommitPart& part : row.parts)
            found.last[part.slot] = std::max(found.last[part.slot], part.last);
        ++found.rows;
        found.empties = !row.parts.empty();
        found.emptied_at = row.at;
    }
    TRY_VOID(rows->status());
    // The newest of all was already emptied, and is alone.
    if (found.rows == 1 && !found.empties) found.rows = 0;
    return found;
}

}  // namespace twinhub::hub
