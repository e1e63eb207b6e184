#include "store/commit_index.h"

#include "base/bytes.h"
#include "store/keys.h"
#include "store/record.h"

#include <algorithm>

namespace twinhub::store {
namespace {

constexpr Format commit_format = 1;
constexpr std::size_t number_bytes = 8;
constexpr std::size_t key_bytes = 1 + number_bytes;

}  // namespace

std::uint64_t CommitRow::changes() const {
    std::uint64_t count = 0;
    for (const CommitPart& part : parts) count += part.changes();
    return count;
}

std::string commit_key(std::uint64_t number) {
    std::string text;
    for (std::size_t i = number_bytes; i-- > 0;)
        text.push_back(static_cast<char>((number >> (8 * i)) & 0xff));
    return metadata_key(Area::commit, text);
}

std::optional<std::uint64_t> parse_commit_key(std::string_view key) {
    if (key.size() != key_bytes || key.front() != static_cast<char>(Area::commit))
        return std::nullopt;
    std::uint64_t number = 0;
    for (const char c : key.substr(1)) number = (number << 8) | static_cast<unsigned char>(c);
    return number;
}

Range commits_range(std::uint64_t first, std::uint64_t last) {
    return {commit_key(first), commit_key(last) + '\0'};
}

// Body: time, number of parts, then of each: slots since the part before it, first sequence, and
// how many follow that.
void seal_commit(std::string& out, std::string_view key, const CommitRow& row) {
    std::string body;
    append_signed(body, row.at.time_since_epoch().count());
    append_varint(body, row.parts.size());
    Slot before = 0;
    for (const CommitPart& part : row.parts) {
        append_varint(body, static_cast<std::uint64_t>(part.slot - before));
        append_varint(body, part.first);
        append_varint(body, part.last - part.first);
        before = part.slot;
    }
    seal(Kind::commit, commit_format, key, body, out);
}

Result<CommitRow> open_commit(std::string_view key, std::string_view value) {
    TRY(const Opened opened, open(Kind::commit, commit_format, "metadata", key, value));
    ByteReader reader(opened.body);
    CommitRow row;
    row.at = Instant{Ticks{reader.signed_number()}};
    const std::uint64_t count = reader.varint();
    bool sound = true;
    std::uint64_t slot = 0;
    for (std::uint64_t i = 0; i < count && sound && !reader.failed(); ++i) {
        const std::uint64_t further = reader.varint();
        slot += further;
        CommitPart part;
        part.first = reader.varint();
        part.last = part.first + reader.varint();
        sound =
            further < slot_count && slot < slot_count && part.first != 0 && part.last >= part.first;
        part.slot = static_cast<Slot>(slot);
        row.parts.push_back(part);
    }
    if (!sound || reader.failed())
        return failure(Code::corrupted, "A row of the commit index cannot be read",
                       "metadata/" + printable(key));
    return row;
}

Result<std::uint64_t> last_commit(const Engine& engine) {
    TRY(const std::optional<std::string> key,
        engine.last_key(Family::metadata, area_range(Area::commit)));
    if (!key) return 0;
    const auto number = parse_commit_key(*key);
    if (!number)
        return failure(Code::corrupted, "A row of the commit index has a damaged key",
                       "metadata/" + printable(*key));
    return *number;
}

void CommitNotes::add(const Batch& batch) {
    for (const Operation& operation : batch) {
        if (operation.family != Family::changes || operation.kind != Operation::Kind::put) continue;
        const auto key = parse_change_key(operation.key);
        if (!key || key->slot >= slot_count || key->sequence == 0) continue;
        Span& span = spans_[key->slot];
        if (span.first == 0) {
            span = {key->sequence, key->sequence};
            slots_.push_back(key->slot);
        } else {
            span.first = std::min(span.first, key->sequence);
            span.last = std::max(span.last, key->sequence);
        }
    }
}

CommitRow CommitNotes::take(Instant at) {
    CommitRow row{.at = at, .parts = {}};
    std::ranges::sort(slots_);
    row.parts.reserve(slots_.size());
    for (const Slot slot : slots_) {
        row.parts.push_back({slot, spans_[slot].first, spans_[slot].last});
        spans_[slot] = {};
    }
    slots_.clear();
    return row;
}

}  // namespace twinhub::store
