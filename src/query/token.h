#pragma once

#include "query/query_error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub::query {

enum class TokenKind : std::uint8_t {
    end,
    bad,       // `error` says what is wrong here; the last token
    word,      // an identifier that is not reserved
    reserved,  // SELECT, FROM, ...
    escaped,   // [[any text]]
    string,
    number,
    symbol,
};

// The words that cannot be keys without [[...]] (spec query-language 2).
enum class Word : std::uint8_t {
    none,
    select,
    top,
    from,
    where,
    group,
    by,
    as,
    logical_and,
    logical_or,
    logical_not,
    in,
    nin,
    true_,
    false_,
    null,
    undefined,
};

enum class Symbol : std::uint8_t {
    none,
    equal,
    not_equal,
    less,
    less_equal,
    greater,
    greater_equal,
    plus,
    minus,
    star,
    slash,
    percent,
    open,
    close,
    open_bracket,
    close_bracket,
    comma,
    dot,
};

struct Token {
    TokenKind kind = TokenKind::end;
    Word word = Word::none;
    Symbol symbol = Symbol::none;
    std::uint32_t offset = 0;  // of its first byte
    std::string_view text;     // as written
    std::string value;         // of a string or an escaped name, decoded
    double number = 0;
    std::optional<std::uint64_t> integer;  // of a number without fraction and exponent, if it fits
    bool digits = false;                   // of a number: decimal digits alone
    std::optional<QueryError> error;

    bool is(Symbol wanted) const { return symbol == wanted; }
    bool is(Word wanted) const { return word == wanted; }
    bool is_word(std::string_view contextual) const;  // unreserved, case-insensitive
};

}  // namespace twinhub::query
