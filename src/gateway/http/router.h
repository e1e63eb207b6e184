#pragma once

#include "base/result.h"
#include "base/task.h"
#include "gateway/http/request.h"
#include "hub/access.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace twinhub::gateway::http {

struct Call;
// Which service an address belongs to: it decides what a refusal looks like, and for devices of the
// provisioning service that their credential is judged by that service.
enum class Face : std::uint8_t {
    hub,
    enrollments,
    enrollment_groups,
    registrations,
    provisioning,
    provisioning_device
};

using Handler = Task<Result<>> (*)(Call&);

// One endpoint: what it is called, what it needs, and who answers. A segment in braces takes any
// text: {device} and {module} become the object of the access decision, {any} is only passed on.
struct Route {
    Method method = Method::get;
    std::string_view pattern;
    hub::Operation operation = hub::Operation::identity_read;
    std::size_t body_bytes_max = 0;  // more is refused before it is read
    Handler handler = nullptr;
    // A WebSocket for devices: the protocol inside asks for credentials and access.
    bool is_device_socket = false;
    // For devices: the credential is that of the identity that the path names.
    bool is_for_device = false;
    Face face = Face::hub;
    bool needs_version = true;  // an api-version; what is ours alone can do without
};

// All endpoints (routes.cc).
std::span<const Route> all_routes();

// An address of Azure IoT Hub that this hub does not serve, and what a person calls what is there.
struct Absence {
    std::string_view pattern;
    std::string_view feature;
};

// All of them (routes.cc): who asks is told what is missing, not only that nothing was found.
std::span<const Absence> all_absences();

// Literal segments are matched without case. Errors: not_found, method_not_allowed.
Result<const Route*> find_route(const Request& request, std::span<const Route> routes);

// Which device or module the path names; empty for a route of the whole hub. Errors:
// argument_invalid.
Result<TwinId> object_of(const Route& route, const Request& request);

// The text of the segment that `{name}` stands for; empty when the pattern has none.
std::string_view segment_of(const Route& route, const Request& request, std::string_view name);

// Spec service-api 1.2 and 14: `YYYY-MM-DD`, perhaps with `-preview`; unless `any`, one of those
// that are known. Errors: protocol_version_invalid.
Result<> check_api_version(const Request& request, Face face, bool any);

}  // namespace twinhub::gateway::http
