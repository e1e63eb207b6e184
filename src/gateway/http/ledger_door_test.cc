// Sealed exports over HTTP: a hub on the memory store behind.
#include "gateway/http/testing/service_client.h"
#include "x509/seal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

std::shared_ptr<const x509::SigningKey> test_key() {
    return std::make_shared<const x509::SigningKey>(x509::SigningKey::from_seed({}).value());
}

HttpSettings with_key() {
    HttpSettings settings;
    settings.evidence_key = test_key();
    return settings;
}

class LedgerDoor : public testing::Test {
protected:
    Response ask(std::string_view method, std::string_view path, std::string_view body = {},
                 std::string_view policy = "iothubowner") {
        return door.ask(method, path, body, {}, policy);
    }
    void must(std::string_view method, std::string_view path, std::string_view body) {
        const Response response = ask(method, path, body);
        ASSERT_EQ(response.status, 200u) << response.body;
    }
    void make() {
        for (const char* device : {"/devices/a", "/devices/b"}) must("PUT", device, "{}");
        door.advance(60s);
        must("PATCH", "/twins/a",
             R"({"tags":{"site":"x"},"properties":{"desired":{"limits":{"bar":3}}}})");
        must("PATCH", "/twins/b", R"({"properties":{"desired":{"limits":{"bar":4},"led":1}}})");
    }
    std::vector<json::object> lines(const Response& response) {
        std::vector<json::object> all;
        std::istringstream text(response.body);
        for (std::string line; std::getline(text, line);)
            all.push_back(parse_json(line).value().as_object());
        return all;
    }
    ServiceDoor door{with_key()};
};

TEST_F(LedgerDoor, ListsEachSettingAndSealsTheList) {
    make();
    const Response response = ask("GET", "/twinhub/ledger?path=limits");
    ASSERT_EQ(response.status, 200u) << response.body;
    EXPECT_EQ(response.field("content-type"), "application/x-ndjson");
    const auto all = lines(response);
    ASSERT_EQ(all.size(), 4u);
    EXPECT_EQ(all[0].at("export"), "ledger");
    EXPECT_EQ(all[0].at("twins"), 2);
    EXPECT_EQ(all[0].at("entries"), 2);
    EXPECT_EQ(all[1].at("deviceId"), "a");
    EXPECT_EQ(all[1].at("path"), "limits.bar");
    EXPECT_EQ(all[1].at("after"), 3);
    EXPECT_EQ(all[1].at("by").at("principal"), "iothubowner");
    EXPECT_EQ(all[1].at("state"), "pending");
    const json::value key = ask("GET", "/twinhub/ledger/key").json();
    const auto verifying = x509::VerifyingKey::parse(std::string(key.at("pem").as_string()));
    ASSERT_TRUE(verifying);
    EXPECT_TRUE(x509::check_seal(response.body, *verifying));
    std::string forged = response.body;
    forged[forged.find(":3") + 1] = '9';
    EXPECT_FALSE(x509::check_seal(forged, *verifying));
}

TEST_F(LedgerDoor, AConditionChoosesTheDevices) {
    make();
    const auto all = lines(ask("GET", "/twinhub/ledger?where=tags.site%20%3D%20%27x%27"));
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(all[1].at("deviceId"), "a");
    const Response refused = ask("GET", "/twinhub/ledger?where=tags.site%20%3D");
    EXPECT_EQ(refused.status, 400u);
}

TEST_F(LedgerDoor, NeedsTheRightToReadHistory) {
    EXPECT_EQ(ask("GET", "/twinhub/ledger", {}, "registryRead").status, 401u);
    EXPECT_EQ(ask("GET", "/twinhub/ledger/key", {}, "device").status, 401u);
}

// Pieces, so that this file holds nothing that looks like a key.
std::string account_key() {
    std::string key = "Account";
    key += "Key=";
    for (int i = 0; i < 86; ++i) key += static_cast<char>('A' + i * 7 % 26);
    return key + "==";
}

class SecretsDoor : public LedgerDoor {};

TEST_F(SecretsDoor, AWriteWithACredentialIsRefusedByPathAndChangesNothing) {
    must("PUT", "/devices/cam", "{}");
    const std::string key = account_key();
    const Response refused =
        ask("PATCH", "/twins/cam",
            R"({"tags":{"a":1},"properties":{"desired":{"upload":{"store":")" + key + R"("}}}})");
    EXPECT_EQ(refused.status, 400u);
    EXPECT_EQ(refused.field("iothub-errorcode"), "ArgumentInvalid");
    EXPECT_THAT(refused.body, HasSubstr("properties.desired.upload.store"));
    EXPECT_THAT(refused.body, HasSubstr("conn.accountkey"));
    EXPECT_THAT(refused.body, Not(HasSubstr(key.substr(11, 30))));
    EXPECT_THAT(ask("GET", "/twins/cam").body, Not(HasSubstr("upload")));
    EXPECT_EQ(ask("PUT", "/twins/cam", R"({"tags":{"k":")" + key + R"("}})").status, 400u);
}

TEST_F(SecretsDoor, SoIsOneInABulkRequest) {
    const Response response =
        ask("POST", "/devices",
            R"([{"id":"n","importMode":"create","tags":{"k":")" + account_key() + R"("}}])");
    EXPECT_THAT(response.body, HasSubstr(R"("isSuccessful":false)"));
    EXPECT_EQ(ask("GET", "/devices/n").status, 404u);
}

}  // namespace
}  // namespace twinhub::gateway::http
