#include "credentials.h"

#include "base/encoding.h"
#include "protocol/sas/token.h"

#include <gtest/gtest.h>

namespace twinhub::load {
namespace {

TEST(ConnectionString, IsReadInAnyOrder) {
    const auto parsed = parse_connection_string(
        "SharedAccessKey=a2V5a2V5a2V5a2V5;HostName=localhost;SharedAccessKeyName=iothubowner\n");
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->host_name, "localhost");
    EXPECT_EQ(parsed->policy, "iothubowner");
    EXPECT_EQ(parsed->key, "a2V5a2V5a2V5a2V5");
}

TEST(ConnectionString, IsRefusedWithoutOneOfItsParts) {
    EXPECT_FALSE(parse_connection_string(""));
    EXPECT_FALSE(parse_connection_string("HostName=localhost;SharedAccessKey=a2V5"));
    EXPECT_FALSE(parse_connection_string("HostName=h;SharedAccessKeyName=p;SharedAccessKey=?"));
}

TEST(SasToken, OfADeviceIsSignedByTheKeyItWasCreatedWith) {
    const auto token = protocol::sas::parse_token(
        sas_token("localhost/devices/load-7", device_key("load-7"), "", 60));
    ASSERT_TRUE(token);
    EXPECT_EQ(token->resource, "localhost%2Fdevices%2Fload-7");
    EXPECT_TRUE(protocol::sas::signed_by(*token, *base64_decode(device_key("load-7"))));
    EXPECT_FALSE(protocol::sas::signed_by(*token, *base64_decode(device_key("load-8"))));
}

}  // namespace
}  // namespace twinhub::load
