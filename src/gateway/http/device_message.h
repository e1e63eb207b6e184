#pragma once

#include "base/result.h"

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace twinhub::gateway::http {

// A message from a device as every door hands it on: system properties under their `$.`-names.
struct DeviceMessage {
    std::vector<std::pair<std::string, std::string>> properties;
    std::string payload;
};

using HeaderFields = std::span<const std::pair<std::string, std::string>>;

// What the `iothub-...` header fields of a request say of its message (spec device-protocols 5);
// fields that say nothing of a message are left out. Names are ASCII-case-insensitive, but those of
// the application's own properties are kept as sent.
std::vector<std::pair<std::string, std::string>> message_properties(HeaderFields fields);

// The messages of a batch: a JSON array of {"body", "base64Encoded", "properties"}. A body is
// base64 unless it says otherwise. All or none of them. Errors: format_invalid, argument_invalid,
// with the index of the message.
Result<std::vector<DeviceMessage>> parse_message_batch(std::string_view body);

// The media type of a batch, with any parameters behind it.
bool is_message_batch(std::string_view content_type);

// The header field for a system property, such as "iothub-messageid" for "$.mid"; empty when it has
// none.
std::string_view header_of(std::string_view system_property);

}  // namespace twinhub::gateway::http
