#pragma once

#include "base/result.h"
#include "base/time.h"
#include "hub/author.h"
#include "hub/configurations/content.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub::hub {

inline constexpr std::uint16_t configuration_format = 1;
inline constexpr std::size_t configuration_labels_max = 100;
inline constexpr std::size_t configuration_text_bytes_max = 8192;  // of a label, a name, a query

// An automatic device configuration (spec service-api 9.2). A value: changed by replacing it whole.
struct Configuration {
    std::string id;
    std::string schema_version;          // as it was sent; empty: it was not
    std::optional<json::object> labels;  // texts by name
    Content content;                     // never changes
    std::string target_condition;
    std::int32_t priority = 0;
    std::map<std::string, std::string, std::less<>> metrics;  // queries by name
    Instant created = never;
    Instant updated = never;
    std::uint64_t etag_number = 1;
    // Of all that decides for whom it is and how it ranks: rises over all configurations of a hub,
    // so that what a twin was settled with can be told from what holds now.
    std::uint64_t revision = 0;
    Author author;  // who ordered it so, last

    std::string etag() const;  // base64 of its number

    friend bool operator==(const Configuration&, const Configuration&) = default;
};
using ConfigurationPtr = std::shared_ptr<const Configuration>;

// What a client asks one to be; absent members take their defaults (spec service-api 9.2). Members
// that the hub alone writes are ignored. Errors: argument_invalid, configuration_content_invalid.
Result<Configuration> read_configuration(std::string_view id, const json::object& body);

// 1 to 128 of a-z 0-9 - + % _ * ! '. Errors: argument_invalid.
Result<> check_configuration_id(std::string_view id);

// Whether `a` outranks `b`: the higher priority, then the newer one (spec service-api 9.5.2).
bool outranks(const Configuration& a, const Configuration& b);

// The queries that the hub itself counts for a configuration, by name; the text is empty where it
// counts nothing (spec service-api 9.5).
std::map<std::string, std::string> system_metrics(const Configuration& configuration);

// How a query asks what it is to a twin: configurations.[[id]].status
std::string status_path(std::string_view id);

void append_encoded(std::string& out, const Configuration& configuration);
Result<Configuration> decode_configuration(std::string_view bytes);

}  // namespace twinhub::hub
