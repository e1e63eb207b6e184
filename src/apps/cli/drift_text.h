#pragma once

#include "base/json.h"
#include "base/time.h"

#include <string>
#include <string_view>

namespace twinhub::apps::cli {

// What the hub says of one twin's drift (GET /twins/{id}/drift), on one screen: what differs, since
// when, whether the device is away, said no or says nothing, and who asked for it.
std::string explained_drift(std::string_view name, const json::object& drift);

// The answer of POST /drift/why as sentences.
std::string explained_reasons(const json::object& why);

// "3 h", "12 days": how long ago, as far as the texts are times; "" when they are not.
std::string age_between(std::string_view from, std::string_view to);

}  // namespace twinhub::apps::cli
