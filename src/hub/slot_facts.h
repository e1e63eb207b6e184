#pragma once

#include "base/ids.h"

#include <string>

// Keys of what the store keeps about a slot as a whole (metadata family).
namespace twinhub::hub {

std::string checkpoint_key(Slot slot);  // up to which sequence its documents hold their changes
std::string counts_key(Slot slot);      // its devices and modules by state

}  // namespace twinhub::hub
