#include "twin/drift/state.h"

#include <algorithm>

namespace twinhub::twin::drift {
namespace {

constexpr std::array<std::string_view, state_count> state_names{
    "untracked", "converged", "pending", "offline", "stale", "drifted", "rejected"};
constexpr std::array<std::string_view, reason_count> reason_names{
    "",           "acknowledged", "mirrored", "ack-behind", "in-progress",
    "unreported", "report-older", "refused",  "failed",     "adjusted",
    "differs",    "extra"};

}  // namespace

std::string_view name_of(State state) { return state_names[static_cast<std::size_t>(state)]; }
std::string_view name_of(Reason reason) { return reason_names[static_cast<std::size_t>(reason)]; }

std::optional<State> state_of(std::string_view name) {
    const auto found = std::ranges::find(state_names, name);
    if (found == state_names.end()) return std::nullopt;
    return static_cast<State>(found - state_names.begin());
}

}  // namespace twinhub::twin::drift
