#include "hub/access.h"

#include <gtest/gtest.h>

#include <set>

namespace twinhub::hub {
namespace {

struct Case {
    Operation operation;
    const char* policies;       // which of the default policies may
    bool own;                   // may an identity do it to itself
    bool registration = false;  // may a registration id that proved itself
};

// Spec service-api 2.2 and device-protocols 6.3, written down a second time.
constexpr Case cases[] = {
    {Operation::identity_read, "iothubowner registryRead registryReadWrite", false},
    {Operation::identity_write, "iothubowner registryReadWrite", false},
    {Operation::identity_delete, "iothubowner registryReadWrite", false},
    {Operation::identity_bulk, "iothubowner registryReadWrite", false},
    {Operation::identity_renew_keys, "iothubowner registryReadWrite", false},
    {Operation::twin_read, "iothubowner service", false},
    {Operation::twin_write, "iothubowner service", false},
    {Operation::twin_query, "iothubowner service", false},
    {Operation::statistics_read, "iothubowner registryRead registryReadWrite", false},
    {Operation::service_statistics_read, "iothubowner service registryRead registryReadWrite",
     false},
    {Operation::method_invoke, "iothubowner service", false},
    {Operation::message_send, "iothubowner service", false},
    {Operation::commands_purge, "iothubowner service", false},
    {Operation::feedback_receive, "iothubowner service", false},
    {Operation::import_export_read, "iothubowner registryReadWrite", false},
    {Operation::import_export_write, "iothubowner registryReadWrite", false},
    {Operation::events_read, "iothubowner service", false},
    {Operation::certificate_read, "iothubowner registryRead registryReadWrite", false},
    {Operation::certificate_write, "iothubowner registryReadWrite", false},
    {Operation::device_connect, "iothubowner device", true},
    {Operation::device_twin_read, "iothubowner device", true},
    {Operation::device_report, "iothubowner device", true},
    {Operation::device_send, "iothubowner device", true},
    {Operation::provisioning_read, "provisioningserviceowner", false},
    {Operation::enrollment_read, "provisioningserviceowner", false},
    {Operation::enrollment_write, "provisioningserviceowner", false},
    {Operation::enrollment_keys_read, "provisioningserviceowner", false},
    {Operation::registration_read, "provisioningserviceowner", false},
    {Operation::registration_delete, "provisioningserviceowner", false},
    {Operation::device_receive, "iothubowner device", true},
    {Operation::linked_hub_write, "provisioningserviceowner", false},
    {Operation::device_register, "", false, true},
    {Operation::history_read, "iothubowner service", false},
    {Operation::twin_restore, "iothubowner service", false},
    {Operation::job_read, "iothubowner service", false},
    {Operation::job_write, "iothubowner service", false},
    {Operation::configuration_read, "iothubowner registryRead registryReadWrite", false},
    {Operation::configuration_write, "iothubowner registryReadWrite", false},
    {Operation::configuration_apply, "iothubowner registryReadWrite", false},
    {Operation::rollout_read, "iothubowner service", false},
    {Operation::rollout_write, "iothubowner service", false},
    {Operation::changes_read, "iothubowner service", false},
    {Operation::route_read, "iothubowner service", false},
    {Operation::route_write, "iothubowner registryReadWrite", false},
};

constexpr const char* policy_names[] = {
    "iothubowner",  "service",           "device",
    "registryRead", "registryReadWrite", "provisioningserviceowner"};

bool names(std::string_view list, std::string_view name) {
    return (" " + std::string(list) + " ").find(" " + std::string(name) + " ") != std::string::npos;
}

TEST(Access, EachDefaultPolicyMayDoExactlyWhatTheTableSays) {
    const TwinId device{DeviceId::parse("d").value(), {}};
    for (const Case& c : cases) {
        for (const char* name : policy_names) {
            const Principal principal{.kind = Principal::Kind::policy,
                                      .name = name,
                                      .rights = default_rights(name),
                                      .id = {}};
            const Result<> decision = decide(principal, c.operation, device);
            EXPECT_EQ(decision.has_value(), names(c.policies, name))
                << name << " on operation " << int(c.operation);
            if (!decision) EXPECT_EQ(decision.error().code, Code::unauthorized);
        }
    }
}

TEST(Access, AnIdentityMayActOnItselfAlone) {
    const TwinId device{DeviceId::parse("d").value(), {}};
    const TwinId module{device.device, ModuleId::parse("m").value()};
    const TwinId other{DeviceId::parse("e").value(), {}};
    const Principal self{.kind = Principal::Kind::identity, .name = {}, .rights = 0, .id = device};
    for (const Case& c : cases) {
        EXPECT_EQ(decide(self, c.operation, device).has_value(), c.own) << int(c.operation);
        EXPECT_FALSE(decide(self, c.operation, other)) << int(c.operation);
        EXPECT_FALSE(decide(self, c.operation, module)) << int(c.operation);
        EXPECT_FALSE(decide(self, c.operation, TwinId{})) << int(c.operation);
    }
}

TEST(Access, ARegistrationMayAskForItsOwnHubAndNothingElse) {
    const TwinId id{DeviceId::parse("r").value(), {}};
    const TwinId other{DeviceId::parse("s").value(), {}};
    const Principal self{.kind = Principal::Kind::registration, .name = {}, .rights = 0, .id = id};
    for (const Case& c : cases) {
        EXPECT_EQ(decide(self, c.operation, id).has_value(), c.registration) << int(c.operation);
        EXPECT_FALSE(decide(self, c.operation, other)) << int(c.operation);
        EXPECT_FALSE(decide(self, c.operation, TwinId{})) << int(c.operation);
    }
}

TEST(Access, TheTableOfThisTestHasEachOperationOnce) {
    std::set<Operation> seen;
    for (const Case& c : cases) EXPECT_TRUE(seen.insert(c.operation).second) << int(c.operation);
    EXPECT_EQ(seen.size(), std::size_t{static_cast<std::uint8_t>(Operation::route_write)} + 1);
}

TEST(Access, NobodyMayDoNothing) {
    // Rights without a proven credential are worth nothing.
    const Principal nobody{.kind = Principal::Kind::nobody,
                           .name = "iothubowner",
                           .rights = default_rights("iothubowner"),
                           .id = {}};
    for (const Case& c : cases)
        EXPECT_FALSE(decide(nobody, c.operation, TwinId{})) << int(c.operation);
}

TEST(Access, AnOperationThatTheTableDoesNotKnowIsRefused) {
    const Principal owner{
        .kind = Principal::Kind::policy, .name = "iothubowner", .rights = 0xff, .id = {}};
    EXPECT_FALSE(decide(owner, static_cast<Operation>(200), TwinId{}));
}

TEST(Access, PolicyNamesIgnoreTheCaseOfLetters) {
    const Policies policies(
        {Policy{.name = "iothubowner", .rights = 15, .primary_key = {}, .secondary_key = {}}});
    ASSERT_NE(policies.find("IotHubOwner"), nullptr);
    EXPECT_EQ(policies.find("IotHubOwner")->rights, 15);
    EXPECT_EQ(policies.find("owner"), nullptr);
    EXPECT_EQ(default_rights("owner"), 0);
}

}  // namespace
}  // namespace twinhub::hub
