#include "query/testing/reference_values.h"

#include "query/geo.h"
#include "query/limits.h"
#include "query/text_functions.h"

#include <re2/re2.h>

#include <cmath>
#include <ctime>

namespace twinhub::query::testing {
namespace {

using Characters = std::u32string;

Characters characters_of(std::string_view text) {
    Characters out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x80) {
            out += byte;
        } else if (byte >= 0xC0) {
            out += byte & (byte < 0xE0 ? 0x1FU : byte < 0xF0 ? 0x0FU : 0x07U);
        } else {
            out.back() = out.back() << 6 | (byte & 0x3FU);
        }
    }
    return out;
}

std::string text_of(const Characters& characters) {
    std::string out;
    for (const char32_t c : characters) {
        const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
        if (c < 0x80) {
            put(c);
        } else if (c < 0x800) {
            put(0xC0 + c / 64);
            put(0x80 + c % 64);
        } else if (c < 0x10000) {
            put(0xE0 + c / 4096);
            put(0x80 + c / 64 % 64);
            put(0x80 + c % 64);
        } else {
            put(0xF0 + c / 262144);
            put(0x80 + c / 4096 % 64);
            put(0x80 + c / 64 % 64);
            put(0x80 + c % 64);
        }
    }
    return out;
}

Maybe number(double value) {
    if (std::isnan(value) || std::isinf(value)) return {};
    return json::value(value);
}

std::string string_in(const json::value& value) {
    return {value.get_string().data(), value.get_string().size()};
}

Maybe changed_case(const std::string& text, LetterCase wanted) {
    if (text.size() > computed_text_bytes_max) return {};
    Characters characters = characters_of(text);
    for (char32_t& c : characters) c = with_case(c, wanted);
    return json::value(text_of(characters));
}

Maybe part_of(const std::string& text, double start, std::optional<double> length) {
    if (start < 0 || start != std::trunc(start)) return {};
    if (length && (*length < 0 || *length != std::trunc(*length))) return {};
    Characters kept;
    double position = 0;
    for (const char32_t c : characters_of(text)) {
        if (position >= start && (!length || position < start + *length)) kept += c;
        ++position;
    }
    return json::value(text_of(kept));
}

Maybe read_number(const std::string& text) {
    static const re2::RE2 form(R"([+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?)");
    if (!re2::RE2::FullMatch(text, form)) return {};
    const double value = std::strtod(text.c_str(), nullptr);
    return number(value);
}

Maybe seconds_since(const std::string& text, Instant now) {
    const auto then = nanoseconds_of(text), today = nanoseconds_of(format_instant(now));
    if (!then) return {};
    return json::value(static_cast<double>(*today - *then) / 1e9);
}

}  // namespace

int kind_of(const json::value& value) {
    if (value.is_null()) return 0;
    if (value.is_bool()) return 1;
    if (value.is_number()) return 2;
    if (value.is_string()) return 3;
    return value.is_array() ? 4 : 5;
}

double number_in(const json::value& value) { return value.to_number<double>(); }

std::optional<__int128> nanoseconds_of(std::string_view text) {
    static const re2::RE2 form(
        R"((\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d:\d\d)?)");
    std::tm time{};
    std::string hour, minute, second, fraction, zone;
    const re2::StringPiece piece(text.data(), text.size());
    if (!re2::RE2::FullMatch(piece, form, &time.tm_year, &time.tm_mon, &time.tm_mday, &hour,
                             &minute, &second, &fraction, &zone))
        return {};
    const auto whole = [](const std::string& digits) { return std::atoi(digits.c_str()); };
    static constexpr int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const int year = time.tm_year, month = time.tm_mon, day = time.tm_mday;
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month < 1 || month > 12 || day < 1 || day > days[month - 1]) return {};
    if (month == 2 && day == 29 && !leap) return {};
    if (whole(hour) > 23 || whole(minute) > 59 || whole(second) > 59) return {};
    time.tm_year = year - 1900;
    time.tm_mon = month - 1;
    __int128 seconds = ::timegm(&time) + whole(hour) * 3600 + whole(minute) * 60 + whole(second);
    if (zone.size() == 6) {
        const int hours = whole(zone.substr(1, 2)), minutes = whole(zone.substr(4, 2));
        if (hours > 23 || minutes > 59) return {};
        seconds -= (zone[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    }
    fraction.resize(9, '0');
    return seconds * 1'000'000'000 + whole(fraction);
}

int order_of(const json::value& a, const json::value& b, bool time, TimesFirst times_first) {
    const auto sign = [](auto left, auto right) {
        return left < right ? -1 : left > right ? 1 : 0;
    };
    if (kind_of(a) != kind_of(b)) return sign(kind_of(a), kind_of(b));
    switch (kind_of(a)) {
        case 1: return sign(a.get_bool(), b.get_bool());
        case 2: return sign(number_in(a), number_in(b));
        case 3: {
            const std::string left = string_in(a), right = string_in(b);
            if (time) {
                const auto left_time = nanoseconds_of(left), right_time = nanoseconds_of(right);
                if (left_time && right_time) return sign(*left_time, *right_time);
                if (times_first == TimesFirst::yes && (left_time || right_time))
                    return left_time ? -1 : 1;
            }
            return sign(left.compare(right), 0);
        }
        default: return 0;
    }
}

Maybe computed(Op op, const Maybe& a, const Maybe& b) {
    if (!a || !b || !a->is_number() || !b->is_number()) return {};
    const double left = number_in(*a), right = number_in(*b);
    if (op == Op::add) return number(left + right);
    if (op == Op::subtract) return number(left - right);
    if (op == Op::multiply) return number(left * right);
    if (right == 0) return {};
    return number(op == Op::divide ? left / right : std::fmod(left, right));
}

Maybe called(const Expr& call, const std::vector<Maybe>& arguments, Instant now) {
    const auto has = [&](std::size_t i, int kind) {
        return i < arguments.size() && arguments[i] && kind_of(*arguments[i]) == kind;
    };
    const auto is = [&](int kind) { return Maybe(json::value(has(0, kind))); };
    const auto text = [&](std::size_t i) { return string_in(*arguments[i]); };
    const auto real = [&](std::size_t i) { return number_in(*arguments[i]); };
    const bool one_text = has(0, 3), two_texts = one_text && has(1, 3);
    const bool one_number = has(0, 2), two_numbers = one_number && has(1, 2);

    switch (call.function) {
        case Function::is_defined: return json::value(arguments[0].has_value());
        case Function::is_null: return is(0);
        case Function::is_bool: return is(1);
        case Function::is_number: return is(2);
        case Function::is_string: return is(3);
        case Function::is_array: return is(4);
        case Function::is_object: return is(5);
        case Function::is_primitive:
            return json::value(has(0, 0) || has(0, 1) || has(0, 2) || has(0, 3));
        case Function::starts_with:
            return two_texts ? Maybe(json::value(text(0).rfind(text(1), 0) == 0)) : Maybe();
        case Function::ends_with: {
            if (!two_texts) return {};
            const std::string all = text(0), end = text(1);
            return json::value(all.size() >= end.size() &&
                               all.substr(all.size() - end.size()) == end);
        }
        case Function::contains:
            return two_texts ? Maybe(json::value(text(0).find(text(1)) != std::string::npos))
                             : Maybe();
        case Function::index_of: {
            if (!two_texts) return {};
            const std::size_t at = characters_of(text(0)).find(characters_of(text(1)));
            return json::value(at == Characters::npos ? -1.0 : static_cast<double>(at));
        }
        case Function::array_contains: {
            if (!has(0, 4) || !arguments[1] || kind_of(*arguments[1]) > 3) return {};
            for (const json::value& element : arguments[0]->get_array())
                if (kind_of(element) == kind_of(*arguments[1]) &&
                    order_of(element, *arguments[1], false, TimesFirst::no) == 0)
                    return json::value(true);
            return json::value(false);
        }
        case Function::lower: return one_text ? changed_case(text(0), LetterCase::lower) : Maybe();
        case Function::upper: return one_text ? changed_case(text(0), LetterCase::upper) : Maybe();
        case Function::length:
            if (one_text) return number(static_cast<double>(characters_of(text(0)).size()));
            if (has(0, 4)) return number(static_cast<double>(arguments[0]->get_array().size()));
            return {};
        case Function::concat: {
            std::string all;
            for (std::size_t i = 0; i < arguments.size(); ++i) {
                if (!has(i, 3)) return {};
                all += text(i);
            }
            return all.size() > computed_text_bytes_max ? Maybe() : Maybe(json::value(all));
        }
        case Function::substring:
            if (!one_text || !has(1, 2) || (arguments.size() == 3 && !has(2, 2))) return {};
            return part_of(text(0), real(1),
                           arguments.size() == 3 ? std::optional(real(2)) : std::nullopt);
        case Function::as_number:
            if (one_number) return arguments[0];
            return one_text ? read_number(text(0)) : Maybe();
        case Function::abs: return one_number ? number(std::fabs(real(0))) : Maybe();
        case Function::exp: return one_number ? number(std::exp(real(0))) : Maybe();
        case Function::power: return two_numbers ? number(std::pow(real(0), real(1))) : Maybe();
        case Function::square: return one_number ? number(real(0) * real(0)) : Maybe();
        case Function::ceiling: return one_number ? number(std::ceil(real(0))) : Maybe();
        case Function::floor: return one_number ? number(std::floor(real(0))) : Maybe();
        case Function::sqrt: return one_number ? number(std::sqrt(real(0))) : Maybe();
        case Function::sign:
            if (!one_number) return {};
            return json::value(real(0) > 0 ? 1.0 : real(0) < 0 ? -1.0 : 0.0);
        case Function::now: return json::value(format_instant(now));
        case Function::age_seconds: return one_text ? seconds_since(text(0), now) : Maybe();
        case Function::regex_match: {
            if (!one_text) return {};
            const re2::RE2 pattern(string_in(call.constant));
            return json::value(re2::RE2::PartialMatch(text(0), pattern));
        }
        case Function::geo_distance: {
            const auto from = arguments[0] ? geo_point(Value::of(*arguments[0])) : std::nullopt;
            if (!from || !has(1, 2) || !has(2, 2)) return {};
            const auto to = geo_point(real(1), real(2));
            return to ? number(distance_metres(*from, *to)) : Maybe();
        }
        case Function::drift_state: {
            if (!arguments[0])
                return json::value(arguments[1].has_value() ? "converged" : "untracked");
            const bool waits = text(0) == "pending" || text(0) == "stale";
            const bool away = !arguments[2] || *arguments[2] != json::value("Connected");
            return waits && away ? json::value("offline") : *arguments[0];
        }
        case Function::drift_count:
            return arguments[0] && arguments[0]->is_number() ? arguments[0] : json::value(0.0);
        case Function::is_converged:
        case Function::drift_since: return {};
        case Function::geo_within: {
            const auto point = arguments[0] ? geo_point(Value::of(*arguments[0])) : std::nullopt;
            return point ? Maybe(json::value(is_within(*point, call.polygon))) : Maybe();
        }
    }
    return {};
}

}  // namespace twinhub::query::testing
