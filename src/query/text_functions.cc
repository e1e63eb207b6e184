#include "query/text_functions.h"

#include "query/case_table.h"
#include "query/limits.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <span>

namespace twinhub::query {
namespace {

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

// Where the character of that number begins; the end of the text when there are fewer.
std::size_t byte_of(std::string_view text, double character) {
    double seen = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (continues(text[i])) continue;
        if (seen == character) return i;
        ++seen;
    }
    return text.size();
}

bool is_count(double number) { return number >= 0 && number == std::floor(number); }

// Reads the character at `at` and moves past it. Texts are valid UTF-8: of twins, of queries.
char32_t next_character(std::string_view text, std::size_t& at) {
    const auto first = static_cast<unsigned char>(text[at++]);
    if (first < 0x80) return first;
    char32_t character = first < 0xE0   ? first & 0x1FU
                         : first < 0xF0 ? first & 0x0FU
                                        : first & 0x07U;
    while (at < text.size() && continues(text[at]))
        character = character << 6 | (static_cast<unsigned char>(text[at++]) & 0x3FU);
    return character;
}

char* put_character(char* out, char32_t character) {
    const auto put = [&](char32_t byte) { *out++ = static_cast<char>(byte); };
    if (character < 0x80) {
        put(character);
        return out;
    }
    if (character < 0x800) {
        put(0xC0 | character >> 6);
    } else {
        if (character < 0x10000) {
            put(0xE0 | character >> 12);
        } else {
            put(0xF0 | character >> 18);
            put(0x80 | (character >> 12 & 0x3F));
        }
        put(0x80 | (character >> 6 & 0x3F));
    }
    put(0x80 | (character & 0x3F));
    return out;
}

}  // namespace

std::size_t character_count(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char byte) { return !continues(byte); }));
}

char32_t with_case(char32_t character, LetterCase wanted) {
    if (character < 0x80) {
        const bool lower = character >= 'a' && character <= 'z';
        const bool upper = character >= 'A' && character <= 'Z';
        if (upper && wanted == LetterCase::lower) return character + 32;
        if (lower && wanted == LetterCase::upper) return character - 32;
        return character;
    }
    const std::span<const CaseRun> table =
        wanted == LetterCase::lower ? std::span<const CaseRun>(to_lower) : to_upper;
    const auto after = std::ranges::upper_bound(table, character, {}, &CaseRun::first);
    if (after == table.begin()) return character;
    const CaseRun& run = *std::prev(after);
    if (character > run.last || (character - run.first) % run.step != 0) return character;
    return static_cast<char32_t>(static_cast<std::int32_t>(character) + run.delta);
}

Value with_case(std::string_view text, LetterCase wanted, Scratch& scratch) {
    if (text.size() > computed_text_bytes_max) return {};
    // A character and its other case take at most half as much again.
    char* const begin = scratch.take(text.size() * 3 / 2 + 4);
    char* end = begin;
    for (std::size_t at = 0; at < text.size();)
        end = put_character(end, with_case(next_character(text, at), wanted));
    return Value::string({begin, static_cast<std::size_t>(end - begin)});
}

Value substring(std::string_view text, double start, std::optional<double> length) {
    if (!is_count(start) || (length && !is_count(*length))) return {};
    text.remove_prefix(byte_of(text, start));
    if (length) text = text.substr(0, byte_of(text, *length));
    return Value::string(text);
}

double index_of(std::string_view text, std::string_view part) {
    const std::size_t at = text.find(part);
    if (at == std::string_view::npos) return -1;
    return static_cast<double>(character_count(text.substr(0, at)));
}

Value number_of(std::string_view text) {
    const char *at = text.data(), *const last = at + text.size();
    const auto sign = [&] { at += at != last && (*at == '+' || *at == '-') ? 1 : 0; };
    const auto digits = [&] {
        const char* const first = at;
        while (at != last && *at >= '0' && *at <= '9') ++at;
        return at != first;
    };
    sign();
    if (!digits()) return {};
    if (at != last && *at == '.' && (++at, !digits())) return {};
    if (at != last && (*at == 'e' || *at == 'E') && (++at, sign(), !digits())) return {};
    if (at != last) return {};
    const bool minus = text.front() == '-';
    if (minus || text.front() == '+') text.remove_prefix(1);
    const double number = decimal_value(text);
    if (!std::isfinite(number)) return {};
    return Value::number(minus ? 0.0 - number : number);
}

double decimal_value(std::string_view text) {
    double number = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), number).ec !=
        std::errc::result_out_of_range)
        return number;
    const std::size_t exponent = text.find_first_of("eE");
    const bool small =
        exponent != std::string_view::npos ? text[exponent + 1] == '-' : text.starts_with('0');
    return small ? 0.0 : HUGE_VAL;
}

}  // namespace twinhub::query
