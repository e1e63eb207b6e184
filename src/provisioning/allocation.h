#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::provisioning {

// A hub to which devices can be assigned.
struct LinkedHub {
    std::string host;
    std::uint32_t weight = 1;    // its share of the devices; 0 = takes no new ones
    std::uint64_t assigned = 0;  // devices that registrations have put there; its load
    bool is_own = true;          // a name of the hub that the service stands on
    bool applies = true;         // false: only for enrollments that name it
    friend bool operator==(const LinkedHub&, const LinkedHub&) = default;
};

// The linked hubs that an enrollment names (when it names none, all that take part in allocations)
// and that take devices.
std::vector<LinkedHub> candidates(std::span<const LinkedHub> linked,
                                  std::span<const std::string> named);

// Spread evenly by weight over the hubs, by the registration's lower-case id: the same id finds the
// same hub as long as that one is there, and a hub that comes or goes moves no others. Empty when
// there is none.
std::string allocate_hashed(std::span<const LinkedHub> hubs, std::string_view registration);

// The one with the fewest devices for its weight. A device that has one of them keeps it: to go
// back and forth with the load would move its data each time. Empty when there is none.
std::string allocate_least_loaded(std::span<const LinkedHub> hubs, std::string_view current);

}  // namespace twinhub::provisioning
