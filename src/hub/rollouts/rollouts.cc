#include "hub/rollouts/rollouts.h"

namespace twinhub::hub {

Rollouts::Rollouts(Hub& hub) : hub_(hub) {}
Rollouts::~Rollouts() = default;

Result<> Rollouts::load() { return {}; }
void Rollouts::tick() { static_cast<void>(hub_); }

}  // namespace twinhub::hub
