#include "base/time.h"

#include <charconv>

namespace twinhub {
namespace {

void append_digits(std::string& out, std::int64_t value, int width) {
    char digits[20];
    for (int i = width - 1; i >= 0; --i) {
        digits[i] = static_cast<char>('0' + value % 10);
        value /= 10;
    }
    out.append(digits, static_cast<std::size_t>(width));
}

// Reads exactly `width` digits at `position` and moves past them; -1 when they are not there.
int take_digits(std::string_view text, std::size_t& position, std::size_t width) {
    if (position + width > text.size()) return -1;
    int value = 0;
    for (std::size_t i = 0; i < width; ++i) {
        const char digit = text[position + i];
        if (digit < '0' || digit > '9') return -1;
        value = value * 10 + (digit - '0');
    }
    position += width;
    return value;
}

bool take(std::string_view text, std::size_t& position, char expected) {
    if (position >= text.size() || text[position] != expected) return false;
    ++position;
    return true;
}

}  // namespace

void append_instant(std::string& out, Instant instant) {
    const auto day = std::chrono::floor<std::chrono::days>(instant);
    const std::chrono::year_month_day date{day};
    const std::int64_t ticks = (instant - day).count();
    const std::int64_t seconds = ticks / 10'000'000;
    append_digits(out, int{date.year()}, 4);
    out += '-';
    append_digits(out, unsigned{date.month()}, 2);
    out += '-';
    append_digits(out, unsigned{date.day()}, 2);
    out += 'T';
    append_digits(out, seconds / 3600, 2);
    out += ':';
    append_digits(out, seconds / 60 % 60, 2);
    out += ':';
    append_digits(out, seconds % 60, 2);
    if (const std::int64_t fraction = ticks % 10'000'000; fraction != 0) {
        out += '.';
        append_digits(out, fraction, 7);
        while (out.back() == '0') out.pop_back();
    }
    out += 'Z';
}

std::string format_instant(Instant instant) {
    std::string out;
    append_instant(out, instant);
    return out;
}

Result<Instant> parse_instant(std::string_view text) {
    const auto refuse = [&] {
        return failure(Code::argument_invalid, "'" + std::string(text.substr(0, 40)) +
                                                   "' is not an ISO 8601 date and time");
    };
    std::size_t at = 0;
    const int year = take_digits(text, at, 4);
    if (year < 0 || !take(text, at, '-')) return refuse();
    const int month = take_digits(text, at, 2);
    if (month < 0 || !take(text, at, '-')) return refuse();
    const int day = take_digits(text, at, 2);
    if (day < 0 || (!take(text, at, 'T') && !take(text, at, 't') && !take(text, at, ' ')))
        return refuse();
    const int hour = take_digits(text, at, 2);
    if (hour < 0 || hour > 24 || !take(text, at, ':')) return refuse();
    const int minute = take_digits(text, at, 2);
    if (minute < 0 || minute > 59) return refuse();
    int second = 0;
    if (take(text, at, ':')) {
        second = take_digits(text, at, 2);
        if (second < 0 || second > 60) return refuse();
    }
    std::int64_t fraction = 0;
    if (take(text, at, '.')) {
        int digits = 0;
        while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
            if (digits < 7) fraction = fraction * 10 + (text[at] - '0');
            ++digits;
            ++at;
        }
        if (digits == 0) return refuse();
        for (; digits < 7; ++digits) fraction *= 10;
    }
    int offset_minutes = 0;
    if (at < text.size()) {
        const char zone = text[at++];
        if (zone == '+' || zone == '-') {
            const int hours = take_digits(text, at, 2);
            take(text, at, ':');
            const int minutes = take_digits(text, at, 2);
            if (hours < 0 || minutes < 0 || hours > 14 || minutes > 59) return refuse();
            offset_minutes = (zone == '-' ? -1 : 1) * (hours * 60 + minutes);
        } else if (zone != 'Z' && zone != 'z') {
            return refuse();
        }
        if (at != text.size()) return refuse();
    }
    const std::chrono::year_month_day date{std::chrono::year{year},
                                           std::chrono::month{unsigned(month)},
                                           std::chrono::day{unsigned(day)}};
    if (!date.ok()) return refuse();
    return Instant{std::chrono::sys_days{date}} + std::chrono::hours{hour} +
           std::chrono::minutes{minute - offset_minutes} + std::chrono::seconds{second} +
           Ticks{fraction};
}

}  // namespace twinhub
