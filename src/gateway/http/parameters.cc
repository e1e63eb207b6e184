#include "gateway/http/parameters.h"

#include "gateway/http/history_json.h"
#include "query/time_text.h"

namespace twinhub::gateway::http {

Result<std::size_t> limit_of(const Call& call, std::size_t usual, std::size_t most) {
    const auto text = call.request.parameter("limit");
    if (!text) return usual;
    TRY(const std::uint64_t limit, count_of(*text, "limit"));
    if (limit == 0 || limit > most)
        return failure(Code::argument_invalid, "The limit must be 1 to " + std::to_string(most),
                       "limit");
    return limit;
}

Result<std::chrono::seconds> window_of(const Call& call, const Window& window) {
    const auto text = call.request.parameter("window");
    if (!text) return window.usual;
    const auto length = query::parse_time_ago(text->starts_with('-') ? *text : '-' + *text);
    if (!length || *length < window.least || *length > window.most)
        return failure(Code::argument_invalid,
                       "The window is how long to look back, as " + std::string(window.range),
                       "window");
    return std::chrono::ceil<std::chrono::seconds>(*length);
}

}  // namespace twinhub::gateway::http
