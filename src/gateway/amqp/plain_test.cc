#include "gateway/amqp/testing/connection_script.h"

namespace twinhub::gateway::amqp {
namespace {

std::string plain(std::string_view user, std::string_view password) {
    std::string response(1, '\0');
    response += user;
    response += '\0';
    response += password;
    std::string items;
    wire::append(items, Value::of_symbol("PLAIN"));
    wire::append(items, Value::of_binary(response));
    std::string body("\0\x53\x41", 3);
    wire::append_list(body, items, 2);
    std::string frame;
    for (int shift = 24; shift >= 0; shift -= 8)
        frame += static_cast<char>((body.size() + 8) >> shift);
    frame += std::string_view("\2\1\0\0", 4);
    return std::string(wire::sasl_header) + frame + body;
}

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
        device->peer->send(plain(c.user, c.password));
        hub.run_until([&] {
            return device->peer->closed ||
                   device->peer->received.find("\x53\x44\xc0") != std::string::npos;
        });
        EXPECT_EQ(!device->peer->closed, c.accepted) << c.user;
        if (!c.accepted) continue;
        // Behind the mechanisms comes the outcome, then AMQP without any token.
        const std::string& got = device->peer->received;
        device->peer->received =
            got.substr(got.rfind(std::string("\x53\x44\xc0\x03\x01\x50\0", 7)) + 7);
        devices.push_back(device);
        EXPECT_TRUE(twin_of(*device, "d1").up->attached) << c.user;
    }
}

}  // namespace
}  // namespace twinhub::gateway::amqp
