#include "hub/rollouts/window.h"

#include "base/json_members.h"
#include "base/zone_files.h"
#include "hub/rollouts/members.h"

#include <fmt/format.h>

#include <algorithm>

namespace twinhub::hub {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::local_days;
using std::chrono::local_seconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_seconds;

namespace {

constexpr std::array<std::string_view, 7> day_names{"mon", "tue", "wed", "thu",
                                                    "fri", "sat", "sun"};
constexpr std::size_t spans_max = 50;
constexpr int days_ahead = 15;  // a span that a change of clocks leaves out comes a week later

Result<minutes> parse_clock(const json::object& body, std::string_view name,
                            const std::string& where) {
    TRY(const auto text, text_member(body, name));
    const auto digit = [&](std::size_t at) {
        return (*text)[at] >= '0' && (*text)[at] <= '9' ? (*text)[at] - '0' : 99;
    };
    if (text && text->size() == 5 && (*text)[2] == ':') {
        const minutes at = hours{digit(0) * 10 + digit(1)} + minutes{digit(3) * 10 + digit(4)};
        const bool is_time = digit(3) < 6 && digit(4) < 10 && digit(0) < 3 && digit(1) < 10;
        if (is_time && at <= hours{24}) return at;
    }
    return failure(Code::argument_invalid, "A time of the day is written as 22:00",
                   where + "." + std::string(name));
}

Result<WeekSpan> parse_span(const json::value& value, const std::string& where) {
    if (!value.is_object())
        return failure(Code::argument_invalid, "A window is an object with from and to", where);
    const json::object& body = value.get_object();
    TRY_VOID(check_members(body, {"days", "from", "to"}, where));
    WeekSpan span;
    TRY(span.from, parse_clock(body, "from", where));
    TRY(span.to, parse_clock(body, "to", where));
    if (span.from == hours{24}) span.from = {};
    if (span.from == span.to)
        return failure(Code::argument_invalid,
                       "A window must end at another time than it begins; all day is 00:00 to "
                       "24:00",
                       where + ".to");
    TRY(const json::array* named, array_member(body, "days"));
    if (named == nullptr) span.days.fill(true);
    else if (named->empty())
        return failure(Code::argument_invalid, "The window has no day", where + ".days");
    for (std::size_t i = 0; named != nullptr && i < named->size(); ++i) {
        const json::value& day = (*named)[i];
        const auto* const found =
            day.is_string() ? std::ranges::find(day_names, std::string_view(day.get_string()))
                            : day_names.end();
        if (found == day_names.end())
            return failure(Code::argument_invalid, "A day is one of mon tue wed thu fri sat sun",
                           fmt::format("{}.days[{}]", where, i));
        span.days[static_cast<std::size_t>(found - day_names.begin())] = true;
    }
    return span;
}

// As minutes of the week; one that goes beyond Sunday ends behind the week.
struct Interval {
    minutes from, to;
    std::size_t span;
};

Result<> check_overlaps(const std::vector<WeekSpan>& spans) {
    constexpr minutes week = days{7};
    std::vector<Interval> all;
    for (std::size_t i = 0; i < spans.size(); ++i)
        for (int day = 0; day < 7; ++day)
            if (spans[i].days[static_cast<std::size_t>(day)]) {
                const minutes from = days{day} + spans[i].from;
                all.push_back({from, from + spans[i].length(), i});
            }
    std::ranges::sort(all, {}, &Interval::from);
    for (std::size_t i = 0; i < all.size(); ++i) {
        const bool is_last = i + 1 == all.size();
        const Interval& next = all[is_last ? 0 : i + 1];
        const minutes next_from = next.from + (is_last ? week : minutes{});
        if (all[i].to > next_from)
            return failure(
                Code::argument_invalid,
                fmt::format("The windows {} and {} overlap", std::min(all[i].span, next.span),
                            std::max(all[i].span, next.span)),
                fmt::format("window.times[{}]", std::max(all[i].span, next.span)));
    }
    return {};
}

std::string clock_text(minutes at) {
    return fmt::format("{:02}:{:02}", at.count() / 60, at.count() % 60);
}

bool begins_on(const WeekSpan& span, local_days day) {
    return span.days[std::chrono::weekday{day}.iso_encoding() - 1];
}

}  // namespace

Result<MaintenanceWindow> parse_window(const json::object& body) {
    TRY_VOID(check_members(body, {"zoneTag", "zone", "times"}, "window"));
    MaintenanceWindow window;
    TRY(const auto tag, text_member(body, "zoneTag"));
    if (tag) {
        if (!tag->starts_with("tags.") || tag->size() == 5)
            return failure(Code::argument_invalid, "The zone is read from a tag: tags.zone",
                           "window.zoneTag");
        window.zone_tag = tag->substr(5);
    }
    TRY(const auto zone, text_member(body, "zone"));
    if (zone) {
        if (!is_zone_name(*zone))
            return failure(Code::argument_invalid,
                           "A time zone is named as in the IANA database: Europe/Berlin",
                           "window.zone");
        window.zone = *zone;
    }
    TRY(const json::array* times, array_member(body, "times"));
    if (times == nullptr || times->empty())
        return failure(Code::argument_invalid, "The window has no times: nothing could be changed",
                       "window.times");
    if (times->size() > spans_max)
        return failure(Code::argument_invalid, fmt::format("At most {} times", spans_max),
                       "window.times");
    for (std::size_t i = 0; i < times->size(); ++i) {
        TRY(WeekSpan span, parse_span((*times)[i], fmt::format("window.times[{}]", i)));
        window.times.push_back(span);
    }
    TRY_VOID(check_overlaps(window.times));
    return window;
}

json::object to_json(const MaintenanceWindow& window) {
    json::object body;
    if (!window.zone_tag.empty()) body["zoneTag"] = "tags." + window.zone_tag;
    body["zone"] = window.zone;
    json::array& times = body["times"].emplace_array();
    for (const WeekSpan& span : window.times) {
        json::object made;
        json::array& named = made["days"].emplace_array();
        for (std::size_t day = 0; day < 7; ++day)
            if (span.days[day]) named.emplace_back(day_names[day]);
        made["from"] = clock_text(span.from);
        made["to"] = clock_text(span.to);
        times.push_back(std::move(made));
    }
    return body;
}

bool is_open(const MaintenanceWindow& window, const TimeZone& zone, Instant at) {
    const local_seconds local = zone.to_local(std::chrono::floor<seconds>(at));
    const local_days today = std::chrono::floor<days>(local);
    return std::ranges::any_of(window.times, [&](const WeekSpan& span) {
        for (const local_days day : {today, today - days{1}}) {
            const local_seconds begin = day + span.from;
            if (begins_on(span, day) && local >= begin && local < begin + span.length())
                return true;
        }
        return false;
    });
}

std::optional<Instant> next_open(const MaintenanceWindow& window, const TimeZone& zone,
                                 Instant at) {
    if (is_open(window, zone, at)) return at;
    const local_days today =
        std::chrono::floor<days>(zone.to_local(std::chrono::floor<seconds>(at)));
    std::optional<Instant> next;
    for (int ahead = -1; ahead <= days_ahead; ++ahead)
        for (const WeekSpan& span : window.times) {
            const local_days day = today + days{ahead};
            if (!begins_on(span, day)) continue;
            const TimeZone::Moments moments = zone.to_sys(day + span.from);
            for (const sys_seconds moment : {moments.first, moments.second}) {
                const Instant opens = moment;
                if (opens > at && (!next || opens < *next) && is_open(window, zone, opens))
                    next = opens;
            }
        }
    return next;
}

}  // namespace twinhub::hub
