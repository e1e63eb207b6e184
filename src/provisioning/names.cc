#include "provisioning/names.h"

#include "base/encoding.h"

#include <array>
#include <span>

namespace twinhub::provisioning {
namespace {

using Name = std::string_view;
constexpr std::array statuses{Name("enabled"), Name("disabled")};
constexpr std::array allocations{Name("hashed"), Name("geoLatency"), Name("static"),
                                 Name("custom")};
constexpr std::array progresses{Name("unassigned"), Name("assigning"), Name("assigned"),
                                Name("failed"), Name("disabled")};
constexpr std::array substatuses{Name(""), Name("initialAssignment"), Name("deviceDataMigrated"),
                                 Name("deviceDataReset"), Name("reprovisionedToInitialAssignment")};
constexpr std::array attestations{Name("symmetricKey"), Name("x509"), Name("tpm")};

std::optional<std::size_t> place_of(std::span<const Name> names, Name wanted) {
    for (std::size_t i = 0; i < names.size(); ++i)
        if (equals_ignoring_case(names[i], wanted)) return i;
    return std::nullopt;
}

}  // namespace

std::string_view name_of(Status status) { return statuses[static_cast<std::size_t>(status)]; }
std::string_view name_of(Allocation allocation) {
    return allocations[static_cast<std::size_t>(allocation)];
}
std::string_view name_of(Progress progress) {
    return progresses[static_cast<std::size_t>(progress)];
}
std::string_view name_of(Substatus substatus) {
    return substatuses[static_cast<std::size_t>(substatus)];
}
std::string_view attestation_name(std::size_t index) { return attestations[index]; }

std::optional<Status> status_named(std::string_view name) {
    const auto place = place_of(statuses, name);
    return place ? std::optional(static_cast<Status>(*place)) : std::nullopt;
}
std::optional<Allocation> allocation_named(std::string_view name) {
    const auto place = place_of(allocations, name);
    return place ? std::optional(static_cast<Allocation>(*place)) : std::nullopt;
}
std::optional<std::size_t> attestation_named(std::string_view name) {
    return place_of(attestations, name);
}

}  // namespace twinhub::provisioning
