#include "query/query_error.h"

#include "query/limits.h"

#include <algorithm>
#include <utility>

namespace twinhub::query {
namespace {

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

}  // namespace

std::string_view to_text(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::syntax: return "syntax";
        case ErrorKind::too_long: return "tooLong";
        case ErrorKind::unknown_collection: return "unknownCollection";
        case ErrorKind::unsupported_clause: return "unsupportedClause";
        case ErrorKind::unsupported_function: return "unsupportedFunction";
        case ErrorKind::arity: return "arity";
        case ErrorKind::type_error: return "typeError";
        case ErrorKind::invalid_literal: return "invalidLiteral";
        case ErrorKind::invalid_projection: return "invalidProjection";
        case ErrorKind::unsupported_projection: return "unsupportedProjection";
        case ErrorKind::duplicate_column: return "duplicateColumn";
        case ErrorKind::invalid_aggregate: return "invalidAggregate";
        case ErrorKind::bad_continuation: return "badContinuation";
    }
    std::unreachable();
}

QueryError error_at(std::string_view text, std::size_t byte, ErrorKind kind, std::string message,
                    std::string hint) {
    QueryError error{
        .kind = kind, .message = std::move(message), .near = {}, .hint = std::move(hint)};
    byte = std::min(byte, text.size());
    for (const char c : text.substr(0, byte)) {
        if (continues(c)) continue;
        ++error.offset;
        ++error.column;
        if (c == '\n') {
            ++error.line;
            error.column = 1;
        }
    }
    std::size_t characters = 0;
    for (std::size_t i = byte; i < text.size(); ++i) {
        if (!continues(text[i]) && ++characters > near_characters_max) break;
        error.near += text[i];
    }
    return error;
}

Error to_error(const QueryError& error) {
    std::string message = error.message;
    if (!error.near.empty()) message += " near '" + error.near + "'";
    if (!error.hint.empty()) message += "; " + error.hint;
    return {Code::argument_invalid, std::move(message),
            "line " + std::to_string(error.line) + ", column " + std::to_string(error.column)};
}

}  // namespace twinhub::query
