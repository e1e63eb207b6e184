#pragma once

#include "base/json.h"
#include "hub/rollouts/window.h"
#include "query/compile.h"
#include "twin/update.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

inline constexpr std::size_t rollout_waves_max = 100;
inline constexpr std::size_t rollout_name_bytes_max = 64;

// When a wave is good, and when it is not. A number that is not there asks for nothing.
struct Gates {
    std::optional<double> converged_at_least;  // share of the wave, less the offline allowance
    std::optional<double> rejected_at_most;    // share of the wave; beyond it fails at once
    double offline_allowance = 0;  // share of the wave that may be away without being waited for
    std::chrono::seconds soak{};   // for so long it must be good
    bool settled = false;          // not before each device has answered, gone away or become stale
    std::optional<std::chrono::seconds> timeout;  // from when its last device was told

    bool ask_for_something() const { return converged_at_least || rejected_at_most; }
    friend bool operator==(const Gates&, const Gates&) = default;
};

// Which devices a wave takes of those that no earlier one did.
struct Wave {
    enum class Kind : std::uint8_t { to_percent, count, where, rest };
    Kind kind = Kind::rest;
    double percent = 0;  // of all devices, earlier waves included
    std::uint64_t count = 0;
    std::string where;           // condition of a query
    std::optional<Gates> gates;  // its own ones

    friend bool operator==(const Wave&, const Wave&) = default;
};

enum class OnFail : std::uint8_t { pause, halt, rollback };

// What a rollout is to do, as an operator writes it (docs/rollouts.md).
struct RolloutDocument {
    std::string name;
    std::string target;                   // condition of a query
    bool confirm_all = false;             // yes, I mean every device
    std::optional<json::object> patch;    // {"tags":…,"properties":{"desired":…}}
    std::optional<json::object> content;  // of a configuration: {"deviceContent":{path: value}}
    std::vector<Wave> waves;
    Gates gates;
    std::optional<MaintenanceWindow> window;
    OnFail on_fail = OnFail::pause;
    std::optional<double> devices_per_second;

    const Gates& gates_of(std::size_t wave) const;
    friend bool operator==(const RolloutDocument&, const RolloutDocument&) = default;
};

std::string_view name_of(OnFail on_fail);

// Errors: argument_invalid, with the path of what is wrong; unknown members are.
Result<RolloutDocument> parse_rollout(const json::object& body);
// What parse_rollout reads back.
json::object to_json(const RolloutDocument& document);
json::object to_json(const Gates& gates);
json::object to_json(const Wave& wave);

// A name that can stand in an address, a principal and a key. Errors: argument_invalid.
Result<> check_rollout_name(std::string_view name);

// The conditions as plans. Errors: argument_invalid, also for one that is empty, for one that is
// every device without confirmation, and for waves over another collection than the target.
Result<query::Plan> target_plan(const RolloutDocument& document, const query::Options& options);
Result<query::Plan> wave_plan(const RolloutDocument& document, std::size_t wave,
                              const query::Options& options);

}  // namespace twinhub::hub
