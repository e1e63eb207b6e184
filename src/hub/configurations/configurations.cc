#include "hub/configurations/configurations.h"

namespace twinhub::hub {

Configurations::Configurations(Hub& hub) : hub_(hub) {}
Configurations::~Configurations() = default;

Result<> Configurations::load() { return {}; }
void Configurations::tick() { static_cast<void>(hub_); }

}  // namespace twinhub::hub
