#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub::load {

// HostName=...;SharedAccessKeyName=...;SharedAccessKey=...
struct ConnectionString {
    std::string host_name;
    std::string policy;
    std::string key;  // base64
};
std::optional<ConnectionString> parse_connection_string(std::string_view text);

// Device `number` of the fleet: load-NUMBER.
std::string device_name(std::uint64_t number);

// The symmetric key of a device (base64): an HMAC of its id under a word that everybody may read.
// Nothing has to be stored between `prepare` and the runs. For throw-away fleets only.
std::string device_key(std::string_view device);

// The word as the key of an enrollment group (base64), whose devices have these keys.
std::string group_key();

// A SAS token (device-protocols 6.1) for an unescaped resource, good for `seconds` from now.
// `policy` is empty for a device's own key.
std::string sas_token(std::string_view resource, std::string_view key, std::string_view policy,
                      std::uint64_t seconds);

}  // namespace twinhub::load
