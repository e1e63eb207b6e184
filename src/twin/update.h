#pragma once

#include "base/json.h"
#include "base/result.h"
#include "twin/twin.h"

#include <optional>
#include <string_view>

namespace twinhub::twin {

// What is to be done to one part: names and values are checked, sizes are not (they depend on the
// twin). Merges as RFC 7396 says, or replaces the part whole.
class Patch {
public:
    enum class Mode : std::uint8_t { merge, replace };

    Patch() = default;  // merges nothing

    // Refuses bad keys, values out of range, nulls in arrays and deep nesting with the path and the
    // limit (spec twin-document 6). A replacement loses its nulls. Errors: argument_invalid.
    static Result<Patch> check(json::object body, Part part, Mode mode);
    // Trusts the body: for a record that was checked before it was stored.
    static Patch trusted(json::object body, Mode mode);

    const json::object& body() const { return body_; }  // in the order sent
    Mode mode() const { return mode_; }

    friend bool operator==(const Patch&, const Patch&) = default;

private:
    json::object body_;
    Mode mode_ = Mode::merge;
};

// How a service writes: PATCH merges each part, PUT replaces both.
enum class Kind : std::uint8_t { patch, replace };

// One PATCH or PUT of a service. A part that is not there is left alone by a patch, and cleared by
// a replacement (spec service-api 5.3, 5.4).
struct ServiceUpdate {
    Kind kind = Kind::patch;
    std::optional<Patch> tags;
    std::optional<Patch> desired;

    friend bool operator==(const ServiceUpdate&, const ServiceUpdate&) = default;
};

// Reads the body of a PATCH or PUT. Takes only `tags` and `properties.desired`, ignores every other
// member and `$metadata` and `$version` at the root of a part; a part that is null is cleared.
// Errors: format_invalid (not JSON, not an object), argument_null ("properties" null in a PUT or
// PATCH), message_too_large, argument_invalid with the path.
Result<ServiceUpdate> parse_service_update(std::string_view body, Kind kind);
// The same for an object already read: an item of a bulk request, a job, an initial twin.
Result<ServiceUpdate> parse_service_update(const json::object& body, Kind kind);

// Reads what a device reports: always a merge. Devices must not send `$` keys anywhere (spec
// device-protocols 9.26). Errors: format_invalid (not JSON), message_too_large, argument_invalid.
Result<Patch> parse_report(std::string_view body);

}  // namespace twinhub::twin
