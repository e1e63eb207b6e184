#include "base/time_zone.h"

#include <algorithm>
#include <optional>

namespace twinhub {

using std::chrono::days;
using std::chrono::local_days;
using std::chrono::local_seconds;
using std::chrono::seconds;
using std::chrono::sys_seconds;

namespace {

constexpr std::int64_t offset_max = 26 * 3600;  // RFC 9636 3.1 recommends less than 26 hours
constexpr std::size_t changes_max = 10'000;

std::unexpected<Error> damaged() {
    return failure(Code::corrupted, "This is no file of the time zone database");
}

std::int64_t big_endian(std::string_view bytes) {
    std::uint64_t number = (static_cast<unsigned char>(bytes[0]) & 0x80U) != 0 ? ~0ULL : 0;
    for (const char byte : bytes) number = number << 8U | static_cast<unsigned char>(byte);
    return static_cast<std::int64_t>(number);
}

struct Header {
    char version = 0;
    std::size_t universal = 0, standard = 0, leaps = 0, changes = 0, types = 0, characters = 0;
    std::size_t bytes_with(std::size_t time_bytes) const {
        return changes * time_bytes + changes + types * 6 + characters + leaps * (time_bytes + 4) +
               standard + universal;
    }
};
constexpr std::size_t header_bytes = 44;

std::optional<Header> read_header(std::string_view bytes) {
    if (bytes.size() < header_bytes || !bytes.starts_with("TZif")) return std::nullopt;
    const auto count = [&](std::size_t index) {
        return static_cast<std::size_t>(
            static_cast<std::uint32_t>(big_endian(bytes.substr(20 + 4 * index, 4))));
    };
    Header header{bytes[4], count(0), count(1), count(2), count(3), count(4), count(5)};
    for (const std::size_t number : {header.universal, header.standard, header.leaps,
                                     header.changes, header.types, header.characters})
        if (number > changes_max) return std::nullopt;
    return header;
}

// The text behind a file's data (POSIX TZ): "CET-1CEST,M3.5.0,M10.5.0/3".
class RuleReader {
public:
    explicit RuleReader(std::string_view text) : text_(text) {}

    std::optional<TimeZone::Rule> read() {
        TimeZone::Rule rule;
        if (!name()) return std::nullopt;
        const auto standard = time();
        if (!standard) return std::nullopt;
        rule.standard = -*standard;  // POSIX counts westwards
        if (text_.empty()) return rule;
        rule.has_summer = true;
        if (!name()) return std::nullopt;
        rule.summer = rule.standard + std::chrono::hours{1};
        if (!text_.empty() && text_.front() != ',') {
            const auto summer = time();
            if (!summer) return std::nullopt;
            rule.summer = -*summer;
        }
        const auto begins = day();
        const auto ends = day();
        if (!begins || !ends || !text_.empty()) return std::nullopt;
        rule.begins = *begins;
        rule.ends = *ends;
        return rule;
    }

private:
    bool take(char wanted) {
        if (text_.empty() || text_.front() != wanted) return false;
        text_.remove_prefix(1);
        return true;
    }
    bool name() {
        const bool quoted = take('<');
        std::size_t length = 0;
        for (; length < text_.size(); ++length) {
            const char c = text_[length];
            const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
            const bool more = quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-');
            if (!letter && !more) break;
        }
        text_.remove_prefix(length);
        return length >= 3 && (!quoted || take('>'));
    }
    std::optional<int> number(int largest) {
        int value = 0;
        std::size_t digits = 0;
        for (; digits < text_.size() && text_[digits] >= '0' && text_[digits] <= '9'; ++digits) {
            value = value * 10 + (text_[digits] - '0');
            if (value > largest) return std::nullopt;
        }
        if (digits == 0) return std::nullopt;
        text_.remove_prefix(digits);
        return value;
    }
    std::optional<seconds> time() {
        const int sign = take('-') ? -1 : 1;
        if (sign == 1) take('+');
        const auto hours = number(167);
        if (!hours) return std::nullopt;
        seconds value = std::chrono::hours{*hours};
        seconds unit{60};
        for (; unit.count() > 0 && take(':'); unit /= 60) {
            const auto part = number(59);
            if (!part) return std::nullopt;
            value += unit * *part;
        }
        return value * sign;
    }
    std::optional<TimeZone::Day> day() {
        if (!take(',')) return std::nullopt;
        TimeZone::Day made;
        std::optional<int> month, week, day;
        if (take('M')) {
            month = number(12);
            if (!month || *month == 0 || !take('.')) return std::nullopt;
            week = number(5);
            if (!week || *week == 0 || !take('.')) return std::nullopt;
            day = number(6);
            made.month = *month;
            made.week = *week;
        } else {
            made.kind = take('J') ? TimeZone::Day::Kind::julian : TimeZone::Day::Kind::zero_based;
            day = number(365);
            if (day && *day == 0 && made.kind == TimeZone::Day::Kind::julian) return std::nullopt;
        }
        if (!day) return std::nullopt;
        made.day = *day;
        made.time = std::chrono::hours{2};
        if (take('/')) {
            const auto at = time();
            if (!at) return std::nullopt;
            made.time = *at;
        }
        return made;
    }

    std::string_view text_;
};

std::chrono::year year_of(local_seconds local) {
    return std::chrono::year_month_day{std::chrono::floor<days>(local)}.year();
}

}  // namespace

local_seconds TimeZone::Day::in(std::chrono::year year) const {
    using namespace std::chrono;
    const local_days first{year / January / 1};
    switch (kind) {
        case Kind::zero_based: return first + days{day} + time;
        case Kind::julian: {  // February 29 is never counted
            const bool behind = year.is_leap() && day >= 60;
            return first + days{day - 1 + (behind ? 1 : 0)} + time;
        }
        case Kind::month_week_day: break;
    }
    const std::chrono::month in_month{static_cast<unsigned>(month)};
    const weekday on{static_cast<unsigned>(day)};
    if (week == 5) return local_days{year / in_month / on[last]} + time;
    return local_days{year / in_month / on[static_cast<unsigned>(week)]} + time;
}

seconds TimeZone::Rule::offset_at(sys_seconds at) const {
    if (!has_summer) return standard;
    const std::chrono::year year = year_of(local_seconds{at.time_since_epoch() + standard});
    const auto begin = sys_seconds{begins.in(year).time_since_epoch() - standard};
    const auto end = sys_seconds{ends.in(year).time_since_epoch() - summer};
    const bool is_summer = begin < end ? at >= begin && at < end : at >= begin || at < end;
    return is_summer ? summer : standard;
}

Result<TimeZone> TimeZone::parse(std::string_view bytes) {
    auto header = read_header(bytes);
    if (!header) return damaged();
    bytes.remove_prefix(header_bytes);
    std::size_t time_bytes = 4;
    if (header->version >= '2') {  // a second block follows, with longer times
        if (bytes.size() < header->bytes_with(time_bytes)) return damaged();
        bytes.remove_prefix(header->bytes_with(time_bytes));
        header = read_header(bytes);
        if (!header) return damaged();
        bytes.remove_prefix(header_bytes);
        time_bytes = 8;
    }
    if (header->types == 0 || bytes.size() < header->bytes_with(time_bytes)) return damaged();
    const std::string_view times = bytes.substr(0, header->changes * time_bytes);
    const std::string_view kinds = bytes.substr(times.size(), header->changes);
    const std::string_view types = bytes.substr(times.size() + kinds.size(), header->types * 6);
    const auto offset_of = [&](std::size_t type) -> std::optional<seconds> {
        if (type >= header->types) return std::nullopt;
        const std::int64_t offset = big_endian(types.substr(type * 6, 4));
        if (offset < -offset_max || offset > offset_max) return std::nullopt;
        return seconds{offset};
    };
    TimeZone zone;
    const auto first = offset_of(0);
    if (!first) return damaged();
    zone.before_ = *first;
    for (std::size_t i = 0; i < header->changes; ++i) {
        const std::int64_t at = big_endian(times.substr(i * time_bytes, time_bytes));
        const auto offset = offset_of(static_cast<unsigned char>(kinds[i]));
        if (!offset || (!zone.changes_.empty() && at <= zone.changes_.back().at)) return damaged();
        zone.changes_.push_back({at, *offset});
    }
    bytes.remove_prefix(header->bytes_with(time_bytes));
    if (time_bytes == 8) {
        const std::size_t end = bytes.find('\n', 1);
        if (!bytes.starts_with('\n') || end == std::string_view::npos) return damaged();
        if (const std::string_view text = bytes.substr(1, end - 1); !text.empty()) {
            const auto rule = RuleReader(text).read();
            if (!rule || std::abs(rule->standard.count()) > offset_max ||
                std::abs(rule->summer.count()) > offset_max)
                return damaged();
            zone.rule_ = *rule;
            zone.has_rule_ = true;
        }
    }
    return zone;
}

seconds TimeZone::offset_at(sys_seconds at) const {
    const auto next = std::ranges::upper_bound(changes_, at.time_since_epoch().count(), {},
                                               [](const Change& change) { return change.at; });
    if (next == changes_.end() && has_rule_) return rule_.offset_at(at);
    return next == changes_.begin() ? before_ : std::prev(next)->offset;
}

local_seconds TimeZone::to_local(sys_seconds at) const {
    return local_seconds{at.time_since_epoch() + offset_at(at)};
}

TimeZone::Moments TimeZone::to_sys(local_seconds local) const {
    const sys_seconds as_utc{local.time_since_epoch()};
    // No two changes of a place are closer than this.
    const seconds before = offset_at(as_utc - days{1});
    const seconds after = offset_at(as_utc + days{1});
    const sys_seconds by_before = as_utc - before;
    const sys_seconds by_after = as_utc - after;
    const bool before_holds = offset_at(by_before) == before;
    const bool after_holds = offset_at(by_after) == after;
    if (before_holds && after_holds) {
        return {std::min(by_before, by_after), std::max(by_before, by_after)};
    }
    if (before_holds) return {by_before, by_before};
    if (after_holds) return {by_after, by_after};
    // Clocks jump over it: the change lies between the two.
    sys_seconds low = std::min(by_before, by_after);
    sys_seconds high = std::max(by_before, by_after);
    const seconds old = offset_at(low);
    while (high - low > seconds{1}) {
        const sys_seconds middle = low + (high - low) / 2;
        (offset_at(middle) == old ? low : high) = middle;
    }
    return {high, high};
}

}  // namespace twinhub
