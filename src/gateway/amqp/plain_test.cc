#include "gateway/amqp/testing/connection_script.h"
#include "gateway/amqp/testing/sasl_plain.h"

namespace twinhub::gateway::amqp {
namespace {

TEST_F(AmqpConnectionTest, PlainSaysWhoADeviceIs) {
    struct Case {
        std::string user;
        std::string password;
        bool accepted;
    };
    for (const Case& c : std::vector<Case>{
             {"d1@sas.hub", token("d1"), true},
             {"d1@sas.other", token("d1"), false},
             {"d2@sas.hub", token("d1"), false},
             {"d1@sas.hub", token("d1", 1), false},
             {"device@sas.root.hub", policy_token("device"), true},
             {"service@sas.root.hub", policy_token("device"), false},
             {"d1", token("d1"), false},
         }) {
        auto device = std::make_shared<Device>();
        context->serve(std::make_unique<FakeTransport>(hub.executor(), device->peer));
        EXPECT_EQ(sign_in_plain(hub, *device->peer, c.user, c.password), c.accepted) << c.user;
        if (!c.accepted) continue;
        devices.push_back(device);
        EXPECT_TRUE(twin_of(*device, "d1").up->attached) << c.user;
    }
}

}  // namespace
}  // namespace twinhub::gateway::amqp
