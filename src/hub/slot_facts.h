#pragma once

#include "base/ids.h"

#include <cstdint>
#include <string>
#include <string_view>

// What the store keeps about a slot as a whole (metadata family).
namespace twinhub::hub {

// Devices by state, kept by slot and summed over the hub.
struct Counts {
    std::uint64_t enabled = 0;
    std::uint64_t disabled = 0;
    std::uint64_t modules = 0;

    std::uint64_t twins() const { return enabled + disabled + modules; }
};
void append_encoded(std::string& out, const Counts& counts);
Counts decode_counts(std::string_view bytes);

std::string checkpoint_key(Slot slot);  // up to which sequence its documents hold their changes
std::string counts_key(Slot slot);      // its devices and modules by state
std::string forgotten_key(Slot slot);   // before which moment changes may be missing (history/)

}  // namespace twinhub::hub
