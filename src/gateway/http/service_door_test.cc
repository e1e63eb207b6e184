// The endpoints end to end: HTTP in, a hub on the memory store behind.
#include "gateway/http/router.h"
#include "gateway/http/testing/service_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

std::string error_of(const Response& response) {
    const std::string name = response.field("iothub-errorcode");
    if (response.status < 400) return "none";
    const std::string message(response.json().at("Message").as_string());
    EXPECT_TRUE(message.starts_with("ErrorCode:" + name + ";")) << message;
    EXPECT_GT(message.size(), name.size() + 11) << message;
    EXPECT_THAT(std::string(response.json().at("ExceptionMessage").as_string()),
                HasSubstr("Tracking ID:"));
    return std::to_string(response.status) + " " + name;
}

class Service : public testing::Test {
protected:
    Response ask(std::string_view method, std::string_view path, std::string_view body = {},
                 std::string_view fields = {}, std::string_view policy = "iothubowner") {
        const Response response = door.ask(method, path, body, fields, policy);
        EXPECT_THAT(response.field("x-ms-request-id"), MatchesRegex("[0-9a-f-]{36}"));
        if (response.status != 204 && method != "HEAD") {
            EXPECT_EQ(response.field("content-type"), "application/json; charset=utf-8");
        }
        return response;
    }
    ServiceDoor door;
};

TEST_F(Service, CreatesADeviceOnceAndShowsIt) {
    const Response created =
        ask("PUT", "/devices/d1",
            R"({"deviceId":"d1","authentication":{"type":"sas","symmetricKey":{}}})");
    ASSERT_EQ(created.status, 200u);
    EXPECT_EQ(created.field("etag"),
              '"' + std::string(created.json().at("etag").as_string()) + '"');
    EXPECT_EQ(
        base64_decode(
            created.json().at("authentication").at("symmetricKey").at("primaryKey").as_string())
            ->size(),
        32u);
    EXPECT_EQ(ask("GET", "/devices/d1").json(), created.json());
    EXPECT_EQ(error_of(ask("PUT", "/devices/d1", "{}")), "409 DeviceAlreadyExists");
    EXPECT_EQ(error_of(ask("GET", "/devices/d2")), "404 DeviceNotFound");
    EXPECT_EQ(error_of(ask("PUT", "/devices/invalid%2Fname", "{}")), "400 ArgumentInvalid");
    EXPECT_EQ(error_of(ask("PUT", "/devices/d3", R"({"deviceId":"d4"})")), "400 ArgumentInvalid");
}

struct IfMatch {
    std::string field;
    unsigned put;
    unsigned patch;
    unsigned remove;
};
class IfMatchMatrix : public Service, public testing::WithParamInterface<IfMatch> {};
TEST_P(IfMatchMatrix, DecidesWritesOfEachResource) {
    for (const std::string path : {"/devices/d", "/devices/d/modules/m"}) {
        const Response created = ask("PUT", path, "{}");
        ASSERT_EQ(created.status, 200u) << created.body;
        const std::string twin_path = "/twins" + path.substr(8);
        const auto header = [&](std::string etag) {
            std::string text = GetParam().field;
            if (const std::size_t at = text.find('@'); at != std::string::npos)
                text.replace(at, 1, etag);
            return text;
        };
        const std::string etag(created.json().at("etag").as_string());
        const std::string twin_etag(ask("GET", twin_path).json().at("etag").as_string());
        EXPECT_EQ(ask("PATCH", twin_path, R"({"tags":{"a":1}})", header(twin_etag)).status,
                  GetParam().patch)
            << path;
        EXPECT_EQ(ask("DELETE", path, "", header(etag)).status, GetParam().remove) << path;
        if (GetParam().remove == 204) {
            ASSERT_EQ(ask("PUT", path, "{}").status, 200u);
        }
        const std::string now(ask("GET", path).json().at("etag").as_string());
        EXPECT_EQ(ask("PUT", path, "{}", header(now)).status, GetParam().put) << path;
    }
}
INSTANTIATE_TEST_SUITE_P(Forms, IfMatchMatrix,
                         testing::Values(IfMatch{"", 409, 200, 412},
                                         IfMatch{"If-Match: *\r\n", 200, 200, 204},
                                         IfMatch{"If-Match: \"*\"\r\n", 200, 200, 204},
                                         IfMatch{"If-Match: \"@\"\r\n", 200, 200, 204},
                                         IfMatch{"If-Match: @\r\n", 200, 200, 204},
                                         IfMatch{"If-Match: W/\"@\"\r\n", 200, 200, 204},
                                         IfMatch{"If-Match: \"x\", \"@\"\r\n", 200, 200, 204},
                                         IfMatch{"If-Match: \"stale\"\r\n", 412, 412, 412},
                                         IfMatch{"If-Match: \r\n", 400, 400, 400}));

TEST_F(Service, RefusesToUpdateOrDeleteWhatIsNotThere) {
    EXPECT_EQ(error_of(ask("PUT", "/devices/d", "{}", "If-Match: *\r\n")), "404 DeviceNotFound");
    EXPECT_EQ(error_of(ask("DELETE", "/devices/d", "", "If-Match: *\r\n")), "404 DeviceNotFound");
    EXPECT_EQ(error_of(ask("PUT", "/devices/d/modules/m", "{}")), "404 DeviceNotFound");
    ASSERT_EQ(ask("PUT", "/devices/d", "{}").status, 200u);
    EXPECT_EQ(error_of(ask("GET", "/devices/d/modules/m")), "404 ModuleNotFound");
    EXPECT_EQ(error_of(ask("GET", "/twins/d/modules/m")), "404 DeviceNotFound");
    EXPECT_EQ(error_of(ask("GET", "/twins/x")), "404 DeviceNotFound");
}

TEST_F(Service, ListsDevicesAndModules) {
    for (const char* path :
         {"/devices/a", "/devices/b", "/devices/b/modules/m1", "/devices/b/modules/m2"})
        ASSERT_EQ(ask("PUT", path, "{}").status, 200u);
    EXPECT_EQ(ask("GET", "/devices/").json().as_array().size(), 2u);
    EXPECT_EQ(ask("GET", "/devices/?top=1").json().as_array().size(), 1u);
    EXPECT_EQ(ask("GET", "/devices?top=99999999999999999999").json().as_array().size(), 2u);
    EXPECT_EQ(error_of(ask("GET", "/devices?top=0")), "400 ArgumentInvalid");
    EXPECT_EQ(error_of(ask("GET", "/devices?top=many")), "400 ArgumentInvalid");
    EXPECT_EQ(ask("GET", "/devices/b/modules").json().as_array().size(), 2u);
    EXPECT_EQ(ask("GET", "/devices/a/modules").body, "[]");
    EXPECT_EQ(error_of(ask("GET", "/devices/x/modules")), "404 DeviceNotFound");
}

TEST_F(Service, CountsDevices) {
    ASSERT_EQ(ask("PUT", "/devices/a", "{}").status, 200u);
    ASSERT_EQ(ask("PUT", "/devices/b", R"({"status":"disabled","statusReason":"lost"})").status,
              200u);
    EXPECT_EQ(ask("GET", "/statistics/devices").body,
              R"({"totalDeviceCount":2,"enabledDeviceCount":1,"disabledDeviceCount":1})");
    EXPECT_EQ(ask("GET", "/statistics/service").body, R"({"connectedDeviceCount":0})");
    EXPECT_EQ(ask("GET", "/statistics/service", "", "", "service").status, 200u);
    EXPECT_EQ(ask("GET", "/statistics/service", "", "", "registryRead").status, 200u);
    EXPECT_EQ(ask("GET", "/statistics/service", "", "", "device").status, 401u);
    EXPECT_EQ(ask("GET", "/statistics/devices", "", "", "service").status, 401u);
}

TEST_F(Service, PatchesAndReplacesATwin) {
    ASSERT_EQ(ask("PUT", "/devices/d", "{}").status, 200u);
    const Response fresh = ask("GET", "/twins/d");
    EXPECT_EQ(fresh.field("etag"), "\"AAAAAAAAAAE=\"");
    EXPECT_EQ(fresh.json().at("version"), 2);
    EXPECT_FALSE(fresh.json().as_object().contains("tags"));
    const Response patched = ask(
        "PATCH", "/twins/d",
        R"({"deviceId":null,"etag":null,"version":null,"tags":{"site":"a"},"properties":{"desired":{"interval":60},"reported":{}}})",
        "If-Match: \"AAAAAAAAAAE=\"\r\n");
    ASSERT_EQ(patched.status, 200u) << patched.body;
    EXPECT_EQ(patched.field("etag"), "\"AAAAAAAAAAI=\"");
    EXPECT_EQ(patched.json().at("tags").at("site"), "a");
    EXPECT_EQ(patched.json().at("properties").at("desired").at("$version"), 2);
    EXPECT_EQ(error_of(ask("PATCH", "/twins/d", "{}", "If-Match: AAAAAAAAAAE=\r\n")),
              "412 PreconditionFailed");
    const Response replaced =
        ask("PUT", "/twins/d", R"({"properties":{"desired":{"fan":{"on":true}}}})");
    EXPECT_FALSE(replaced.json().as_object().contains("tags"));
    EXPECT_FALSE(replaced.json().at("properties").at("desired").as_object().contains("interval"));
    EXPECT_EQ(ask("GET", "/twins/d").json(), replaced.json());
    EXPECT_EQ(error_of(ask("PATCH", "/twins/d", R"({"tags":{"a.b":1}})")), "400 ArgumentInvalid");
    EXPECT_EQ(error_of(ask("PATCH", "/twins/d", "not json")), "400 IotHubFormatError");
    EXPECT_EQ(error_of(ask("PATCH", "/twins/d")), "400 ArgumentNull");
    EXPECT_EQ(error_of(ask("PATCH", "/twins/d", R"({"tags":{"a":1,"a":2}})")),
              "400 ArgumentInvalid");
}

TEST_F(Service, AppliesABulkRequestAndReportsEachFailure) {
    const Response good = ask(
        "POST", "/devices/",
        R"([{"id":"a","importMode":"create","tags":{"x":1}},{"id":"b","importMode":"create"}])");
    EXPECT_EQ(good.status, 200u);
    EXPECT_EQ(good.body, R"({"isSuccessful":true,"errors":[],"warnings":[]})");
    EXPECT_EQ(good.field("iothuberrorcode"), "");
    EXPECT_EQ(ask("GET", "/twins/a").json().at("tags").at("x"), 1);

    const Response mixed =
        ask("POST", "/devices",
            R"([{"id":"a","importMode":"create"},{"id":"c","importMode":"create"},{"id":"q/q"}])");
    EXPECT_EQ(mixed.status, 400u);
    EXPECT_EQ(mixed.field("iothuberrorcode"), "BulkRegistryOperationFailure");
    EXPECT_EQ(mixed.field("iothub-errorcode"), "BulkRegistryOperationFailure");
    EXPECT_EQ(mixed.json().at("isSuccessful"), false);
    EXPECT_EQ(mixed.json().at("errors").as_array().size(), 2u);
    EXPECT_EQ(ask("GET", "/devices/c").status, 200u) << "good items stay";
    EXPECT_EQ(error_of(ask("POST", "/devices", "{}")), "400 IotHubFormatError");
}

TEST_F(Service, TakesATwinThatComesFromAnotherHubWhole) {
    constexpr const char* item =
        R"([{"id":"m1","importMode":"create","twinhub":{"moved":true},"tags":{"a":1},"properties":{
            "desired":{"rate":5,"$metadata":{"$lastUpdated":"2026-01-01T00:00:00Z",
                "rate":{"$lastUpdated":"2026-01-02T00:00:00.1234567Z","$lastUpdatedVersion":9}},
                "$version":9},
            "reported":{"v":1,"$metadata":{"$lastUpdated":"2026-01-03T00:00:00Z",
                "v":{"$lastUpdated":"2026-01-03T00:00:00Z"}},"$version":4}}}])";
    const Response made = door.ask("POST", "/devices", item);
    ASSERT_EQ(made.status, 200u) << made.body;
    const json::value twin = door.ask("GET", "/twins/m1").json();
    EXPECT_EQ(twin.at("tags").at("a"), 1);
    const json::value& desired = twin.at("properties").at("desired");
    EXPECT_EQ(desired.at("$version"), 1);
    EXPECT_EQ(desired.at("$metadata").at("rate").at("$lastUpdated"),
              "2026-01-02T00:00:00.1234567Z");
    EXPECT_EQ(desired.at("$metadata").at("rate").at("$lastUpdatedVersion"), 1);
    const json::value& reported = twin.at("properties").at("reported");
    EXPECT_EQ(reported.at("v"), 1);
    EXPECT_EQ(reported.at("$metadata").at("v").at("$lastUpdated"), "2026-01-03T00:00:00Z");
    // Only to a new identity, and only when it is said.
    EXPECT_EQ(door.ask("POST", "/devices", item).status, 400u);
    EXPECT_EQ(door.ask("POST", "/devices",
                       R"([{"id":"m1","importMode":"createOrUpdate","twinhub":{"moved":true}}])")
                  .status,
              400u);
    EXPECT_EQ(door.ask("POST", "/devices",
                       R"([{"id":"m2","importMode":"create","properties":{"reported":{"v":1}}}])")
                  .status,
              200u);
    EXPECT_FALSE(door.ask("GET", "/twins/m2")
                     .json()
                     .at("properties")
                     .at("reported")
                     .as_object()
                     .contains("v"));
}

TEST_F(Service, RegeneratesKeysOfThoseThatHaveSome) {
    const Response before = ask("PUT", "/devices/a", "{}");
    ASSERT_EQ(
        ask("PUT", "/devices/x", R"({"authentication":{"type":"certificateAuthority"}})").status,
        200u);
    const Response all = ask("POST", "/devices/keys/regenerate?api-version=2024-03-31",
                             R"({"policyKey":"primaryKey","devices":[{"id":"a"}]})");
    ASSERT_EQ(all.status, 200u) << all.body;
    const json::value keys = before.json().at("authentication").at("symmetricKey");
    EXPECT_NE(all.json().at("rotatedKeys").at(0).at("primaryKey"), keys.at("primaryKey"));
    EXPECT_TRUE(all.json().at("rotatedKeys").at(0).at("secondaryKey").is_null()) << "not renewed";
    EXPECT_EQ(
        ask("GET", "/devices/a").json().at("authentication").at("symmetricKey").at("secondaryKey"),
        keys.at("secondaryKey"));
    const Response some = ask("POST", "/devices/keys/regenerate",
                              R"({"policyKey":"both","devices":[{"id":"a"},{"id":"x"}]})");
    EXPECT_EQ(some.status, 207u);
    EXPECT_EQ(some.json().at("errors").at(0).at("id"), "x");
    EXPECT_EQ(
        ask("POST", "/devices/keys/regenerate", R"({"policyKey":"both","devices":[{"id":"x"}]})")
            .status,
        400u);
}

TEST_F(Service, PagesThroughAQuery) {
    for (int i = 0; i < 7; ++i)
        ASSERT_EQ(ask("PUT", "/devices/d" + std::to_string(i), "{}").status, 200u);
    constexpr std::string_view query = R"({"query":"SELECT * FROM devices"})";
    std::vector<std::string> seen;
    std::string token;
    int pages = 0;
    do {
        std::string fields = "x-ms-max-item-count: 3\r\n";
        if (!token.empty()) fields += "x-ms-continuation: " + token + "\r\n";
        const Response page = ask("POST", "/devices/query", query, fields);
        ASSERT_EQ(page.status, 200u) << page.body;
        EXPECT_EQ(page.field("x-ms-item-type"), "Twin");
        const json::value items = page.json();
        for (const json::value& item : items.as_array())
            seen.emplace_back(item.at("deviceId").as_string());
        EXPECT_EQ(page.fields.contains("x-ms-continuation"), ++pages < 3);
        token = page.field("x-ms-continuation");
    } while (!token.empty());
    EXPECT_EQ(pages, 3);
    EXPECT_THAT(seen, testing::UnorderedElementsAre("d0", "d1", "d2", "d3", "d4", "d5", "d6"));
    EXPECT_EQ(error_of(ask("POST", "/devices/query", query, "x-ms-continuation: AAAA\r\n")),
              "400 ArgumentInvalid");
}

TEST_F(Service, AnswersTheQueriesThatExist) {
    ASSERT_EQ(ask("PUT", "/devices/d1", "{}").status, 200u);
    ASSERT_EQ(ask("PUT", "/devices/d2", "{}").status, 200u);
    ASSERT_EQ(ask("PUT", "/devices/d2/modules/m", "{}").status, 200u);
    const auto count = [&](std::string_view query) {
        const Response page = ask("POST", "/devices/query", to_text(json::value{{"query", query}}));
        EXPECT_EQ(page.status, 200u) << page.body;
        EXPECT_EQ(page.field("x-ms-item-type"), "Twin");
        EXPECT_FALSE(page.fields.contains("x-ms-continuation"));
        return page.json().as_array().size();
    };
    EXPECT_EQ(count("select * from devices"), 2u);
    EXPECT_EQ(count("select * from devices where deviceId = 'd2'"), 1u);
    EXPECT_EQ(count("select * from devices where deviceId = 'nobody'"), 0u);
    EXPECT_EQ(count("select * from devices where deviceId = 'no such/id'"), 0u);
    EXPECT_EQ(count("select * from devices.modules"), 1u);
    EXPECT_EQ(error_of(ask("POST", "/devices/query", "{}")), "400 ArgumentNull");
    for (const char* size : {"0", "-1", "x", ""})
        EXPECT_EQ(error_of(ask("POST", "/devices/query", R"({"query":"select * from devices"})",
                               "x-ms-max-item-count: " + std::string(size) + "\r\n")),
                  "400 ArgumentInvalid")
            << size;
}

TEST_F(Service, HasNoJobsAndNoCommands) {
    EXPECT_EQ(ask("GET", "/jobs").body, "[]");
    EXPECT_EQ(error_of(ask("GET", "/jobs/j1")), "404 JobNotFound");
    EXPECT_EQ(error_of(ask("POST", "/jobs/create", R"({"type":"export"})")),
              "400 BlobContainerValidationError");
    EXPECT_EQ(error_of(ask("POST", "/jobs/create", "{}", "", "registryRead")),
              "401 IotHubUnauthorizedAccess");
    ASSERT_EQ(ask("PUT", "/devices/d", "{}").status, 200u);
    EXPECT_EQ(ask("DELETE", "/devices/d/commands").body,
              R"({"totalMessagesPurged":0,"deviceId":"d","moduleId":null})");
    EXPECT_EQ(error_of(ask("DELETE", "/devices/x/commands")), "404 DeviceNotFound");
}

TEST_F(Service, RefusesWhatThePolicyMayNot) {
    ASSERT_EQ(ask("PUT", "/devices/d", "{}").status, 200u);
    struct Row {
        const char *method, *path, *policy;
        unsigned status;
    };
    for (const Row& row :
         {Row{"GET", "/twins/d", "service", 200}, Row{"GET", "/twins/d", "registryReadWrite", 401},
          Row{"GET", "/devices/d", "registryRead", 200}, Row{"GET", "/devices/d", "service", 401},
          Row{"PUT", "/devices/e", "registryRead", 401},
          Row{"PUT", "/devices/e", "registryReadWrite", 200},
          Row{"POST", "/devices/query", "registryRead", 401},
          Row{"GET", "/devices", "device", 401}}) {
        const std::string_view body = row.method == std::string("GET") ? "" : "{}";
        const Response response = ask(row.method, row.path, body, "", row.policy);
        EXPECT_EQ(response.status, row.status) << row.method << row.path << row.policy;
        if (row.status == 401) {
            EXPECT_THAT(
                response.body,
                HasSubstr(
                    R"({"Message":"ErrorCode:IotHubUnauthorizedAccess;Unauthorized","ExceptionMessage")"));
        }
    }
}

TEST_F(Service, RefusesEveryRouteWithoutACredential) {
    for (const Route& route : all_routes()) {
        if (route.is_device_socket || route.face != Face::hub) continue;
        constexpr std::array names{"GET", "PUT", "POST", "PATCH", "DELETE"};
        std::string path(route.pattern);
        std::erase_if(path, [](char c) { return c == '{' || c == '}'; });
        const Response response =
            door.ask_raw(std::string(names[static_cast<std::size_t>(route.method)]) + " " + path +
                         "?api-version=2021-04-12 HTTP/1.1\r\nHost: hub.local\r\n\r\n");
        EXPECT_EQ(error_of(response), "401 IotHubUnauthorizedAccess") << path;
    }
}

TEST_F(Service, WantsAnApiVersionAndJson) {
    const Response none = door.ask_raw(
        "GET /jobs HTTP/1.1\r\nHost: hub.local\r\nAuthorization: " + door.token() + "\r\n\r\n");
    EXPECT_EQ(error_of(none), "400 InvalidProtocolVersion");
    const auto peer = door.connect();
    peer->send(
        "PUT /devices/d?api-version=2021-04-12 HTTP/1.1\r\nHost: hub.local\r\nAuthorization: " +
        door.token() + "\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}");
    EXPECT_EQ(error_of(door.next(peer)), "415 GenericUnsupportedMediaType");
}

TEST_F(Service, AnswersHeadAndOptionsAsRefusals) {
    const Response head = ask("HEAD", "/devices/d");
    EXPECT_EQ(head.status, 405u);
    EXPECT_EQ(head.body, "");
    EXPECT_EQ(head.field("iothub-errorcode"), "GenericMethodNotAllowed");
    EXPECT_EQ(error_of(ask("OPTIONS", "/devices/d")), "405 GenericMethodNotAllowed");
    EXPECT_EQ(error_of(ask("GET", "/access/roles")), "404 GenericNotFound");
}

TEST_F(Service, EchoesTheClientsRequestId) {
    EXPECT_EQ(ask("GET", "/jobs", "", "x-ms-client-request-id: 6f0c-1\r\n")
                  .field("x-ms-client-request-id"),
              "6f0c-1");
    EXPECT_FALSE(
        ask("GET", "/jobs", "", "Request-Id: 7\r\n").fields.contains("x-ms-client-request-id"));
}

TEST_F(Service, RefusesWritesThatCannotBeMadeDurable) {
    ASSERT_EQ(ask("PUT", "/devices/d", "{}").status, 200u);
    door.on_memory().engine().fail_commits(1, store::MemoryEngine::Fault::refused);
    const Response refused = ask("PATCH", "/twins/d", R"({"tags":{"a":1}})");
    EXPECT_EQ(error_of(refused), "503 ServiceUnavailable");
    EXPECT_FALSE(ask("GET", "/twins/d").json().as_object().contains("tags"));
    EXPECT_EQ(ask("PATCH", "/twins/d", R"({"tags":{"a":1}})").status, 200u);
}

}  // namespace
}  // namespace twinhub::gateway::http
