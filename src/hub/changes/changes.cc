#include "hub/changes/changes.h"

namespace twinhub::hub {

Changes::Changes(Hub& hub) : hub_(hub) {}
Changes::~Changes() = default;

Result<> Changes::load() { return {}; }
void Changes::tick() { static_cast<void>(hub_); }

}  // namespace twinhub::hub
