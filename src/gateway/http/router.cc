#include "gateway/http/router.h"

#include "base/encoding.h"

#include <algorithm>
#include <array>

namespace twinhub::gateway::http {
namespace {

bool is_variable(std::string_view segment) { return segment.starts_with('{'); }

// Calls `visit(pattern segment, index)` for each until it says false; whether all were visited.
template <class Visit>
bool each_segment(std::string_view pattern, Visit visit) {
    for (std::size_t index = 0; !pattern.empty(); ++index) {
        pattern.remove_prefix(1);
        const std::size_t end = std::min(pattern.find('/'), pattern.size());
        if (!visit(pattern.substr(0, end), index)) return false;
        pattern.remove_prefix(end);
    }
    return true;
}

bool matches(std::string_view pattern, std::span<const std::string> segments) {
    if (static_cast<std::size_t>(std::ranges::count(pattern, '/')) != segments.size()) return false;
    return each_segment(pattern, [&](std::string_view wanted, std::size_t index) {
        return is_variable(wanted) ? !segments[index].empty()
                                   : equals_ignoring_case(wanted, segments[index]);
    });
}

constexpr std::array known_versions{
    std::string_view("2016-11-14"),         std::string_view("2018-04-01"),
    std::string_view("2018-06-30"),         std::string_view("2019-03-30"),
    std::string_view("2019-10-01"),         std::string_view("2020-03-13"),
    std::string_view("2020-05-31-preview"), std::string_view("2020-09-30"),
    std::string_view("2021-04-12"),         std::string_view("2024-03-31"),
};

constexpr std::array known_provisioning_versions{
    std::string_view("2018-04-01"), std::string_view("2018-09-01-preview"),
    std::string_view("2019-03-31"), std::string_view("2021-06-01"),
    std::string_view("2021-10-01"),
};

bool is_known(std::string_view version, Face face) {
    const std::span<const std::string_view> known =
        face == Face::hub ? std::span<const std::string_view>(known_versions)
                          : std::span<const std::string_view>(known_provisioning_versions);
    return std::ranges::find(known, version) != known.end();
}

bool is_well_formed(std::string_view version) {
    constexpr std::string_view shape = "0000-00-00";
    if (version.size() < shape.size()) return false;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        const bool digit = version[i] >= '0' && version[i] <= '9';
        if (shape[i] == '0' ? !digit : version[i] != '-') return false;
    }
    const std::string_view rest = version.substr(shape.size());
    return rest.empty() || equals_ignoring_case(rest, "-preview");
}

}  // namespace

Result<const Route*> find_route(const Request& request, std::span<const Route> routes) {
    if (request.has_too_many_segments())
        return failure(Code::not_found, "There is nothing at this address");
    bool address_exists = false;
    for (const Route& route : routes) {
        if (!matches(route.pattern, request.segments())) continue;
        address_exists = true;
        if (route.method == request.method) return &route;
    }
    if (address_exists)
        return failure(Code::method_not_allowed, "This address does not take this method");
    for (const Absence& absence : all_absences())
        if (matches(absence.pattern, request.segments()))
            return failure(Code::not_found,
                           "This hub does not offer " + std::string(absence.feature));
    return failure(Code::not_found, "There is nothing at this address");
}

std::string_view segment_of(const Route& route, const Request& request, std::string_view name) {
    std::string_view found;
    each_segment(route.pattern, [&](std::string_view segment, std::size_t index) {
        if (segment != name) return true;
        found = request.segments()[index];
        return false;
    });
    return found;
}

Result<TwinId> object_of(const Route& route, const Request& request) {
    TwinId id;
    const std::string_view device = segment_of(route, request, "{device}");
    if (device.empty()) return id;
    TRY(id.device, DeviceId::parse(device));
    const std::string_view module = segment_of(route, request, "{module}");
    if (!module.empty()) {
        TRY(id.module, ModuleId::parse(module));
    }
    return id;
}

Result<> check_api_version(const Request& request, Face face, bool any) {
    const auto version = request.parameter("api-version");
    if (!version || version->empty())
        return failure(Code::protocol_version_invalid, "The api-version parameter is missing");
    if (!is_well_formed(*version))
        return failure(Code::protocol_version_invalid,
                       "The api-version is not of the form YYYY-MM-DD");
    if (!any && !is_known(*version, face))
        return failure(Code::protocol_version_invalid, "This api-version is not supported");
    return {};
}

}  // namespace twinhub::gateway::http
