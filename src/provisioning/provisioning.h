#pragma once

#include "provisioning/desk.h"
#include "provisioning/enrollment_query.h"

#include <memory>
#include <string>
#include <vector>

namespace twinhub::provisioning {

// An enrollment with what became of its device (individual ones alone).
struct EnrollmentView {
    Enrollment enrollment;
    std::optional<Registration> registration;
};

// One page in the order of the ids. `cursor` is empty on the last one.
struct EnrollmentPage {
    std::vector<EnrollmentView> enrollments;
    std::string cursor;
};
struct RegistrationPage {
    std::vector<Registration> registrations;
    std::string cursor;
};

// The device provisioning service of one hub: enrollments, registrations, assignments (spec
// device-protocols 7, service-api 11). Knows no transport: doors bring callers and take answers
// away. Callable on any loop; what is answered is durable. Goes before the hub, when the loops
// stand still.
class Provisioning {
public:
    struct Seams {
        Authorities authorities;
        Webhook webhook;  // may be empty: custom allocations fail then
        AskHub ask_hub;   // may be empty: nothing is brought to linked hubs then
        Wait wait;        // may be empty: a linked hub that is silent is asked once
    };
    // Reads the groups and counts the registrations. Blocks; before the loops run. Errors:
    // corrupted, internal.
    static Result<std::unique_ptr<Provisioning>> open(Settings settings, hub::Hub& hub,
                                                      Metrics& metrics, Seams seams);
    ~Provisioning();

    // --- devices ---------------------------------------------------------------------------------
    // Starts finding a hub; the answer says what to ask about.
    Task<Outcome> register_device(Caller caller, std::string body);
    // What became of it: still assigning, or the result.
    Task<Outcome> operation(Caller caller, std::string operation);
    // The result of the last registration.
    Task<Outcome> lookup(Caller caller);
    // What a device with a TPM has to answer before it is heard: it signs its token with the key
    // that comes wrapped in it. Whoever shows the enrolled keys gets one; asked again, the same.
    Task<Challenged> challenge(Caller caller, TpmKeys shown);
    // Whether the caller proves its registration, before it asks for anything.
    Task<std::optional<Refusal>> admit(Caller caller);

    // --- services: ids in any case; errors as spec service-api 11.6
    // -------------------------------- Errors: not_found.
    Task<Result<EnrollmentView>> enrollment(EnrollmentKind kind, ProvisioningId id);
    // Without an etag to match it has to be new, with one it has to be there. Errors:
    // device_already_exists, not_found, precondition_failed, argument_invalid, too_many_devices.
    Task<Result<EnrollmentView>> put(EnrollmentWish wish, twin::Match match);
    Task<Result<>> remove(EnrollmentKind kind, ProvisioningId id, twin::Match match);
    // Errors: argument_invalid for a foreign cursor.
    Task<Result<EnrollmentPage>> enrollments(EnrollmentKind kind, EnrollmentQuery query,
                                             std::string cursor, std::size_t limit);
    Task<Result<Registration>> registration(ProvisioningId id);
    Task<Result<>> remove_registration(ProvisioningId id, twin::Match match);
    // Of the devices that came by a group. Errors: not_found.
    Task<Result<RegistrationPage>> registrations(ProvisioningId group, std::string cursor,
                                                 std::size_t limit);

    // Hubs elsewhere that devices are assigned to as well; their names ignore case. A new one is
    // made without an etag to match; one that is there is changed with it. Errors:
    // argument_invalid, device_already_exists, not_found, precondition_failed, too_many_devices.
    Task<Result<HubLink>> put_link(HubLinkWish wish, twin::Match match);
    // Devices that were assigned there stay there.
    Task<Result<>> remove_link(std::string host, twin::Match match);
    std::shared_ptr<const HubLink> link(std::string_view host) const { return links_.find(host); }
    std::vector<std::shared_ptr<const HubLink>> links() const { return links_.foreign(); }

    const Settings& settings() const { return settings_; }
    std::vector<LinkedHub> hubs() const { return links_.hubs(); }

private:
    Provisioning(Settings settings, hub::Hub& hub, Metrics& metrics, Seams seams);
    Result<> read_all();
    Desk& desk_of(std::string_view id);
    Desk& desk_of(EnrollmentKind kind, std::string_view id);
    template <class Work>
    auto at(Desk& desk, Work work) -> std::invoke_result_t<Work>;
    std::optional<Refusal> check(const Caller& caller, bool registers);

    Settings settings_;
    hub::Hub& hub_;
    Metrics& metrics_;
    Seams seams_;
    Doorkeeper doorkeeper_;
    SharedGroups groups_;
    Links links_;
    std::vector<std::unique_ptr<Desk>> desks_;  // one a loop
};

}  // namespace twinhub::provisioning
