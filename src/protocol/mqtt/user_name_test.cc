#include "protocol/mqtt/user_name.h"

#include "base/twin_id.h"
#include "protocol/mqtt/limits.h"

#include <gtest/gtest.h>

namespace twinhub::protocol::mqtt {
namespace {

TEST(UserName, IsReadInEveryFormThatTheSdksSend) {
    struct Row {
        const char* user_name;
        const char* client_id;
        const char* api_version;
        const char* model_id;
        const char* agent;
    };
    const Row rows[] = {
        // Node: raw model id, agent escaped, product info behind it without a separator
        {"h.example.com/d/"
         "?api-version=2021-04-12&model-id=dtmi:com:example:Thermostat;1&DeviceClientType="
         "azure-iot-device%2F1.18.4%20(node%20v20.20.2%3B%20x64)myproduct",
         "d", "2021-04-12", "dtmi:com:example:Thermostat;1",
         "azure-iot-device/1.18.4 (node v20.20.2; x64)myproduct"},
        // Python, plug and play
        {"h/d/m/"
         "?api-version=2020-09-30&DeviceClientType=azure-iot-device-iothub-py%2F2.14.0%28a%3Bb%29&"
         "model-id="
         "dtmi%3Acom%3Aexample%3AThermostat%3B1",
         "d/m", "2020-09-30", "dtmi:com:example:Thermostat;1",
         "azure-iot-device-iothub-py/2.14.0(a;b)"},
        // C, lower-case escapes
        {"h/d/?api-version=2020-09-30&DeviceClientType=iothubclient%2f1.15.0", "d", "2020-09-30",
         "", "iothubclient/1.15.0"},
        // .NET, with a gateway's chain
        {"h/d/?api-version=2020-09-30&DeviceClientType=ua&auth-chain=a%3Bb", "d", "2020-09-30", "",
         "ua"},
        // the documents: no query, no slash, no "?", and the old form
        {"h/d", "d", "", "", ""},
        {"h/d/", "d", "", "", ""},
        {"h/d?api-version=2016-11-14", "d", "2016-11-14", "", ""},
        {"h/d/api-version=2016-11-14", "d", "2016-11-14", "", ""},
        {"h/d/?api-version=2019-07-01-preview", "d", "2019-07-01-preview", "", ""},
        // never refused for its version
        {"h/d/?api-version=next", "d", "", "", ""},
        {"h/d/?API-VERSION=2021-04-12&what=ever&alone&=x&&", "d", "2021-04-12", "", ""},
        // a plus is a plus, a broken escape stays
        {"h/d/?DeviceClientType=100%+sure", "d", "", "", "100%+sure"},
        // ids that look like queries
        {"h/a?b=c;d/?api-version=2021-04-12", "a?b=c;d", "2021-04-12", "", ""},
        {"h/a%20b/?api-version=2021-04-12", "a%20b", "2021-04-12", "", ""},
        {"h/d?/?api-version=2021-04-12", "d?", "2021-04-12", "", ""},
    };
    for (const Row& row : rows) {
        const auto user = parse_user_name(row.user_name, row.client_id);
        ASSERT_TRUE(user) << row.user_name << ": " << user.error().message;
        EXPECT_EQ(user->identity.text(), row.client_id);
        EXPECT_EQ(user->host,
                  std::string_view(row.user_name).starts_with("h.") ? "h.example.com" : "h");
        EXPECT_EQ(user->api_version, row.api_version) << row.user_name;
        EXPECT_EQ(user->model_id.value_or(""), row.model_id) << row.user_name;
        EXPECT_EQ(user->agent, row.agent) << row.user_name;
    }
}

TEST(UserName, KeepsTheGatewayChain) {
    EXPECT_EQ(parse_user_name("h/d/?auth-chain=edge1%3bd", "d")->auth_chain, "edge1;d");
}

TEST(UserName, IsRefusedWhenItIsNotTheClientIds) {
    const std::pair<const char*, const char*> rows[] = {
        {"", "d"},
        {"h", "d"},
        {"/d", "d"},
        {"h/", "d"},
        {"h/e", "d"},
        {"h/D", "d"},
        {"h/d1", "d"},
        {"h/d/m", "d"},
        {"h/d", "d/m"},
        {"h/d/?x", ""},
        {"h//m", "/m"},
        {"h/d/", "d/"},
        {"h/d/m/x", "d/m/x"},
        {"h/d&api-version=1", "d"},
        {"h/d/x", "d"},
        {"h/d e", "d e"},
        {"h/registrations/d/api-version=2019-03-31", "d"},
    };
    for (const auto& [user_name, client_id] : rows) {
        const auto user = parse_user_name(user_name, client_id);
        ASSERT_FALSE(user) << user_name << " " << client_id;
        EXPECT_EQ(user.error().code, Code::argument_invalid);
    }
}

TEST(UserName, IsBounded) {
    const std::string agent(user_name_bytes_max, 'x');
    EXPECT_FALSE(parse_user_name("h/d/?DeviceClientType=" + agent, "d"));
    EXPECT_FALSE(parse_user_name("h/d/?model-id=" + std::string(model_id_bytes_max + 1, 'x'), "d"));
    EXPECT_FALSE(parse_user_name("h/d/?model-id=a%00b", "d"));
    EXPECT_FALSE(parse_user_name("h/d/?model-id=%ff", "d"));
}

TEST(UserName, MadeByUsIsReadBack) {
    const TwinId id = parse_twin_id("dev?1/mod").value();
    const auto user =
        parse_user_name(make_user_name("h.example.com", id, "sim/1 &=%", "dtmi:a;1"), "dev?1/mod");
    ASSERT_TRUE(user);
    EXPECT_EQ(user->identity, id);
    EXPECT_EQ(user->agent, "sim/1 &=%");
    EXPECT_EQ(user->model_id, "dtmi:a;1");
    EXPECT_EQ(user->api_version, "2021-04-12");
}

}  // namespace
}  // namespace twinhub::protocol::mqtt
