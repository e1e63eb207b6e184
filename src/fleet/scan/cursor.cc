#include "fleet/scan/cursor.h"

#include "fleet/scan/key_bytes.h"
#include "query/document_row.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace twinhub::fleet {
namespace {

// From so many rows of the table for one to deliver on, sorting those to deliver is quicker than
// walking through the keys of all.
constexpr std::size_t rows_walked_for_one = 64;

std::size_t bytes_of(std::string_view position) { return position.size() + 64; }

}  // namespace

Cursor::Cursor(const query::Plan& plan, const Table& table, Filter& filter, KeepRow keep,
               CursorLimits limits, std::string after)
    : plan_(&plan),
      table_(&table),
      filter_(&filter),
      keep_(std::move(keep)),
      limits_(limits),
      answer_(plan, table, Use::answer),
      renders_documents_(answer_needs_document(plan, answer_)),
      after_(std::move(after)) {
    for (const query::SortKey& key : plan.order_by)
        sorts_documents_ |= answer_.needs_document(std::get<query::PathIndex>(key.by));
    if (plan.limit) rows_max_ = *plan.limit + plan.offset;
}

void Cursor::set_pending(Row row) {
    if (row / 64 >= pending_.size()) pending_.resize(row / 64 + 1);
    pending_[row / 64] |= std::uint64_t{1} << (row % 64);
    ++pending_count_;
}

void Cursor::clear_pending(Row row) {
    pending_[row / 64] &= ~(std::uint64_t{1} << (row % 64));
    --pending_count_;
}

bool Cursor::add(const Block& block, const Bits& rows) {
    if (sorts()) {
        bool enough_room = true;
        rows.each([&](std::size_t i) {
            enough_room = enough_room && add(block.first + static_cast<Row>(i));
        });
        return enough_room;
    }
    const std::size_t first = block.first / 64;
    if (pending_.size() < first + block_words) pending_.resize(first + block_words);
    for (std::size_t w = 0; w < block_words; ++w) pending_[first + w] |= rows.words[w];
    pending_count_ += rows.count();
    return true;
}

bool Cursor::add(Row row) {
    if (!sorts()) {
        set_pending(row);
        return true;
    }
    ColumnRow source(answer_, row);
    return add_sorted(row, source);
}

bool Cursor::add(Row row, query::RowSource& document) { return add_sorted(row, document); }

bool Cursor::add_sorted(Row row, query::RowSource& source) {
    buffer_.clear();
    for (const query::SortKey& key : plan_->order_by) {
        const auto path = std::get<query::PathIndex>(key.by);
        append_sort_key(buffer_, source.get(path), {key.descending, plan_->paths[path].time});
    }
    append_id(buffer_, row);
    if (buffer_ <= after_) return true;
    if (rows_max_ && places_.size() >= *rows_max_) {
        if (*rows_max_ == 0 || buffer_ > places_.rbegin()->position) return true;
        take_out(std::prev(places_.end()));
    }
    if (places_bytes_ + bytes_of(buffer_) > limits_.sorted_bytes_max) return false;
    place(buffer_, row);
    set_pending(row);
    return true;
}

void Cursor::place(std::string position, Row row) {
    places_bytes_ += bytes_of(position);
    places_.insert(Place{std::move(position), row});
}

// With its row. The place behind it.
Cursor::Places::iterator Cursor::take_out(Places::iterator at) {
    drop(at->row);
    places_bytes_ -= bytes_of(at->position);
    return places_.erase(at);
}

// The row is not to be delivered (any more).
void Cursor::drop(Row row) {
    if (is_pending(row)) return clear_pending(row);
    const auto captured = captured_.find(row);
    if (captured == captured_.end()) return;
    captured_bytes_ -=
        captured->second.json.size() + (captured->second.old ? captured->second.old->bytes() : 0);
    captured_.erase(captured);
}

void Cursor::finish() {
    if (sorts()) return;
    walks_ = pending_count_ * rows_walked_for_one > table_->live_count();
    walked_ = after_;
    if (walks_) return;
    for (std::size_t w = 0; w < pending_.size(); ++w)
        for (std::uint64_t left = pending_[w]; left != 0; left &= left - 1) {
            const auto row = static_cast<Row>(w * 64) + static_cast<Row>(std::countr_zero(left));
            buffer_.clear();
            append_id(buffer_, row);
            if (buffer_ > after_) place(buffer_, row);
            else clear_pending(row);
        }
}

void Cursor::before_change(Row row) {
    if (!is_pending(row) || lost_) return;
    Captured captured;
    captured.device = table_->key(row).device;
    captured.module = table_->key(row).module;
    if (renders_documents_ || (filter_->needs_documents() && !sorts())) {
        captured.old = keep_ ? keep_(row) : nullptr;
        lost_ = captured.old == nullptr;
    } else {
        ColumnRow source(answer_, row);
        append_row(captured.json, *plan_, source);
    }
    captured_bytes_ += captured.json.size() + (captured.old ? captured.old->bytes() : 0);
    if (lost_ || captured_bytes_ > limits_.captured_bytes_max) {
        lost_ = true;
        captured_.clear();
        places_.clear();
        pending_.clear();
        return;
    }
    clear_pending(row);
    captured_.emplace(row, std::move(captured));
    // What the walk has not reached would not be found any more under its key.
    buffer_.clear();
    append_id(buffer_, row);
    if (!sorts() && (walks_ ? buffer_ > walked_ : !places_.contains(buffer_))) place(buffer_, row);
}

// False when it has stopped before the end: enough rows are in place, or steps done.
bool Cursor::walk(std::size_t count, std::size_t steps) {
    std::size_t found = static_cast<std::size_t>(
        std::distance(places_.begin(), places_.upper_bound(std::string_view(walked_))));
    Key last;
    std::string device;
    std::string module;
    std::string_view bytes = walked_;
    if (auto text = take_text_key(bytes)) device = *std::move(text);
    if (auto text = take_text_key(bytes)) module = *std::move(text);
    last = {device, module};
    auto at = walked_.empty() ? table_->ids().begin() : table_->ids().after(last);
    bool moved = false;
    for (; at != table_->ids().end() && found < count && steps > 0; ++at, --steps) {
        last = table_->key(*at);
        moved = true;
        if (!is_pending(*at)) continue;
        buffer_.clear();
        append_id(buffer_, *at);
        place(buffer_, *at);
        ++found;
    }
    if (moved) {
        walked_.clear();
        append_text_key(walked_, last.device);
        append_text_key(walked_, last.module);
    }
    return at == table_->ids().end();
}

Result<Cursor::Page> Cursor::read(std::string_view after, std::size_t count, std::size_t steps) {
    if (lost_)
        return failure(twinhub::Code::unavailable,
                       "The rows of this query have changed too much since its first page.");
    if (after > after_) after_ = after;
    // No more than the whole answer has, unless documents may still drop some.
    if (rows_max_ && !filter_->needs_documents())
        count = std::min<std::uint64_t>(count, *rows_max_);
    while (!places_.empty() && places_.begin()->position <= after_) take_out(places_.begin());
    const bool walked_all = !walks_ || walk(count, steps);
    Page page;
    auto at = places_.begin();
    while (at != places_.end() && page.entries.size() < count) {
        if (!walked_all && at->position > walked_) break;
        page.seen = at->position;
        if (auto entry = entry_of(*at)) {
            page.entries.push_back(*std::move(entry));
            ++at;
        } else {
            // It must not be counted again when the page is read on from where it began.
            at = take_out(at);
        }
    }
    page.complete = walked_all && at == places_.end();
    if (!page.complete && page.entries.size() < count) page.seen = std::max(walked_, page.seen);
    return page;
}

// Nothing when a condition on the captured document fails.
std::optional<Entry> Cursor::entry_of(const Place& place) {
    Entry entry{.position = place.position, .device = {}, .module = {}, .row = place.row};
    const auto captured = captured_.find(place.row);
    if (captured != captured_.end()) {
        entry.device = captured->second.device;
        entry.module = captured->second.module;
        entry.json = captured->second.json;
        if (captured->second.old) {
            auto json = render(place.row, {});
            if (!json) return std::nullopt;
            entry.json = *std::move(json);
        }
        return entry;
    }
    const Key key = table_->key(place.row);
    entry.device = key.device;
    entry.module = key.module;
    entry.needs_document = renders_documents_ || (filter_->needs_documents() && !sorts());
    if (!entry.needs_document) {
        ColumnRow source(answer_, place.row);
        append_row(entry.json, *plan_, source);
    }
    return entry;
}

std::optional<std::string> Cursor::render(Row row, json::object document) {
    const auto captured = captured_.find(row);
    if (captured != captured_.end()) {
        if (!captured->second.old) return captured->second.json;
        document = captured->second.old->document();
    } else if (!is_pending(row)) {
        return std::nullopt;
    }
    if (filter_->needs_documents() && !sorts()) {
        query::DocumentRow source(*plan_, document);
        if (!filter_->passes_document(source)) return std::nullopt;
    }
    std::string json;
    append_row(json, *plan_, std::move(document));
    return json;
}

void Cursor::append_id(std::string& out, Row row) const {
    const Key key = table_->key(row);
    append_text_key(out, key.device);
    append_text_key(out, key.module);
}

MergedPage merge_pages(std::vector<Cursor::Page> pages, std::size_t count) {
    std::optional<std::string> bound;
    for (const Cursor::Page& page : pages)
        if (!page.complete && (!bound || page.seen < *bound)) bound = page.seen;
    MergedPage merged;
    for (std::size_t shard = 0; shard < pages.size(); ++shard)
        for (Entry& entry : pages[shard].entries) {
            if (bound && entry.position > *bound) break;
            entry.shard = shard;
            merged.entries.push_back(std::move(entry));
        }
    std::ranges::sort(merged.entries, {}, &Entry::position);
    const bool cut = merged.entries.size() > count;
    if (cut) merged.entries.resize(count);
    merged.complete = !bound && !cut;
    if (cut && count > 0) merged.after = merged.entries.back().position;
    else if (bound) merged.after = *bound;
    return merged;
}

}  // namespace twinhub::fleet
