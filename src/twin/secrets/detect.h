#pragma once

#include "base/json.h"
#include "twin/update.h"

#include <optional>
#include <string>
#include <string_view>

namespace twinhub::twin {

// A value that has the shape of a credential. Says where and what kind, never the value.
struct SecretFound {
    std::string path;           // "properties.desired.camera.storage", arrays by index
    std::string_view detector;  // "conn.accountkey"
    std::string_view what;      // "a storage connection string"
};

// The detector whose shape `text` has, or a part of it; empty when none. Only shapes that are made
// to be recognised, or that nothing else has: no guess by name or entropy. References to where a
// secret is kept (`vault://...`, `device-secret://...`) are none.
std::string_view secret_in(std::string_view text);

// The first secret in the values or keys of what a service writes.
std::optional<SecretFound> find_secret(const ServiceUpdate& update);
std::optional<SecretFound> find_secret(const json::object& object, std::string_view path);

// The refusal: argument_invalid, with the path, the kind and what to do instead.
Error refusal(const SecretFound& found);

}  // namespace twinhub::twin
