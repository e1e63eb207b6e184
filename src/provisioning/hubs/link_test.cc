#include "provisioning/hubs/link.h"

#include "base/encoding.h"
#include "hub/testing/test_hub.h"

#include <gmock/gmock.h>

namespace twinhub::provisioning {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* text = "HostName=Hub.b:8443;SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0";

HubLink a_link() {
    return {.host = "Hub.b",
            .port = 8443,
            .policy = "p",
            .key = "c2VjcmV0",
            .weight = 3,
            .applies = false,
            .etag = "e",
            .created = Instant{Ticks{1}},
            .updated = Instant{Ticks{2}}};
}

Result<HubLink> made(const HubLinkWish& wish, const std::optional<HubLink>& current = {}) {
    hub::testing::SeededRandom random;
    return make_link(current, wish, Instant{}, random);
}

TEST(HubLink, IsMadeFromAConnectionStringOfItsHub) {
    const auto link =
        made({.host = "hub.B", .connection_string = text, .weight = {}, .applies = {}});
    ASSERT_TRUE(link) << link.error().message;
    EXPECT_EQ(link->host, "Hub.b");
    EXPECT_EQ(link->port, 8443);
    EXPECT_EQ(link->policy, "p");
    EXPECT_EQ(link->key, "c2VjcmV0");
    EXPECT_EQ(link->weight, 1u);
    EXPECT_TRUE(link->applies);
    EXPECT_FALSE(link->etag.empty());
}

TEST(HubLink, WhatCannotBeUsedIsRefusedWithoutTellingTheKey) {
    struct Case {
        const char* host;
        const char* connection;
        std::uint64_t weight;
        const char* where;
    };
    const Case cases[] = {
        {"hub.c", text, 1, "connectionString"},
        {"hub.b", "HostName=hub.b;DeviceId=d;SharedAccessKey=c2VjcmV0", 1, "connectionString"},
        {"hub.b", "HostName=hub.b;SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0#", 1,
         "connectionString"},
        {"hub.b", "secret", 1, "connectionString"},
        {"hub b", text, 1, "name"},
        {"", text, 1, "name"},
        {"hub.b", text, 1001, "allocationWeight"},
    };
    for (const Case& c : cases) {
        const auto link = made(
            {.host = c.host, .connection_string = c.connection, .weight = c.weight, .applies = {}});
        ASSERT_FALSE(link) << c.connection;
        EXPECT_EQ(link.error().where, c.where);
        EXPECT_THAT(link.error().message, Not(HasSubstr("c2VjcmV0")));
    }
    EXPECT_FALSE(made({.host = "hub.b", .connection_string = {}, .weight = {}, .applies = {}}));
}

TEST(HubLink, WhatIsNotSaidStaysAsItIs) {
    const HubLinkWish nothing{
        .host = "hub.b", .connection_string = {}, .weight = {}, .applies = {}};
    HubLink kept = made(nothing, a_link()).value();
    EXPECT_NE(kept.etag, "e");
    kept.etag = "e";
    kept.updated = a_link().updated;
    EXPECT_EQ(kept, a_link());
}

// The stored form: it may grow, never change.
TEST(HubLink, IsWrittenAsEver) {
    std::string bytes;
    append_encoded(bytes, a_link());
    EXPECT_EQ(hex_encode(bytes), "054875622e62fb410170086332566a636d5630030001650204");
    EXPECT_EQ(decode_link(bytes).value(), a_link());
    EXPECT_EQ(decode_link(bytes + "more").value(), a_link());
    for (std::size_t i = 0; i < bytes.size(); ++i)
        EXPECT_FALSE(decode_link(std::string_view(bytes).substr(0, i))) << i;
    EXPECT_EQ(link_key("Hub.B"), "lhub.b");
    EXPECT_EQ(open_link("lhub.b", sealed(a_link(), "lhub.b")).value(), a_link());
    EXPECT_FALSE(open_link("lhub.c", sealed(a_link(), "lhub.b")));
}

}  // namespace
}  // namespace twinhub::provisioning
