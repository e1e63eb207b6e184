#pragma once

#include "base/error.h"

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace twinhub::query {

// What is wrong with a query text (spec query-language 10).
enum class ErrorKind : std::uint8_t {
    syntax,
    too_long,
    unknown_collection,
    unsupported_clause,
    unsupported_function,
    arity,
    type_error,
    invalid_literal,
    invalid_projection,
    unsupported_projection,
    duplicate_column,
    invalid_aggregate,
    bad_continuation,  // never from the text: for the executors
};

// Its name on the wire: `syntax`, `tooLong`, ...
std::string_view to_text(ErrorKind kind);

// Why a text was refused and where: what `queryError` shows (section 10).
struct QueryError {
    ErrorKind kind = ErrorKind::syntax;
    std::string message;       // one sentence
    std::uint32_t offset = 0;  // in Unicode characters from the start
    std::uint32_t line = 1;    // from 1
    std::uint32_t column = 1;  // from 1, in Unicode characters
    std::string near;          // the text from there on, a few characters; empty at the end
    std::string hint;          // how to write it instead; empty when there is no advice

    friend bool operator==(const QueryError&, const QueryError&) = default;
};

template <class T = void>
using Checked = std::expected<T, QueryError>;

// The error of a place in `text`, given in bytes.
QueryError error_at(std::string_view text, std::size_t byte, ErrorKind kind, std::string message,
                    std::string hint = {});

// As the rest of the hub says it: argument_invalid, at "line L, column C".
Error to_error(const QueryError& error);

}  // namespace twinhub::query
