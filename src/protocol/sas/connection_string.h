#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace twinhub::protocol::sas {

// How a client finds a hub or is a device: `HostName=..;SharedAccessKeyName=..;SharedAccessKey=..`
// or `HostName=..;DeviceId=..[;ModuleId=..];SharedAccessKey=..`. Names of parts ignore case.
struct ConnectionString {
    std::string host;        // without port
    std::uint16_t port = 0;  // 0 = not said. Only our own tools understand `HostName=name:port`.
    std::string policy;      // of a hub
    std::string device;      // of a device
    std::string module;
    std::string key;  // base64; empty with `x509=true`

    // Errors: argument_invalid, never with the key.
    static Result<ConnectionString> parse(std::string_view text);
    std::string text() const;
};

}  // namespace twinhub::protocol::sas
