#include "hub/jobs/jobs.h"

namespace twinhub::hub {

Jobs::Jobs(Hub& hub) : hub_(hub) {}
Jobs::~Jobs() = default;

Result<> Jobs::load() { return {}; }
void Jobs::tick() { static_cast<void>(hub_); }

}  // namespace twinhub::hub
