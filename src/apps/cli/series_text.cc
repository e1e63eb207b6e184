#include "apps/cli/series_text.h"

#include "base/json_members.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace twinhub::apps::cli {
namespace {

constexpr std::array<std::string_view, 8> blocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

std::optional<double> number_of(const json::value& point) {
    if (!point.is_number()) return std::nullopt;
    return point.to_number<double>();
}

std::string line_of(std::string_view name, const json::array& points) {
    std::optional<double> least;
    std::optional<double> most;
    std::optional<double> last;
    for (const json::value& point : points)
        if (const auto number = number_of(point)) {
            least = std::min(least.value_or(*number), *number);
            most = std::max(most.value_or(*number), *number);
            last = number;
        }
    if (!most || *most == 0) return {};
    std::string text = fmt::format("{:>12}  ", name);
    for (const json::value& point : points) {
        const auto number = number_of(point);
        const double share = number && *most > *least ? (*number - *least) / (*most - *least) : 0.0;
        if (!number) text += ' ';
        else text += blocks[static_cast<std::size_t>(share * (blocks.size() - 1) + 0.5)];
    }
    return text + fmt::format("  {} to {}, last {}\n", *least, *most, *last);
}

}  // namespace

std::string drawn_series(const json::object& answer) {
    std::string text = fmt::format("{} to {}, a point each {} minutes\n", text_in(answer, "from"),
                                   text_in(answer, "asOf"),
                                   answer.at("stepSeconds").to_number<std::int64_t>() / 60);
    const std::size_t head = text.size();
    for (const auto& [name, points] : answer.at("series").as_object())
        text += line_of(name, points.as_array());
    if (text.size() == head) text += "nothing is known of this time\n";
    const json::array& causes = answer.at("causes").as_array();
    if (!causes.empty()) text += '\n';
    for (const json::value& cause : causes) {
        text += fmt::format("{}  {} {}", text_in(cause, "at"), text_in(cause, "kind"),
                            text_in(cause, "id"));
        if (const std::string by = text_in(cause, "by"); !by.empty()) text += " by " + by;
        if (const json::value* devices = cause.as_object().if_contains("devices"))
            text += fmt::format(", {} devices", to_text(*devices));
        text += '\n';
    }
    return text;
}

}  // namespace twinhub::apps::cli
