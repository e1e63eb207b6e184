#pragma once

#include "twin/node.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace twinhub::twin {

// The three parts that users write (spec twin-document 1).
enum class Part : std::uint8_t { tags, desired, reported };
inline constexpr std::array parts{Part::tags, Part::desired, Part::reported};

std::string_view path_of(Part part);  // "tags", "properties.desired", "properties.reported"
std::size_t size_max_of(Part part);   // its limit, spec twin-document 6

// The four counters of a twin (spec twin-document 4).
struct Versions {
    std::uint64_t version = 2;   // of the twin: every accepted write
    std::uint64_t etag = 1;      // every accepted write of a service
    std::uint64_t desired = 1;   // $version of desired
    std::uint64_t reported = 1;  // $version of reported

    friend bool operator==(const Versions&, const Versions&) = default;
};

// The document of a device or module: what services and the device write, without the identity.
// A value: copies share their trees. The roots are always objects.
struct Twin {
    Node tags;
    Node desired;
    Node reported;
    Versions versions;
    std::string model_id;  // announced by the device, "" when it has not

    const Node& part(Part which) const;
    Node& part(Part which);
    std::string etag() const;  // the opaque text of the etag, without quotes

    friend bool operator==(const Twin&, const Twin&) = default;
};

// The empty twin of a new identity. Its metadata says `created`; lifecycle events pass `never`
// (spec twin-document 2.9).
Twin fresh(Instant created);

}  // namespace twinhub::twin
