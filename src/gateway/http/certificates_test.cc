// The certificates' endpoints: the words and states of Azure's management API.
#include "x509/testing/certificates.h"

#include "gateway/http/testing/service_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

using Made = x509::testing::Certificate;
using testing::HasSubstr;
using testing::UnorderedElementsAre;
using namespace std::chrono_literals;

constexpr std::string_view any = "If-Match: *\r\n";

class CertificatesDoor : public testing::Test {
protected:
    Made::Wish in_force(Made::Wish wish) {
        const Instant now = door.hub().clock().now();
        wish.from = now - 1h;
        wish.until = now + 24h;
        return wish;
    }
    Response put(const Made& made, std::string_view fields = {}, bool verified = false,
                 std::string_view policy = "iothubowner") {
        json::object properties{{"certificate", made.pem()}};
        if (verified) properties["isVerified"] = true;
        return door.ask("PUT", path, text_of({{"properties", properties}}), fields, policy);
    }
    static std::string text_of(const json::object& body) { return to_text(body); }
    static std::string property(const Response& response, std::string_view name) {
        return std::string(response.json().at("properties").at(name).as_string());
    }
    static bool verified(const Response& response) {
        return response.json().at("properties").at("isVerified").as_bool();
    }

    ServiceDoor door;
    const std::string path = "/twinhub/certificates/factory";
    Made root{in_force({.common_names = {"Factory"}, .is_authority = true})};
};

TEST_F(CertificatesDoor, OneIsRegisteredProvedShownAndRemoved) {
    EXPECT_EQ(put(root, any).status, 412u);
    const Response made = put(root);
    ASSERT_EQ(made.status, 201u) << made.body;
    EXPECT_EQ(property(made, "subject"), "CN=Factory");
    EXPECT_EQ(property(made, "thumbprint"), root.read().sha1_thumbprint());
    EXPECT_EQ(property(made, "certificate"), root.pem());
    EXPECT_THAT(property(made, "expiry"), HasSubstr(" GMT"));
    EXPECT_FALSE(verified(made));
    EXPECT_EQ(made.field("etag"), '"' + std::string(made.json().at("etag").as_string()) + '"');

    const std::string match = "If-Match: " + made.field("etag") + "\r\n";
    const Response coded = door.ask("POST", path + "/generateVerificationCode", {}, match);
    ASSERT_EQ(coded.status, 200u) << coded.body;
    const std::string code = property(coded, "verificationCode");
    // Told once, to who asked for it.
    EXPECT_FALSE(
        door.ask("GET", path).json().at("properties").as_object().contains("verificationCode"));
    EXPECT_EQ(door.ask("POST", path + "/verify", "{}", any).status, 400u);
    const Made proof(in_force({.common_names = {code}, .issuer = &root}));
    const std::string body = text_of({{"certificate", proof.pem()}});
    EXPECT_EQ(door.ask("POST", path + "/verify", body, match).status, 412u);
    EXPECT_EQ(door.ask("POST", path + "/verify", body).status, 412u);
    const Response proved = door.ask("POST", path + "/verify", body, any);
    ASSERT_EQ(proved.status, 200u) << proved.body;
    EXPECT_TRUE(verified(proved));
    EXPECT_EQ(proved.json().at("twinhub").at("verifiedBy").as_string(), "proof");
    EXPECT_EQ(door.ask("POST", path + "/verify", body, any).status, 400u);

    const Response list = door.ask("GET", "/twinhub/certificates");
    ASSERT_EQ(list.json().at("value").as_array().size(), 1u);
    EXPECT_EQ(list.json().at("value").as_array()[0], proved.json());
    EXPECT_TRUE(list.json().at("twinhub").at("files").as_array().empty());

    EXPECT_EQ(door.ask("DELETE", path).status, 412u);
    EXPECT_EQ(door.ask("DELETE", path, {}, any).status, 204u);
    EXPECT_EQ(door.ask("GET", path).status, 404u);
    EXPECT_EQ(door.ask("DELETE", path, {}, any).status, 404u);
}

TEST_F(CertificatesDoor, WhoSaysItIsVerifiedIsNamed) {
    const Response made = put(root, {}, true, "registryReadWrite");
    ASSERT_EQ(made.status, 201u);
    EXPECT_TRUE(verified(made));
    EXPECT_EQ(made.json().at("twinhub").at("verifiedBy").as_string(), "statement");
    EXPECT_EQ(made.json().at("twinhub").at("verifiedPolicy").as_string(), "registryReadWrite");
    // A later certificate of the same key needs the etag.
    EXPECT_EQ(put(root).status, 412u);
    EXPECT_EQ(put(root, any).status, 200u);
}

TEST_F(CertificatesDoor, ARevocationListIsShownByItsFacts) {
    ASSERT_EQ(put(root, {}, true).status, 201u);
    const Made device(in_force({.common_names = {"d1"}, .issuer = &root}));
    const Instant now = door.hub().clock().now();
    const std::string list = x509::testing::revocation_list_pem(
        root, {.revoked = {&device}, .number = 7, .issued = now - 1h, .next_update = now + 24h});
    const Response set =
        door.ask("PUT", path + "/revocationList", text_of({{"revocationList", list}}), any);
    ASSERT_EQ(set.status, 200u) << set.body;
    const json::value shown = set.json().at("twinhub").at("revocationList");
    EXPECT_EQ(shown.at("revoked").to_number<int>(), 1);
    EXPECT_EQ(shown.at("number").as_string(), "07");
    const Response cleared = door.ask("DELETE", path + "/revocationList", {}, any);
    ASSERT_EQ(cleared.status, 200u);
    EXPECT_FALSE(cleared.json().at("twinhub").as_object().contains("revocationList"));
}

TEST_F(CertificatesDoor, ReadingAndWritingNeedTheRightsOfTheRegistry) {
    EXPECT_EQ(put(root, {}, true, "registryRead").status, 401u);
    EXPECT_EQ(put(root, {}, true, "service").status, 401u);
    ASSERT_EQ(put(root).status, 201u);
    EXPECT_EQ(door.ask("GET", path, {}, {}, "registryRead").status, 200u);
    EXPECT_EQ(door.ask("GET", path, {}, {}, "service").status, 401u);
    EXPECT_EQ(door.ask("DELETE", path, {}, any, "registryRead").status, 401u);
    EXPECT_EQ(door.ask("POST", path + "/generateVerificationCode", {}, any, "registryRead").status,
              401u);
}

TEST_F(CertificatesDoor, WhatIsMissingOrWrongIsNamed) {
    for (const char* body :
         {"{}", R"({"properties":{}})", R"({"properties":{"certificate":null}})",
          R"({"properties":{"certificate":5}})", R"({"properties":{"certificate":"nothing"}})"}) {
        const Response answer = door.ask("PUT", path, body);
        EXPECT_EQ(answer.status, 400u) << body;
        EXPECT_THAT(answer.body, HasSubstr("properties")) << body;
    }
    EXPECT_EQ(door.ask("POST", path + "/generateVerificationCode", {}, any).status, 404u);
    EXPECT_EQ(door.ask("PUT", path + "/revocationList", R"({"revocationList":"x"})", any).status,
              404u);
}

}  // namespace
}  // namespace twinhub::gateway::http
