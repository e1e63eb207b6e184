#pragma once

#include <cstdint>
#include <string>

namespace twinhub::load {

struct TwinValues;

// The twin of a device of the measured fleet as JSON: about 1.2 KB and 47 leaves in all, the same
// for the same number in every run and for every peer.
struct TwinParts {
    std::string tags;
    std::string desired;
    std::string reported;
};
TwinParts twin_parts(const TwinValues& values);
TwinParts twin_parts(std::uint64_t number);

// The device with its twin as an item of a bulk creation (service-api 4.6), or without the twin.
enum class ItemContent : std::uint8_t { identity, twin };
std::string bulk_item(std::uint64_t number, ItemContent content);

}  // namespace twinhub::load
