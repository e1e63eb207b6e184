#include "hub/rollouts/duration.h"

#include "base/time.h"
#include "query/time_text.h"

#include <fmt/format.h>

namespace twinhub::hub {

using std::chrono::seconds;

Result<seconds> parse_duration(std::string_view text, std::string_view where) {
    const auto ago = query::parse_time_ago("-" + std::string(text));
    if (!ago || text.starts_with('-') || *ago > std::chrono::days{366})
        return failure(Code::argument_invalid,
                       "A duration is written as PT20M, PT1H30M or P1D, and is a year at most",
                       std::string(where));
    return std::chrono::floor<seconds>(*ago);
}

std::string duration_text(seconds duration) {
    const auto days = std::chrono::floor<std::chrono::days>(duration);
    const std::chrono::hh_mm_ss rest(duration - days);
    std::string text = "P";
    if (days.count() != 0) text += fmt::format("{}D", days.count());
    std::string time;
    if (rest.hours().count() != 0) time += fmt::format("{}H", rest.hours().count());
    if (rest.minutes().count() != 0) time += fmt::format("{}M", rest.minutes().count());
    if (rest.seconds().count() != 0) time += fmt::format("{}S", rest.seconds().count());
    if (time.empty() && days.count() == 0) time = "0S";
    if (!time.empty()) text += "T" + time;
    return text;
}

}  // namespace twinhub::hub
