#pragma once

#include "base/json.h"
#include "base/task.h"
#include "provisioning/hubs/link.h"
#include "provisioning/hubs/place.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What is asked of another hub, through the REST interface that every IoT hub has for services
// (spec service-api 4 and 5), and what its answers mean. Pure.
namespace twinhub::provisioning {

struct HubRequest {
    std::string method;
    std::string host;
    std::uint16_t port = 443;
    std::string target;                                        // path and query
    std::vector<std::pair<std::string, std::string>> headers;  // one of them is a secret
    std::string body;
};
struct HubAnswer {
    int status = 0;
    std::string body;
};

// Sends a request over HTTPS from the loop of that number, within bounds of time and size. Errors:
// unavailable, timeout, throttled; unauthorized when the certificate is not trusted.
using AskHub = std::function<Task<Result<HubAnswer>>(std::size_t loop, HubRequest request)>;

// What is to be asked, without who asks.
struct Question {
    std::string method = "GET";
    std::string path;  // escaped
    std::string if_match;
    std::string body;
};
HubRequest request_to(const HubLink& link, Question question, Instant now);

Question ask_identity(const TwinId& id);
Question ask_twin(const TwinId& id);
Question ask_modules(const DeviceId& device);
Question ask_load();
Question remove_device(const DeviceId& device);
// The identity that GET showed, with other credentials.
Question replace_credentials(const json::object& identity, const Placement& placement);
// One identity with what its twin begins with: an item of POST /devices, which is one commit in a
// twinhub.
Question create_device(const Placement& placement, const json::object* standing);
Question create_moved(const Placement& placement, const Luggage& luggage);
Question create_module(const DeviceId& device, const Luggage::Module& module);
Question write_twin(const TwinId& id, const twin::Twin& twin);

// Whether the identity that GET showed has just these credentials.
bool has_credentials(const json::object& identity, const Placement& placement);
bool is_edge(const json::object& identity);

// The body of a success. Errors: unavailable (5xx), throttled, device_not_found,
// device_already_exists, module_already_exists, precondition_failed, too_many_devices,
// unauthorized, argument_invalid; worded for the operator, with the hub's name, never with what it
// said of keys.
Result<json::value> read_answer(const HubAnswer& answer, std::string_view host);
Result<std::uint64_t> read_load(const json::value& statistics);
// The same for the parts of a device. Errors: format_invalid, argument_invalid.
Result<Luggage> read_luggage(const json::value& identity, const json::value& twin);
Result<Luggage::Module> read_module(const json::value& identity, const json::value& twin);

// Whether the hub may answer to the same question later.
bool may_pass(const Error& error);
// How long to wait before it is asked again; `chance` is from 0 to 1.
std::chrono::milliseconds pause_before_try(int tries, double chance);

}  // namespace twinhub::provisioning
