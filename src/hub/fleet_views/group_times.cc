#include "hub/fleet_views/group_times.h"

#include <fmt/format.h>

#include <algorithm>

namespace twinhub::hub {
namespace {

constexpr double nearly_all = 0.95;

}  // namespace

std::string key_text(const json::array& key) { return to_text(json::value(key)); }

std::optional<json::array> group_key(const json::object& row, std::size_t paths) {
    json::array key;
    for (std::size_t i = 0; i < paths; ++i) {
        const json::value* value = row.if_contains("k" + std::to_string(i));
        if (value == nullptr) return std::nullopt;
        key.push_back(*value);
    }
    return key;
}

Task<Result<std::map<std::string, Convergence>>> group_times(Queries& queries,
                                                             std::vector<std::string> paths,
                                                             std::string where, FleetAsker asker,
                                                             std::size_t rows_max) {
    std::string keys;
    std::string list;
    for (std::size_t i = 0; i < paths.size(); ++i) {
        keys += fmt::format("{} AS k{}, ", paths[i], i);
        list += (i == 0 ? "" : ", ") + paths[i];
    }
    const auto text = [&](const std::string& bound) {
        return "SELECT " + keys +
               "COUNT() AS n FROM devices WHERE IS_CONVERGED() AND $drift.convergeSeconds " +
               bound + " GROUP BY " + list;
    };
    std::map<std::string, Convergence> all;
    CO_TRY(const auto rows, co_await ask_fleet(queries, text(">= 0"), where, asker, rows_max));
    for (const json::object& row : rows)
        if (const auto key = group_key(row, paths.size()))
            all[key_text(*key)].devices = number_in(row, "n");
    const auto is_open = [](const auto& each) {
        const Convergence& times = each.second;
        const std::uint64_t came = times.buckets.empty() ? 0 : times.buckets.back().devices;
        return static_cast<double>(came) < nearly_all * static_cast<double>(times.devices);
    };
    for (const double bound : converge_bounds) {
        if (std::ranges::none_of(all, is_open)) break;
        for (auto& [key, times] : all)
            times.buckets.push_back(
                {bound, times.buckets.empty() ? 0 : times.buckets.back().devices});
        CO_TRY(const auto some, co_await ask_fleet(queries, text(fmt::format("<= {}", bound)),
                                                   where, asker, rows_max));
        for (const json::object& row : some)
            if (const auto key = group_key(row, paths.size()))
                if (const auto known = all.find(key_text(*key)); known != all.end())
                    known->second.buckets.back().devices = number_in(row, "n");
    }
    co_return all;
}

}  // namespace twinhub::hub
