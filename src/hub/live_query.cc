#include "hub/live_query.h"

#include <boost/asio/post.hpp>

#include <utility>

namespace twinhub::hub {
namespace {

using namespace std::chrono_literals;

constexpr auto parked_max = 60s;
constexpr auto count_every = 1s;
constexpr std::size_t event_overhead = 128;  // what an event costs beside its text

std::size_t cost(const LiveEvent& event) { return event.data.size() + event_overhead; }

}  // namespace

std::string_view name_of(LiveEvent::Kind kind) {
    switch (kind) {
        case LiveEvent::Kind::snapshot: return "snapshot";
        case LiveEvent::Kind::enter: return "enter";
        case LiveEvent::Kind::change: return "change";
        case LiveEvent::Kind::leave: return "leave";
        case LiveEvent::Kind::group: return "group";
        case LiveEvent::Kind::reset: return "reset";
    }
    std::unreachable();
}

LiveQuery::LiveQuery(LivePlan plan, std::string id, std::string principal, std::size_t bytes_max)
    : plan_(std::move(plan)),
      id_(std::move(id)),
      principal_(std::move(principal)),
      bytes_max_(bytes_max) {}

std::string LiveQuery::token(std::uint64_t number) const {
    return id_ + '.' + std::to_string(number);
}

void LiveQuery::wake() {
    if (waiter_) asio::post(executor_, std::exchange(waiter_, nullptr));
}

void LiveQuery::end() {
    const std::scoped_lock lock(mutex_);
    over_ = true;
    events_.clear();
    wake();
}

bool LiveQuery::begun(std::size_t shard, std::uint64_t generation) {
    const std::scoped_lock lock(mutex_);
    if (generation != generation_) return true;
    if (begun_.insert(shard).second || plan_.asked->grouped) return true;
    overflowed_ = true;
    wake();
    return false;
}

// Events that were taken are kept while there is room: their reader may not have got them.
void LiveQuery::make_room() {
    while (bytes_ > bytes_max_ && !events_.empty() && last_ - events_.size() < sent_) {
        bytes_ -= cost(events_.front());
        events_.pop_front();
    }
}

bool LiveQuery::append(LiveEvent::Kind kind, std::string data) {
    LiveEvent event{kind, token(last_ + 1), std::move(data)};
    ++last_;
    bytes_ += cost(event);
    events_.push_back(std::move(event));
    make_room();
    if (bytes_ > bytes_max_) {
        overflowed_ = true;
        events_.clear();
        bytes_ = 0;
        // It would begin anew when somebody comes back: that needs nothing of this.
        if (!attached_) over_ = true;
    }
    wake();
    return !overflowed_;
}

bool LiveQuery::push(std::uint64_t generation, LiveEvent::Kind kind, std::string data) {
    const std::scoped_lock lock(mutex_);
    if (over_ || overflowed_ || generation != generation_) return false;
    return append(kind, std::move(data));
}

void LiveQuery::touch(std::uint64_t generation) {
    const std::scoped_lock lock(mutex_);
    if (generation == generation_) touched_ = true;
}

void LiveQuery::overflow(std::uint64_t generation) {
    const std::scoped_lock lock(mutex_);
    if (generation != generation_) return;
    overflowed_ = true;
    if (!attached_) over_ = true;
    wake();
}

void LiveQuery::tick(Moment now) {
    const std::scoped_lock lock(mutex_);
    if (over_) return;
    if (attached_) {
        if (touched_ && (!counted_ || now - *counted_ >= count_every)) wake();
        return;
    }
    if (!parked_) parked_ = now;
    else if (now - *parked_ >= parked_max) over_ = true;
}

std::uint64_t LiveQuery::attach() {
    const std::scoped_lock lock(mutex_);
    attached_ = true;
    parked_.reset();
    wake();
    return ++reader_;
}

std::optional<std::uint64_t> LiveQuery::resume(std::uint64_t number) {
    const std::scoped_lock lock(mutex_);
    // The event behind it must still be there.
    if (over_ || overflowed_ || !complete_ || number < base_ || number > last_ ||
        number < last_ - events_.size())
        return std::nullopt;
    attached_ = true;
    parked_.reset();
    sent_ = number;
    wake();  // an earlier reader has been replaced
    return ++reader_;
}

void LiveQuery::detach(std::uint64_t reader) {
    const std::scoped_lock lock(mutex_);
    if (reader != reader_) return;
    ++reader_;
    attached_ = false;
    parked_.reset();
    // Without a whole snapshot there is nothing to come back to.
    if (!complete_ || overflowed_) over_ = true;
    wake();
}

bool LiveQuery::is_parked(Moment& since) const {
    const std::scoped_lock lock(mutex_);
    since = parked_.value_or(Moment::max());
    return !attached_;
}

LiveQuery::Next LiveQuery::next(std::uint64_t reader, Moment now) {
    const std::scoped_lock lock(mutex_);
    if (reader != reader_ || over_) return Next::ended;
    if (overflowed_) return Next::reset;
    if (!complete_) return Next::snapshot;
    if (sent_ < last_) return Next::events;
    if (touched_ && (!counted_ || now - *counted_ >= count_every)) return Next::count;
    return Next::nothing;
}

std::uint64_t LiveQuery::begin(std::uint64_t reader) {
    const std::scoped_lock lock(mutex_);
    if (reader != reader_) return generation_;
    begun_.clear();
    complete_ = overflowed_ = touched_ = false;
    counted_.reset();
    events_.clear();
    bytes_ = 0;
    sent_ = base_ = ++last_;  // tokens of what was before are good no more
    return ++generation_;
}

std::uint64_t LiveQuery::generation(std::uint64_t reader) const {
    const std::scoped_lock lock(mutex_);
    return reader == reader_ ? generation_ : 0;
}

std::string LiveQuery::complete(std::uint64_t reader) {
    const std::scoped_lock lock(mutex_);
    if (reader == reader_) complete_ = true;
    return token(base_);
}

std::vector<LiveEvent> LiveQuery::take(std::uint64_t reader, std::size_t bytes_max) {
    const std::scoped_lock lock(mutex_);
    std::vector<LiveEvent> taken;
    if (reader != reader_ || overflowed_) return taken;
    const std::uint64_t before = last_ - events_.size();
    for (std::size_t bytes = 0; sent_ < last_ && bytes < bytes_max; ++sent_) {
        taken.push_back(events_[sent_ - before]);
        bytes += cost(taken.back());
    }
    return taken;
}

void LiveQuery::wait(std::uint64_t reader, Executor executor,
                     std::move_only_function<void()> ready) {
    const std::scoped_lock lock(mutex_);
    // Whatever came since it was asked.
    const bool news = reader != reader_ || over_ || overflowed_ || sent_ < last_;
    if (news) return asio::post(executor, std::move(ready));
    executor_ = std::move(executor);
    waiter_ = std::move(ready);
}

void LiveQuery::start_count(std::uint64_t reader, Moment now) {
    const std::scoped_lock lock(mutex_);
    if (reader != reader_) return;
    touched_ = false;
    counted_ = now;
}

void LiveQuery::set_groups(std::uint64_t reader, const std::vector<KeyedRow>& rows) {
    const std::scoped_lock lock(mutex_);
    if (reader != reader_) return;
    groups_.clear();
    for (const KeyedRow& each : rows) groups_[each.key] = each.row;
}

std::size_t LiveQuery::tell_groups(std::uint64_t reader, std::vector<KeyedRow> rows) {
    const std::scoped_lock lock(mutex_);
    if (reader != reader_ || over_) return 0;
    std::size_t told = 0;
    const auto tell = [&](const std::string& key, std::string_view row) {
        ++told;
        append(
            LiveEvent::Kind::group,
            (key.empty() ? "{\"row\":" : "{\"key\":" + key + ",\"row\":") + std::string(row) + '}');
    };
    std::map<std::string, std::string> now;
    for (KeyedRow& each : rows) {
        const auto known = groups_.find(each.key);
        if (known == groups_.end() || known->second != each.row) tell(each.key, each.row);
        now[std::move(each.key)] = std::move(each.row);
    }
    for (const auto& [key, row] : groups_)
        if (!now.contains(key)) tell(key, "null");
    groups_ = std::move(now);
    return told;
}

}  // namespace twinhub::hub
