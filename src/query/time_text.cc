#include "query/time_text.h"

#include <array>

namespace twinhub::query {
namespace {

// Reads a text from its start; a failed step leaves it where it was.
class Reader {
public:
    explicit Reader(std::string_view text) : rest_(text) {}

    bool done() const { return rest_.empty(); }
    bool take(char expected) {
        if (rest_.empty() || rest_.front() != expected) return false;
        rest_.remove_prefix(1);
        return true;
    }
    std::optional<int> digit() {
        if (rest_.empty() || rest_.front() < '0' || rest_.front() > '9') return {};
        const int value = rest_.front() - '0';
        rest_.remove_prefix(1);
        return value;
    }
    // Exactly `width` digits, at most `max`; -1 when they are not there.
    int digits(int width, int max) {
        int value = 0;
        for (int i = 0; i < width; ++i) {
            const auto next = digit();
            if (!next) return -1;
            value = value * 10 + *next;
        }
        return value <= max ? value : -1;
    }

private:
    std::string_view rest_;
};

// .f{1,9} as nanoseconds; -1 when there are none or too many.
std::int32_t read_fraction(Reader& in) {
    std::int32_t value = 0;
    int count = 0;
    for (auto next = in.digit(); next; next = in.digit()) {
        if (++count > 9) return -1;
        value = value * 10 + *next;
    }
    if (count == 0) return -1;
    for (; count < 9; ++count) value *= 10;
    return value;
}

}  // namespace

TimePoint time_point(Instant instant) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(instant);
    return {seconds.time_since_epoch().count(),
            static_cast<std::int32_t>((instant - seconds).count() * 100)};
}

double seconds_between(TimePoint from, TimePoint to) {
    // One rounding: a span of ten thousand years in nanoseconds needs more than 64 bits.
    const auto nanoseconds = static_cast<__int128>(to.seconds - from.seconds) * 1'000'000'000 +
                             (to.nanoseconds - from.nanoseconds);
    return static_cast<double>(nanoseconds) / 1e9;
}

std::optional<TimePoint> parse_time(std::string_view text) {
    Reader in(text);
    const int year = in.digits(4, 9999);
    if (year < 0 || !in.take('-')) return {};
    const int month = in.digits(2, 12);
    if (month < 0 || !in.take('-')) return {};
    const int day = in.digits(2, 31);
    if (day < 0) return {};
    const std::chrono::year_month_day date{std::chrono::year{year},
                                           std::chrono::month{static_cast<unsigned>(month)},
                                           std::chrono::day{static_cast<unsigned>(day)}};
    if (!date.ok()) return {};
    TimePoint point{std::int64_t{std::chrono::sys_days{date}.time_since_epoch().count()} * 86400,
                    0};

    if (in.take('T')) {
        const int hour = in.digits(2, 23);
        if (hour < 0 || !in.take(':')) return {};
        const int minute = in.digits(2, 59);
        if (minute < 0) return {};
        int second = 0;
        if (in.take(':')) {
            second = in.digits(2, 59);
            if (second < 0) return {};
            if (in.take('.')) {
                point.nanoseconds = read_fraction(in);
                if (point.nanoseconds < 0) return {};
            }
        }
        point.seconds += hour * 3600 + minute * 60 + second;
    }
    if (in.done() || in.take('Z')) return in.done() ? std::optional(point) : std::nullopt;
    const int sign = in.take('+') ? -1 : in.take('-') ? 1 : 0;
    if (sign == 0) return {};
    const int hours = in.digits(2, 23);
    if (hours < 0 || !in.take(':')) return {};
    const int minutes = in.digits(2, 59);
    if (minutes < 0 || !in.done()) return {};
    point.seconds += sign * (hours * 3600 + minutes * 60);
    return point;
}

std::optional<Ticks> parse_time_ago(std::string_view text) {
    struct Unit {
        char letter;
        std::int64_t seconds;
        bool time;  // after T
    };
    static constexpr std::array units{Unit{'D', 86400, false}, Unit{'H', 3600, true},
                                      Unit{'M', 60, true}, Unit{'S', 1, true}};
    Reader in(text);
    if (!in.take('-') || !in.take('P') || in.done()) return {};
    std::int64_t total = 0;
    std::size_t unit = 0;
    bool time = false;
    while (!in.done()) {
        if (in.take('T')) {
            if (time || in.done()) return {};
            time = true;
        }
        std::int64_t count = 0;
        int digits = 0;
        for (auto next = in.digit(); next; next = in.digit()) {
            if (++digits > 9) return {};
            count = count * 10 + *next;
        }
        if (digits == 0) return {};
        while (unit < units.size() && (units[unit].time != time || !in.take(units[unit].letter)))
            ++unit;
        if (unit == units.size()) return {};
        total += count * units[unit++].seconds;
    }
    // Longer than recorded time: no instant is that long ago.
    if (total > std::int64_t{2000} * 366 * 86400) return {};
    return std::chrono::seconds{total};
}

}  // namespace twinhub::query
