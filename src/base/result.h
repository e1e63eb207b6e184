#pragma once

#include "base/error.h"

#include <expected>
#include <utility>

namespace twinhub {

// The value, or why there is none. Results must be looked at: dropping one is a compile error.
template <class T = void>
using Result = std::expected<T, Error>;

// Makes the error side of a Result.
inline std::unexpected<Error> failure(Code code, std::string message, std::string where = {}) {
    return std::unexpected(Error{code, std::move(message), std::move(where)});
}

[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace twinhub

#define TWINHUB_JOIN_(a, b) a##b
#define TWINHUB_JOIN(a, b) TWINHUB_JOIN_(a, b)

// TRY(declaration, expression): binds the value, or returns the error from this function.
#define TRY_IMPL_(name, declaration, expression)                \
    auto name = (expression);                                   \
    if (!name) return std::unexpected(std::move(name).error()); \
    declaration = std::move(*name)
#define TRY(declaration, expression) \
    TRY_IMPL_(TWINHUB_JOIN(try_result_, __LINE__), declaration, expression)

// TRY_VOID(expression): for a Result<> whose value is nothing.
#define TRY_VOID(expression)                                       \
    do {                                                           \
        if (auto try_result = (expression); !try_result)           \
            return std::unexpected(std::move(try_result).error()); \
    } while (false)

// The same inside a coroutine.
#define CO_TRY_IMPL_(name, declaration, expression)                \
    auto name = (expression);                                      \
    if (!name) co_return std::unexpected(std::move(name).error()); \
    declaration = std::move(*name)
#define CO_TRY(declaration, expression) \
    CO_TRY_IMPL_(TWINHUB_JOIN(try_result_, __LINE__), declaration, expression)
#define CO_TRY_VOID(expression)                                       \
    do {                                                              \
        if (auto try_result = (expression); !try_result)              \
            co_return std::unexpected(std::move(try_result).error()); \
    } while (false)

// A broken invariant ends the process in every build: going on would corrupt data.
#define CHECK(condition)                    \
    (static_cast<bool>(condition) ? void(0) \
                                  : ::twinhub::check_failed(#condition, __FILE__, __LINE__))
