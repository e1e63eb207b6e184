#include "protocol/amqp/address.h"

#include "base/encoding.h"

#include <algorithm>
#include <array>
#include <optional>

namespace twinhub::protocol::amqp {
namespace {

constexpr std::size_t segments_max = 8;

std::string_view path_of(std::string_view text) {
    for (const std::string_view scheme : {"amqps://", "amqp://", "sb://"})
        if (equals_ignoring_case(text.substr(0, scheme.size()), scheme)) {
            text.remove_prefix(scheme.size());
            const std::size_t slash = text.find('/');
            text = slash == std::string_view::npos ? std::string_view{} : text.substr(slash);
            // A path alone may hold a question mark: ids do.
            text = text.substr(0, text.find('?'));
            break;
        }
    if (text.starts_with('/')) text.remove_prefix(1);
    return text;
}

std::vector<std::string_view> split(std::string_view path) {
    std::vector<std::string_view> segments;
    while (segments.size() <= segments_max) {
        const std::size_t slash = path.find('/');
        segments.push_back(path.substr(0, slash));
        if (slash == std::string_view::npos) break;
        path.remove_prefix(slash + 1);
    }
    return segments;
}

void add(std::vector<TwinId>& identities, std::string_view device, std::string_view module) {
    auto device_id = DeviceId::parse(device);
    if (!device_id) return;
    TwinId id{std::move(*device_id), {}};
    if (!module.empty()) {
        auto module_id = ModuleId::parse(module);
        if (!module_id) return;
        id.module = std::move(*module_id);
    }
    if (std::ranges::find(identities, id) == identities.end()) identities.push_back(std::move(id));
}

// Whom the segments mean as they are, and percent-decoded.
std::vector<TwinId> identities_of(std::string_view device, std::string_view module) {
    std::vector<TwinId> identities;
    add(identities, device, module);
    const auto decoded_device = percent_decode(device);
    const auto decoded_module = percent_decode(module);
    if (decoded_device && decoded_module) add(identities, *decoded_device, *decoded_module);
    return identities;
}

bool is(std::string_view segment, std::string_view word) {
    return equals_ignoring_case(segment, word);
}

struct DeviceEndpoint {
    std::array<std::string_view, 2> words;
    Endpoint endpoint;
    bool of_modules;
};
constexpr std::array device_endpoints{
    DeviceEndpoint{{"twin", ""}, Endpoint::twin, true},
    DeviceEndpoint{{"methods", "devicebound"}, Endpoint::methods, true},
    DeviceEndpoint{{"messages", "events"}, Endpoint::events, true},
    DeviceEndpoint{{"messages", "devicebound"}, Endpoint::messages, true},
};

}  // namespace

Address parse_address(std::string_view text) {
    const std::vector<std::string_view> segments = split(path_of(text));
    Address address;
    if (segments.size() == 1 && is(segments[0], "$cbs")) {
        address.endpoint = Endpoint::cbs;
        return address;
    }
    if (is(segments[0], "messages")) {
        if (segments.size() == 2 && is(segments[1], "devicebound"))
            address.endpoint = Endpoint::service_messages;
        if (segments.size() == 3 && is(segments[1], "servicebound")) {
            if (is(segments[2], "feedback")) address.endpoint = Endpoint::service_feedback;
            if (is(segments[2], "filenotifications"))
                address.endpoint = Endpoint::service_file_notifications;
        }
        return address;
    }
    if (segments.size() == 3 && is(segments[1], "registrations")) {
        address.endpoint = Endpoint::registration;
        address.id_scope = segments[0];
        address.registration_id = segments[2];
        return address;
    }
    if (!is(segments[0], "devices") || segments.size() < 3) return address;
    const bool of_module = segments.size() >= 5 && is(segments[2], "modules");
    const std::size_t at = of_module ? 4 : 2;
    for (const DeviceEndpoint& candidate : device_endpoints) {
        const std::size_t count = candidate.words[1].empty() ? 1 : 2;
        if (segments.size() != at + count || (of_module && !candidate.of_modules)) continue;
        if (!is(segments[at], candidate.words[0])) continue;
        if (count == 2 && !is(segments[at + 1], candidate.words[1])) continue;
        address.endpoint = candidate.endpoint;
        address.identities =
            identities_of(segments[1], of_module ? segments[3] : std::string_view{});
        if (address.identities.empty()) address.endpoint = Endpoint::unknown;
    }
    return address;
}

std::vector<TwinId> parse_recipient(std::string_view text) {
    Address address = parse_address(text);
    if (address.endpoint != Endpoint::messages) return {};
    return std::move(address.identities);
}

std::vector<TwinId> parse_resource(std::string_view resource) {
    std::vector<TwinId> identities;
    const auto once = percent_decode(resource);
    if (!once) return identities;
    const auto consider = [&identities](std::string_view decoded) {
        const std::vector<std::string_view> segments = split(decoded);
        if (segments.size() < 3 || !is(segments[1], "devices")) return;
        const bool of_module = segments.size() >= 5 && is(segments[3], "modules");
        add(identities, segments[2], of_module ? segments[4] : std::string_view{});
    };
    consider(*once);
    if (const auto twice = percent_decode(*once)) consider(*twice);
    // The raw text: an id with a percent sign in a resource that was never escaped (C).
    consider(resource);
    return identities;
}

}  // namespace twinhub::protocol::amqp
