#include "gateway/http/testing/service_client.h"
#include "provisioning/testing/soft_tpm.h"
#include "x509/testing/certificates.h"

#include <gmock/gmock.h>

namespace twinhub::gateway::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string key_1 = base64_encode(std::string(32, '\x01'));
const std::string key_2 = base64_encode(std::string(32, '\x02'));
constexpr const char* scope = "0ne0000000A";

provisioning::Settings with_service() {
    provisioning::Settings settings;
    settings.id_scope = scope;
    settings.hubs = {{.host = "hub.local"}};
    settings.rates = {0, 0, 0};
    return settings;
}

std::string symmetric(std::string_view member, std::string_view id, std::string_view more = "") {
    return "{\"" + std::string(member) + "\":\"" + std::string(id) +
           R"(","attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":")" + key_1 +
           R"(","secondaryKey":")" + key_2 + "\"}}" + std::string(more) + "}";
}
std::string individual(std::string_view id, std::string_view more = "") {
    return symmetric("registrationId", id, more);
}

class ProvisioningDoor : public ::testing::Test {
protected:
    Response ask(std::string_view method, std::string_view path, std::string_view body = {},
                 std::string_view fields = {},
                 std::string_view policy = "provisioningserviceowner") {
        return door.ask(method, path, body, fields, policy);
    }
    // As a device asks.
    Response device(std::string_view method, std::string_view rest, std::string_view id,
                    std::string_view key = key_1, std::string_view body = "") {
        const std::string decoded = base64_decode(key).value();
        const std::string resource = std::string(scope) + "/registrations/" + std::string(id);
        const std::string token =
            protocol::sas::make_token({resource, decoded, 4'000'000'000, "registration"});
        std::string text = std::string(method) + " /" + scope + "/registrations/" +
                           std::string(id) + std::string(rest) +
                           "?api-version=2019-03-31 HTTP/1.1\r\nHost: global.example\r\n"
                           "Authorization: " +
                           token + "\r\n";
        text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
        return door.ask_raw(text);
    }
    // Polls until there is a result.
    json::value provision(std::string_view id, std::string_view key = key_1) {
        const Response begun = device("PUT", "/register", id, key);
        EXPECT_EQ(begun.status, 202u) << begun.body;
        const json::value first = begun.json();
        const std::string operation(first.at("operationId").as_string());
        while (true) {
            const Response asked = device("GET", "/operations/" + operation, id, key);
            if (asked.status != 202) return asked.json();
        }
    }

    ServiceDoor door{{}, {.name = "hub.local"}, {}, with_service()};
};

std::uint64_t code_of(const Response& response) {
    const json::value body = response.json();
    EXPECT_EQ(body.as_object().contains("Message"), false) << response.body;
    EXPECT_FALSE(body.at("message").as_string().empty());
    EXPECT_FALSE(body.at("trackingId").as_string().empty());
    return body.at("errorCode").to_number<std::uint64_t>();
}

TEST_F(ProvisioningDoor, LinkedHubsAreMadeShownChangedAndTakenAway) {
    const std::string path = "/twinhub/provisioning/linkedHubs/hub.there";
    const std::string body =
        R"({"connectionString":"HostName=hub.there:8443;SharedAccessKeyName=iothubowner;)"
        R"(SharedAccessKey=c2VjcmV0","allocationWeight":3})";
    EXPECT_EQ(ask("GET", path).status, 404u);
    const Response made = ask("PUT", path, body);
    ASSERT_EQ(made.status, 200u) << made.body;
    EXPECT_EQ(made.json().at("name"), "hub.there");
    EXPECT_EQ(made.json().at("allocationWeight"), 3);
    EXPECT_EQ(made.json().at("applyAllocationPolicy"), true);
    EXPECT_EQ(made.json().at("connectionString"),
              "HostName=hub.there:8443;SharedAccessKeyName=iothubowner;SharedAccessKey=****");
    const Response again = ask("PUT", path, body);
    EXPECT_EQ(again.status, 409u);
    const Response changed = ask("PUT", path, R"({"applyAllocationPolicy":false})",
                                 "If-Match: " + made.field("etag") + "\r\n");
    ASSERT_EQ(changed.status, 200u) << changed.body;
    EXPECT_EQ(changed.json().at("applyAllocationPolicy"), false);
    EXPECT_EQ(changed.json().at("allocationWeight"), 3);
    EXPECT_EQ(ask("PUT", path, "{}", "If-Match: " + made.field("etag") + "\r\n").status, 412u);
    EXPECT_EQ(ask("PUT", path, R"({"allocationWeight":-1})", "If-Match: *\r\n").status, 400u);
    EXPECT_EQ(ask("GET", path).body, changed.body);
    EXPECT_EQ(ask("GET", "/twinhub/provisioning/linkedHubs").body, "[" + changed.body + "]");
    EXPECT_EQ(ask("GET", "/twinhub/provisioning").json().at("iotHubs").as_array().size(), 2u);
    EXPECT_EQ(ask("PUT", path, body, {}, "iothubowner").status, 401u);
    EXPECT_EQ(ask("DELETE", path, {}, {}, "iothubowner").status, 401u);
    EXPECT_EQ(ask("DELETE", path, {}, "If-Match: *\r\n").status, 204u);
    EXPECT_EQ(ask("GET", "/twinhub/provisioning/linkedHubs").body, "[]");
    const Response own = ask("PUT", "/twinhub/provisioning/linkedHubs/hub.local", body);
    EXPECT_EQ(own.status, 400u);
    EXPECT_THAT(own.body, Not(HasSubstr("c2VjcmV0")));
}

TEST_F(ProvisioningDoor, AnEnrollmentLivesItsLife) {
    const Response made = ask("PUT", "/enrollments/Reg-01", individual("Reg-01"));
    ASSERT_EQ(made.status, 200u) << made.body;
    const json::value body = made.json();
    EXPECT_EQ(body.at("registrationId"), "Reg-01");
    EXPECT_EQ(body.at("provisioningStatus"), "enabled");
    EXPECT_EQ(body.at("allocationPolicy"), "hashed");
    EXPECT_EQ(body.at("reprovisionPolicy").at("updateHubAssignment"), true);
    EXPECT_EQ(body.at("reprovisionPolicy").at("migrateDeviceData"), true);
    EXPECT_EQ(body.at("capabilities").at("iotEdge"), false);
    EXPECT_EQ(made.field("etag"), std::string(body.at("etag").as_string()));
    EXPECT_THAT(made.field("etag"),
                ::testing::MatchesRegex("\"[0-9a-f]+-0000-0000-0000-[0-9a-f]+\""));

    const Response read = ask("GET", "/ENROLLMENTS/reg-01");
    EXPECT_EQ(read.status, 200u);
    EXPECT_EQ(read.field("etag"), made.field("etag"));
    EXPECT_THAT(read.body, Not(HasSubstr(key_1)));
    EXPECT_THAT(read.body, HasSubstr(R"("attestation":{"type":"symmetricKey"})"));

    const Response keys = ask("POST", "/enrollments/Reg-01/attestationMechanism");
    EXPECT_EQ(keys.json().at("symmetricKey").at("primaryKey").as_string(), key_1);

    EXPECT_EQ(code_of(ask("PUT", "/enrollments/Reg-01", individual("Reg-01"))), 409201u);
    EXPECT_EQ(code_of(ask("PUT", "/enrollments/reg-01", individual("reg-01"),
                          "If-Match: \"another\"\r\n")),
              412001u);
    const Response replaced =
        ask("PUT", "/enrollments/reg-01",
            R"({"registrationId":"reg-01","attestation":{"type":"symmetricKey"},)"
            R"("provisioningStatus":"Disabled","capabilities":{"iotEdge":true}})",
            "If-Match: " + made.field("etag") + "\r\n");
    ASSERT_EQ(replaced.status, 200u) << replaced.body;
    EXPECT_NE(replaced.field("etag"), made.field("etag"));
    EXPECT_EQ(replaced.json().at("provisioningStatus"), "disabled");
    EXPECT_EQ(replaced.json().at("registrationId"), "Reg-01");
    // Keys that were left out stay; keys that were said to be empty are made.
    EXPECT_EQ(ask("POST", "/enrollments/Reg-01/attestationmechanism")
                  .json()
                  .at("symmetricKey")
                  .at("primaryKey")
                  .as_string(),
              key_1);
    EXPECT_EQ(ask("PUT", "/enrollments/Reg-01",
                  R"({"attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":""}}})",
                  "If-Match: *\r\n")
                  .status,
              200u);
    EXPECT_NE(ask("POST", "/enrollments/Reg-01/attestationmechanism")
                  .json()
                  .at("symmetricKey")
                  .at("primaryKey")
                  .as_string(),
              key_1);

    EXPECT_EQ(ask("DELETE", "/enrollments/Reg-01", "", "If-Match: \"x\"\r\n").status, 412u);
    EXPECT_EQ(ask("DELETE", "/enrollments/Reg-01", "", "If-Match: *\r\n").status, 204u);
    EXPECT_EQ(code_of(ask("GET", "/enrollments/Reg-01")), 404201u);
    EXPECT_EQ(code_of(ask("DELETE", "/enrollments/Reg-01")), 404201u);
    EXPECT_EQ(code_of(ask("PUT", "/enrollments/Reg-01", individual("Reg-01"), "If-Match: *\r\n")),
              404201u);
}

TEST_F(ProvisioningDoor, KeysAreMadeWhereNoneAreGiven) {
    for (const char* attestation :
         {R"({"type":"symmetricKey"})", R"({"type":"SymmetricKey","symmetricKey":null})",
          R"({"type":"symmetricKey","symmetricKey":{"primaryKey":null,"secondaryKey":""}})"}) {
        const std::string body = R"({"attestation":)" + std::string(attestation) + "}";
        const Response made = ask("PUT", "/enrollmentGroups/g1", body);
        ASSERT_EQ(made.status, 200u) << made.body;
        const json::value mechanism =
            ask("POST", "/enrollmentgroups/g1/attestationmechanism").json();
        const std::string primary(mechanism.at("symmetricKey").at("primaryKey").as_string());
        EXPECT_EQ(base64_decode(primary)->size(), 64u);
        EXPECT_THAT(made.body, HasSubstr(primary));
        EXPECT_EQ(ask("DELETE", "/enrollmentGroups/g1").status, 204u);
    }
}

TEST_F(ProvisioningDoor, SaysWhatIsWrongWithAnEnrollment) {
    struct Row {
        const char* path;
        std::string body;
        unsigned code;
        const char* where;
    };
    const std::string keyed = R"("attestation":{"type":"symmetricKey"})";
    for (
        const Row& row : {
            Row{"/enrollments/r1", individual("r2"), 400202, "registrationId"},
            Row{"/enrollments/r_", individual("r_"), 400202, "registrationId"},
            Row{"/enrollments/r1", "{}", 400004, "attestation"},
            Row{"/enrollments/r1", R"({"attestation":{"type":"none"}})", 400004,
                "attestation.type"},
            Row{"/enrollments/r1", "{" + keyed + R"(,"deviceId":"a/b"})", 400004, "deviceId"},
            Row{"/enrollmentGroups/g1", "{" + keyed + R"(,"deviceId":"a"})", 400004, "deviceId"},
            Row{"/enrollments/r1",
                R"({"attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"c2hvcnQ="}}})",
                400004, "attestation.symmetricKey.primaryKey"},
            Row{"/enrollments/r1", "{" + keyed + R"(,"iotHubs":["elsewhere.example"]})", 400004,
                "iotHubs"},
            Row{"/enrollments/r1", "{" + keyed + R"(,"allocationPolicy":"nearest"})", 400004,
                "allocationPolicy"},
            Row{"/enrollments/r1", "{" + keyed + R"(,"allocationPolicy":"custom"})", 400004,
                "customAllocationDefinition"},
            Row{"/enrollments/r1",
                "{" + keyed + R"(,"initialTwin":{"properties":{"desired":{"a b":1}}}})", 400004,
                "initialTwin"},
            Row{"/enrollments/r1",
                R"({"attestation":{"type":"tpm","tpm":{"endorsementKey":"AAAA"}}})", 400201,
                "endorsementKey"},
            Row{"/enrollments/r1", R"({"attestation":{"type":"x509","x509":{}}})", 400004,
                "attestation.x509"},
            Row{"/enrollments/r1", "not json", 400004, ""},
        }) {
        const Response refused = ask("PUT", row.path, row.body);
        EXPECT_EQ(code_of(refused), row.code) << row.body << refused.body;
        EXPECT_EQ(refused.status, 400u);
        EXPECT_THAT(refused.body, HasSubstr(row.where));
        EXPECT_EQ(refused.field("x-ms-error-code"), std::to_string(row.code));
    }
}

TEST_F(ProvisioningDoor, WhatClientsSendBackIsTaken) {
    const std::string twin = R"({"tags":{"site":"x","count":null,"metadata":null,"version":null},)"
                             R"("properties":{"desired":{"a":1,"count":7,"version":null}}})";
    ASSERT_EQ(ask("PUT", "/enrollments/r1", individual("r1", R"(,"initialTwin":)" + twin)).status,
              200u);
    json::value body = ask("GET", "/enrollments/r1").json();
    EXPECT_EQ(to_text(body.at("initialTwin")),
              R"({"tags":{"site":"x"},"properties":{"desired":{"a":1,"count":7}}})");
    const Response again = ask("PUT", "/enrollments/r1", to_text(body),
                               "If-Match: " + std::string(body.at("etag").as_string()) + "\r\n");
    ASSERT_EQ(again.status, 200u) << again.body;
    EXPECT_EQ(to_text(again.json().at("initialTwin")), to_text(body.at("initialTwin")));
    body.as_object()["initialTwin"] =
        json::object{{"additional_properties", body.at("initialTwin")}};
    EXPECT_EQ(to_text(ask("PUT", "/enrollments/r1", to_text(body), "If-Match: *\r\n")
                          .json()
                          .at("initialTwin")),
              R"({"tags":{"site":"x"},"properties":{"desired":{"a":1,"count":7}}})");
}

TEST_F(ProvisioningDoor, CertificatesAreShownByTheirFactsAndKeptByThem) {
    using x509::testing::Certificate;
    const Certificate one({.common_names = {"r1"}});
    const Certificate other({.common_names = {"r1"}});
    const auto body = [](const std::string& primary, const std::string& secondary) {
        return R"({"attestation":{"type":"x509","x509":{"clientCertificates":{"primary":)" +
               primary + R"(,"secondary":)" + secondary + "}}}}";
    };
    const auto certificate = [](const std::string& text) {
        std::string json = R"({"certificate":)";
        append_json_string(json, text);
        return json + "}";
    };
    const Response made =
        ask("PUT", "/enrollments/r1",
            body(certificate(one.pem()), certificate(base64_encode(other.read().der()))));
    ASSERT_EQ(made.status, 200u) << made.body;
    const json::value shown = made.json().at("attestation").at("x509").at("clientCertificates");
    EXPECT_EQ(shown.at("primary").at("info").at("sha1Thumbprint").as_string(),
              one.read().sha1_thumbprint());
    EXPECT_EQ(shown.at("secondary").at("info").at("subjectName"), "CN=r1");
    EXPECT_FALSE(shown.at("primary").as_object().contains("certificate"));
    const Response halved = ask("PUT", "/enrollments/r1",
                                body("null", to_text(shown.at("secondary"))), "If-Match: *\r\n");
    ASSERT_EQ(halved.status, 200u) << halved.body;
    const json::value left = halved.json().at("attestation").at("x509").at("clientCertificates");
    EXPECT_TRUE(left.at("primary").is_null());
    EXPECT_EQ(left.at("secondary"), shown.at("secondary"));
    EXPECT_EQ(
        ask("PUT", "/enrollments/r1", body(to_text(shown.at("primary")), "null"), "If-Match: *\r\n")
            .status,
        400u);
}

TEST_F(ProvisioningDoor, ListsPageByPage) {
    for (const char* id : {"c", "a", "B"})
        ASSERT_EQ(ask("PUT", "/enrollments/" + std::string(id),
                      individual(id, R"(,"deviceId":"dev-)" + std::string(id) + "\""))
                      .status,
                  200u);
    ASSERT_EQ(ask("PUT", "/enrollmentGroups/g", symmetric("enrollmentGroupId", "g")).status, 200u);
    const Response all = ask("POST", "/enrollments/query", R"({"query":"SELECT *"})");
    ASSERT_EQ(all.status, 200u) << all.body;
    EXPECT_EQ(all.field("x-ms-item-type"), "Enrollment");
    EXPECT_EQ(all.field("x-ms-continuation"), "");
    EXPECT_EQ(all.json().as_array().size(), 3u);
    EXPECT_THAT(all.body, Not(HasSubstr(key_1)));
    const Response first =
        ask("POST", "/enrollments/query", R"({"query":"select * from Enrollments"})",
            "x-ms-max-item-count: 2\r\n");
    EXPECT_EQ(first.json().as_array().size(), 2u);
    EXPECT_EQ(first.json().at(0).at("registrationId"), "a");
    const std::string token = first.field("x-ms-continuation");
    const Response second =
        ask("POST", "/enrollments/query", R"({"query":"select * from Enrollments"})",
            "x-ms-max-item-count: 2\r\nx-ms-continuation: " + token + "\r\n");
    EXPECT_EQ(second.json().as_array().size(), 1u);
    EXPECT_EQ(second.field("x-ms-continuation"), "");
    EXPECT_EQ(ask("POST", "/enrollmentGroups/query", R"({"query":"SELECT *"})",
                  "x-ms-continuation: " + token + "\r\n")
                  .status,
              400u);
    const Response found = ask("POST", "/enrollments/query",
                               R"({"query":"SELECT * FROM enrollments WHERE deviceId = 'DEV-b' )"
                               R"(AND capabilities.iotEdge = false"})");
    ASSERT_EQ(found.json().as_array().size(), 1u) << found.body;
    EXPECT_EQ(found.json().at(0).at("registrationId"), "B");
    EXPECT_EQ(
        ask("POST", "/enrollmentGroups/query", R"({"query":"SELECT *"})").field("x-ms-item-type"),
        "EnrollmentGroup");
    EXPECT_EQ(code_of(ask("POST", "/enrollments/query", R"({"query":"SELECT a"})")), 400004u);
}

TEST_F(ProvisioningDoor, DoesSeveralAtOnce) {
    const Response made =
        ask("POST", "/enrollments",
            R"({"mode":"create","enrollments":[)" + individual("a") + "," + individual("b") + "]}");
    EXPECT_EQ(made.body, R"({"isSuccessful":true,"errors":[]})");
    const Response half =
        ask("POST", "/enrollments",
            R"({"mode":"create","enrollments":[)" + individual("b") + "," + individual("c") + "]}");
    EXPECT_EQ(half.status, 200u);
    EXPECT_EQ(half.json().at("isSuccessful"), false);
    EXPECT_EQ(half.json().at("errors").at(0).at("registrationId"), "b");
    EXPECT_EQ(half.json().at("errors").at(0).at("errorCode"), 409201);
    const json::value c = ask("GET", "/enrollments/c").json();
    EXPECT_EQ(ask("POST", "/enrollments",
                  R"({"mode":"updateIfMatchEtag","enrollments":[)" + to_text(c) + "]}")
                  .body,
              R"({"isSuccessful":true,"errors":[]})");
    EXPECT_EQ(ask("POST", "/enrollments",
                  R"({"mode":"updateIfMatchETag","enrollments":[)" + to_text(c) + "]}")
                  .json()
                  .at("errors")
                  .at(0)
                  .at("errorCode"),
              412001);
    EXPECT_EQ(ask("POST", "/enrollments",
                  R"({"mode":"delete","enrollments":[)" + individual("a") + "," + individual("b") +
                      "," + individual("c") + "]}")
                  .json()
                  .at("isSuccessful"),
              true);
    std::string many = individual("x0");
    for (int i = 1; i < 11; ++i) many += "," + individual("x" + std::to_string(i));
    EXPECT_EQ(
        code_of(ask("POST", "/enrollments", R"({"mode":"create","enrollments":[)" + many + "]}")),
        400205u);
}

TEST_F(ProvisioningDoor, EachRightOpensItsOwn) {
    ASSERT_EQ(ask("PUT", "/enrollments/r1", individual("r1")).status, 200u);
    for (const char* policy : {"iothubowner", "service", "registryReadWrite", "device"}) {
        const Response refused = ask("GET", "/enrollments/r1", "", "", policy);
        EXPECT_EQ(code_of(refused), 401002u) << policy;
    }
    EXPECT_EQ(ask("GET", "/devices", "", "", "provisioningserviceowner").status, 401u);
    EXPECT_EQ(code_of(door.ask_raw("GET /enrollments/r1?api-version=2021-10-01 HTTP/1.1\r\n"
                                   "Host: hub.local\r\n\r\n")),
              401002u);
    EXPECT_EQ(ask("GET", "/twinhub/provisioning").json().at("idScope"), scope);
}

TEST_F(ProvisioningDoor, ADeviceRegistersAndPolls) {
    ASSERT_EQ(
        ask("PUT", "/enrollments/r1", individual("r1", R"(,"initialTwin":{"tags":{"site":"x"}})"))
            .status,
        200u);
    const Response begun = device("PUT", "/register", "r1", key_1, R"({"registrationId":"r1"})");
    ASSERT_EQ(begun.status, 202u) << begun.body;
    EXPECT_EQ(begun.field("retry-after"), "2");
    const std::string operation(begun.json().at("operationId").as_string());
    EXPECT_EQ(begun.field("location"), "https://global.example/" + std::string(scope) +
                                           "/registrations/r1/operations/" + operation +
                                           "?api-version=2019-03-31");
    const json::value done = provision("r1");
    EXPECT_EQ(done.at("status"), "assigned");
    EXPECT_EQ(done.at("registrationState").at("assignedHub"), "hub.local");
    const Response state = device("POST", "", "r1");
    EXPECT_EQ(state.status, 200u);
    EXPECT_EQ(state.json().at("status"), "assigned");
    EXPECT_EQ(door.ask("GET", "/twins/r1").json().at("tags").at("site"), "x");
    // As services see it.
    const Response known = ask("GET", "/registrations/R1");
    EXPECT_EQ(known.json().at("status"), "assigned");
    EXPECT_EQ(ask("GET", "/enrollments/r1").json().at("registrationState").at("deviceId"), "r1");
    EXPECT_EQ(ask("DELETE", "/registrations/r1", "", "If-Match: \"no\"\r\n").status, 412u);
    EXPECT_EQ(ask("DELETE", "/registrations/r1", "",
                  "If-Match: " + std::string(known.json().at("etag").as_string()) + "\r\n")
                  .status,
              204u);
    EXPECT_EQ(code_of(ask("GET", "/registrations/r1")), 404202u);
    EXPECT_EQ(code_of(device("POST", "", "r1")), 404000u);
}

TEST_F(ProvisioningDoor, DevicesOfAGroupAreListedWithIt) {
    ASSERT_EQ(ask("PUT", "/enrollmentGroups/fleet", symmetric("enrollmentGroupId", "fleet")).status,
              200u);
    for (const char* id : {"d1", "d2", "d3"})
        EXPECT_EQ(
            provision(id, protocol::sas::derive_key(std::string(32, '\x01'), id)).at("status"),
            "assigned");
    const Response all = ask("POST", "/registrations/fleet/query");
    EXPECT_EQ(all.json().as_array().size(), 3u) << all.body;
    EXPECT_EQ(all.field("x-ms-item-type"), "DeviceRegistration");
    const Response first = ask("POST", "/registrations/Fleet/query", R"({"query":"SELECT *"})",
                               "x-ms-max-item-count: 1\r\n");
    EXPECT_EQ(first.json().as_array().size(), 1u);
    EXPECT_NE(first.field("x-ms-continuation"), "");
    EXPECT_EQ(ask("POST", "/registrations/nobody/query").status, 404u);
}

TEST_F(ProvisioningDoor, RefusesDevicesInTheirOwnForm) {
    ASSERT_EQ(ask("PUT", "/enrollments/r1", individual("r1")).status, 200u);
    EXPECT_EQ(code_of(device("PUT", "/register", "r1", base64_encode("0123456789abcdef"))),
              401000u);
    EXPECT_EQ(code_of(device("PUT", "/register", "r1", key_1, "{")), 400004u);
    EXPECT_EQ(code_of(device("GET", "/operations/5.1.2", "r1")), 404000u);
}

TEST(ProvisioningOff, SaysThatItIsNotOffered) {
    ServiceDoor door;
    const Response refused = door.ask("GET", "/enrollments/r1");
    EXPECT_EQ(refused.status, 404u);
    EXPECT_THAT(refused.body, HasSubstr("This hub does not offer device provisioning"));
}

// Spec device-protocols 7.3, for devices with a TPM.
TEST_F(ProvisioningDoor, ATpmIsChallengedAnswersAndGetsTheKeyOfItsHub) {
    const provisioning::testing::SoftTpm tpm;
    const provisioning::TpmKeys keys = tpm.keys();
    ASSERT_EQ(ask("PUT", "/enrollments/press-1",
                  R"({"registrationId":"press-1","attestation":{"type":"tpm","tpm":)"
                  R"({"endorsementKey":")" +
                      keys.endorsement + "\"}}}")
                  .status,
              200u);
    const std::string body = R"({"registrationId":"press-1","tpm":{"endorsementKey":")" +
                             keys.endorsement + R"(","storageRootKey":")" + keys.storage_root +
                             "\"}}";
    const auto first = [&](const std::string& id) {
        return door.ask_raw("PUT /" + std::string(scope) + "/registrations/" + id +
                            "/register?api-version=2019-03-31 HTTP/1.1\r\nHost: global.example\r\n"
                            "Content-Length: " +
                            std::to_string(body.size()) + "\r\n\r\n" + body);
    };
    const Response challenged = first("press-1");
    EXPECT_EQ(challenged.status, 401u);
    const json::value challenge = challenged.json();
    EXPECT_EQ(challenge.at("keyName"), "registration");
    EXPECT_FALSE(challenge.at("message").as_string().empty());
    const auto taken = [&](const json::value& holder) {
        return tpm.take(
            base64_decode(std::string_view(holder.at("authenticationKey").as_string())).value());
    };
    const auto nonce = taken(challenge);
    ASSERT_TRUE(nonce);
    const json::value result = provision("press-1", base64_encode(nonce->signing_key));
    EXPECT_EQ(result.at("status"), "assigned");
    EXPECT_TRUE(taken(result.at("registrationState").at("tpm")));

    EXPECT_EQ(code_of(first("nobody")), 401000u);
    EXPECT_EQ(code_of(device("PUT", "/register", "press-1", key_1, body)), 401000u);
    // Services see what is enrolled, and nothing of the device's key.
    const Response shown = ask("GET", "/registrations/press-1");
    EXPECT_EQ(shown.json().at("status"), "assigned");
    EXPECT_THAT(shown.body, Not(HasSubstr("authenticationKey")));
    EXPECT_THAT(ask("GET", "/enrollments/press-1").body, HasSubstr(keys.endorsement.substr(0, 40)));
}

}  // namespace
}  // namespace twinhub::gateway::http
