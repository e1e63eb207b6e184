#pragma once

#include "base/random.h"
#include "base/result.h"
#include "base/time.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub::provisioning {

// Another hub that devices are assigned to, and how it is reached: the record of a linked hub. A
// value, changed by replacing it whole.
struct HubLink {
    std::string host;  // what devices are told, and whose certificate it shows
    std::uint16_t port = 443;
    std::string policy;        // a shared access policy of that hub
    std::string key;           // of that policy, base64. Secret
    std::uint32_t weight = 1;  // its share of the devices, 0 to link_weight_max; 0 = no new ones
    bool applies = true;       // false: only for enrollments that name it
    std::string etag;          // without quotes
    Instant created = never;
    Instant updated = never;

    // As az shows it: without the key.
    std::string connection_string() const;
    friend bool operator==(const HubLink&, const HubLink&) = default;
};

// What a service asks a link to be; absent members stay as they are, or are as above.
struct HubLinkWish {
    std::string host;                              // the link's name
    std::optional<std::string> connection_string;  // of that hub, with its key
    std::optional<std::uint64_t> weight;
    std::optional<bool> applies;
};

inline constexpr std::uint32_t link_weight_max = 1000;

// The link that follows from `current`, or from nothing. Errors: argument_invalid, which never hold
// the key.
Result<HubLink> make_link(const std::optional<HubLink>& current, const HubLinkWish& wish,
                          Instant now, Random& random);

// The stored form, as in record.h. Formats only grow.
inline constexpr std::uint16_t link_format = 1;
void append_encoded(std::string& out, const HubLink& link);
Result<HubLink> decode_link(std::string_view bytes);
std::string link_key(std::string_view host);  // in any case
std::string sealed(const HubLink& link, std::string_view key);
Result<HubLink> open_link(std::string_view key, std::string_view value);

// Azure's IotHubDefinitionDescription, with the key masked and an etag beside it.
void append_link(std::string& out, const HubLink& link);

}  // namespace twinhub::provisioning
