// How bodies of clients become values, and values bodies: without a hub.
#include "gateway/http/bulk_json.h"
#include "gateway/http/continuation.h"
#include "gateway/http/identity_json.h"
#include "gateway/http/keys_json.h"
#include "gateway/http/limits.h"
#include "gateway/http/query_refusal.h"
#include "gateway/wire_status.h"

#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

using hub::AuthenticationType;

TwinId id_of(std::string_view device, std::string_view module = {}) {
    TwinId id;
    id.device = DeviceId::parse(device).value();
    if (!module.empty()) id.module = ModuleId::parse(module).value();
    return id;
}

Result<hub::IdentitySpec> read(std::string_view text, const TwinId& id = id_of("d1")) {
    return read_identity(parse_json(text).value().as_object(), id);
}

TEST(IdentityJson, ReadsWhatTheCliSends) {
    const auto spec = read(
        R"({"deviceId":"d1","status":"Enabled","authentication":{"symmetricKey":{},"type":"sas"},"capabilities":{"iotEdge":false}})");
    ASSERT_TRUE(spec);
    EXPECT_EQ(spec->status, hub::Status::enabled);
    ASSERT_TRUE(spec->authentication);
    EXPECT_EQ(spec->authentication->type, AuthenticationType::sas);
    EXPECT_EQ(spec->authentication->primary_key, "");
    EXPECT_EQ(spec->iot_edge, false);
    EXPECT_FALSE(spec->device_scope);
    EXPECT_FALSE(spec->parent_scopes);
}

TEST(IdentityJson, ToleratesEveryNullAndReadOnlyMember) {
    const auto spec = read(
        R"({"deviceId":"d1","generationId":null,"etag":"\"abc\"","connectionState":"Disconnected","status":null,"statusReason":null,
            "connectionStateUpdatedTime":"0001-01-01T00:00:00","cloudToDeviceMessageCount":0,"authentication":null,"capabilities":null,
            "deviceScope":null,"parentScopes":null,"managedBy":null,"unknown":[1,{"a":2}]})");
    ASSERT_TRUE(spec);
    EXPECT_FALSE(spec->status || spec->status_reason || spec->authentication || spec->iot_edge ||
                 spec->device_scope || spec->parent_scopes);
}

TEST(IdentityJson, ReadsKeysThumbprintsAndScopesAsGiven) {
    const auto spec = read(
        R"({"status":"disabled","statusReason":"lost","authentication":{"type":"SELFSIGNED","symmetricKey":{"primaryKey":"a","secondaryKey":"b"},
            "x509Thumbprint":{"primaryThumbprint":"AB","secondaryThumbprint":null}},"deviceScope":"s","parentScopes":["p"]})");
    ASSERT_TRUE(spec);
    EXPECT_EQ(spec->status, hub::Status::disabled);
    EXPECT_EQ(spec->status_reason, "lost");
    EXPECT_EQ(spec->authentication->type, AuthenticationType::self_signed);
    EXPECT_EQ(spec->authentication->primary_key, "a");
    EXPECT_EQ(spec->authentication->primary_thumbprint, "AB");
    EXPECT_EQ(spec->device_scope, "s");
    EXPECT_EQ(spec->parent_scopes, std::vector<std::string>{"p"});
}

struct Wrong {
    std::string body;
    std::string where;
};
class WrongIdentity : public testing::TestWithParam<Wrong> {};
TEST_P(WrongIdentity, IsRefusedByName) {
    const auto spec = read(GetParam().body);
    ASSERT_FALSE(spec);
    EXPECT_EQ(spec.error().code, Code::argument_invalid);
    EXPECT_EQ(spec.error().where, GetParam().where);
}
INSTANTIATE_TEST_SUITE_P(
    Table, WrongIdentity,
    testing::Values(Wrong{R"({"deviceId":"other"})", "deviceId"},
                    Wrong{R"({"deviceId":1})", "deviceId"},
                    Wrong{R"({"status":"asleep"})", "status"},
                    Wrong{R"({"statusReason":{}})", "statusReason"},
                    Wrong{R"({"authentication":"sas"})", "authentication"},
                    Wrong{R"({"authentication":{"type":"magic"}})", "authentication.type"},
                    Wrong{R"({"authentication":{"symmetricKey":[]}})", "symmetricKey"},
                    Wrong{R"({"authentication":{"symmetricKey":{"primaryKey":7}}})", "primaryKey"},
                    Wrong{R"({"capabilities":{"iotEdge":"yes"}})", "iotEdge"},
                    Wrong{R"({"parentScopes":"p"})", "parentScopes"},
                    Wrong{R"({"parentScopes":[1]})", "parentScopes"}));

TEST(IdentityJson, ChecksTheModulesName) {
    EXPECT_EQ(read(R"({"deviceId":"d1","moduleId":"x"})", id_of("d1", "m1")).error().where,
              "moduleId");
    EXPECT_EQ(read(R"({"deviceId":"d1","moduleId":"m1","managedBy":"me"})", id_of("d1", "m1"))
                  ->managed_by,
              "me");
}

std::string shown(hub::Identity identity, hub::Presence presence = {}) {
    std::string out;
    append_identity(out, {std::make_shared<const hub::Identity>(std::move(identity)), presence});
    return out;
}

TEST(IdentityJson, ShowsADeviceAsInTheExample) {
    hub::Identity identity;
    identity.id = id_of("d1");
    identity.generation_id = "638999999999999999";
    identity.etag_number = 801232426;
    identity.authentication.primary_key = "cHA=";
    identity.authentication.secondary_key = "c3M=";
    EXPECT_EQ(
        shown(identity),
        R"({"deviceId":"d1","generationId":"638999999999999999","etag":"ODAxMjMyNDI2","connectionState":"Disconnected",)"
        R"("status":"enabled","statusReason":null,"connectionStateUpdatedTime":"0001-01-01T00:00:00Z",)"
        R"("statusUpdatedTime":"0001-01-01T00:00:00Z","lastActivityTime":"0001-01-01T00:00:00Z","cloudToDeviceMessageCount":0,)"
        R"("authentication":{"symmetricKey":{"primaryKey":"cHA=","secondaryKey":"c3M="},)"
        R"("x509Thumbprint":{"primaryThumbprint":null,"secondaryThumbprint":null},"type":"sas"},"capabilities":{"iotEdge":false}})");
}

TEST(IdentityJson, ShowsScopesAndAnEmptyListForAnEdgeDeviceWithoutParent) {
    hub::Identity identity;
    identity.id = id_of("e1");
    identity.iot_edge = true;
    identity.device_scope = "ms-azure-iot-edge://e1-1";
    const json::object shape = parse_json(shown(identity)).value().as_object();
    EXPECT_EQ(shape.at("deviceScope"), "ms-azure-iot-edge://e1-1");
    EXPECT_TRUE(shape.at("parentScopes").as_array().empty());
}

TEST(IdentityJson, ShowsAModuleWithoutStatus) {
    hub::Identity identity;
    identity.id = id_of("d1", "m1");
    identity.authentication.type = AuthenticationType::none;
    identity.managed_by = "iotEdge";
    hub::Presence presence;
    presence.connected = true;
    const json::object shape = parse_json(shown(identity, presence)).value().as_object();
    EXPECT_EQ(shape.at("moduleId"), "m1");
    EXPECT_EQ(shape.at("managedBy"), "iotEdge");
    EXPECT_EQ(shape.at("connectionState"), "Connected");
    EXPECT_EQ(shape.at("authentication").at("type"), "none");
    EXPECT_TRUE(shape.at("authentication").at("symmetricKey").at("primaryKey").is_null());
    EXPECT_FALSE(shape.contains("status"));
    EXPECT_FALSE(shape.contains("capabilities"));
}

Result<BulkRequest> read_bulk_text(std::string_view text) {
    return read_bulk(parse_json(text).value(), Instant{});
}

TEST(BulkJson, ReadsEveryModeInAnyCase) {
    const auto bulk = read_bulk_text(
        R"([{"id":"a","importMode":"CREATE"},{"id":"b","importMode":"Update"},{"id":"c","importMode":"UpdateIfMatchETag","eTag":"\"e\""},
            {"id":"d","importMode":"delete"},{"id":"e","importMode":"deleteIfMatchETag","eTag":"e"},{"id":"f","importMode":"updateTwin","tags":{"x":1}},
            {"id":"g","importMode":"updateTwinIfMatchETag","twinETag":"t"},{"id":"h","importMode":"createOrUpdate"},
            {"id":"i","importMode":"createOrUpdateIfMatchETag","eTag":"e"},{"id":"j"},{"id":"j","moduleId":"m","importMode":null}])");
    ASSERT_TRUE(bulk);
    ASSERT_TRUE(bulk->refused.empty());
    std::vector<hub::ImportMode> modes;
    for (const hub::BulkItem& item : bulk->items) modes.push_back(item.mode);
    using M = hub::ImportMode;
    EXPECT_EQ(modes, (std::vector{M::create, M::update, M::update_if_match, M::remove,
                                  M::remove_if_match, M::update_twin, M::update_twin_if_match,
                                  M::create_or_update, M::create_or_update_if_match,
                                  M::create_or_update, M::create_or_update}));
    EXPECT_TRUE(bulk->items[2].match.matches("e"));
    EXPECT_FALSE(bulk->items[2].match.is_any());
    EXPECT_TRUE(bulk->items[6].match.matches("t"));
    EXPECT_TRUE(bulk->items[5].initial_twin && bulk->items[5].initial_twin->tags);
    EXPECT_EQ(bulk->items[10].spec.id.module.text(), "m");
}

TEST(BulkJson, TakesAnInitialTwinWithNulls) {
    const auto bulk = read_bulk_text(
        R"([{"id":"a","importMode":"create","status":"enabled","tags":{"t":1},"properties":{"desired":{"x":2},"reported":{}}},
            {"id":"b","importMode":"create","tags":null,"properties":null},{"id":"c","importMode":"update","tags":{"ignored":1}}])");
    ASSERT_TRUE(bulk);
    ASSERT_EQ(bulk->items.size(), 3u) << bulk->refused[0].error.message;
    EXPECT_EQ(bulk->items[0].initial_twin->desired->body(),
              parse_json(R"({"x":2})").value().as_object());
    EXPECT_FALSE(bulk->items[2].initial_twin);
}

TEST(BulkJson, ReportsABadItemAndKeepsTheOthers) {
    const auto bulk = read_bulk_text(
        R"([{"id":"a/b"},{"id":"ok"},{"id":"ok"},{"importMode":"create"},{"id":"x","importMode":"explode"},
            {"id":"y","importMode":"updateIfMatchETag"},{"id":"z","importMode":"updateTwin","tags":{"a.b":1}}])");
    ASSERT_TRUE(bulk);
    ASSERT_EQ(bulk->items.size(), 1u);
    ASSERT_EQ(bulk->refused.size(), 6u);
    EXPECT_EQ(bulk->refused[0].device, "a/b");
    EXPECT_EQ(bulk->refused[1].error.code, Code::device_defined_multiple_times);
    EXPECT_EQ(bulk->refused[5].device, "z");
    EXPECT_EQ(bulk->refused[5].error.code, Code::argument_invalid);
}

TEST(BulkJson, RefusesTooManyItemsAndOtherShapes) {
    std::string many = "[";
    for (int i = 0; i < 101; ++i)
        many += std::string(i == 0 ? "" : ",") + R"({"id":"d)" + std::to_string(i) + "\"}";
    EXPECT_EQ(read_bulk_text(many + "]").error().code, Code::too_many_devices);
    EXPECT_EQ(read_bulk_text("{}").error().code, Code::format_invalid);
    EXPECT_EQ(read_bulk_text("[1]").error().code, Code::format_invalid);
}

TEST(BulkJson, ShowsFailuresWithNamesThatClientsCanParse) {
    std::string out;
    append_bulk_result(out, {{"d1", "", {Code::device_already_exists, "It is there", ""}},
                             {"d2", "m", {Code::internal, "disk", ""}}});
    EXPECT_EQ(
        out,
        R"({"isSuccessful":false,"errors":[{"deviceId":"d1","errorCode":"DeviceAlreadyExists","errorStatus":"It is there"},)"
        R"({"deviceId":"d2","moduleId":"m","errorCode":"ServerError","errorStatus":"The server could not complete the request"}],"warnings":[]})");
    out.clear();
    append_bulk_result(out, {});
    EXPECT_EQ(out, R"({"isSuccessful":true,"errors":[],"warnings":[]})");
    const std::set<std::string_view> known{"ArgumentInvalid",
                                           "DeviceNotFound",
                                           "DeviceAlreadyExists",
                                           "ModuleNotFound",
                                           "ModuleAlreadyExistsOnDevice",
                                           "PreconditionFailed",
                                           "DeviceDefinedMultipleTimes",
                                           "IotHubFormatError",
                                           "TooManyDevices",
                                           "ServerError"};
    for (const WireStatus& row : wire_statuses())
        EXPECT_TRUE(known.contains(bulk_error_name(row.code))) << row.name;
}

TEST(KeysJson, ReadsChoiceAndNames) {
    const auto keys = read_keys_request(
        parse_json(
            R"({"policyKey":"PrimaryKey","devices":[{"id":"d1"},{"id":"d1","moduleId":"m1"},{"id":"d2","moduleId":null}]})")
            .value()
            .as_object());
    ASSERT_TRUE(keys);
    EXPECT_EQ(keys->choice, hub::KeyChoice::primary);
    EXPECT_EQ(keys->ids, (std::vector{id_of("d1"), id_of("d1", "m1"), id_of("d2")}));
    for (const char* text :
         {R"({"policyKey":"third","devices":[]})", R"({"devices":[]})", R"({"policyKey":"both"})",
          R"({"policyKey":"both","devices":[{}]})", R"({"policyKey":"both","devices":[1]})"})
        EXPECT_FALSE(read_keys_request(parse_json(text).value().as_object())) << text;
}

TEST(KeysJson, ShowsWhatWasRotated) {
    std::string out;
    append_keys_result(out, hub::KeyChoice::both,
                       {{{id_of("d1"), "p", "s"}},
                        {{id_of("x", "m"), {Code::policy_key_invalid, "It has no keys", ""}}}});
    EXPECT_EQ(
        out,
        R"({"policyKey":"both","rotatedKeys":[{"id":"d1","primaryKey":"p","secondaryKey":"s"}],)"
        R"("errors":[{"id":"x","moduleId":"m","errorCode":"InvalidPolicyKey","errorStatus":"It has no keys"}]})");
}

TEST(KeysJson, TellsNoKeyThatWasNotRenewed) {
    for (const auto& [choice, text] :
         {std::pair(hub::KeyChoice::primary,
                    R"({"policyKey":"primaryKey","rotatedKeys":[{"id":"d1","primaryKey":"p",)"
                    R"("secondaryKey":null}],"errors":[]})"),
          std::pair(hub::KeyChoice::secondary,
                    R"({"policyKey":"secondaryKey","rotatedKeys":[{"id":"d1","primaryKey":null,)"
                    R"("secondaryKey":"s"}],"errors":[]})")}) {
        std::string out;
        append_keys_result(out, choice, {{{id_of("d1"), "p", "s"}}, {}});
        EXPECT_EQ(out, text);
    }
}

TEST(QueryError, IsAMemberOfTheRefusal) {
    std::string out;
    append_query_error(out, {.kind = query::ErrorKind::unsupported_clause,
                             .message = "",
                             .offset = 12,
                             .line = 2,
                             .column = 3,
                             .near = "it's \"x\"",
                             .hint = "h"});
    EXPECT_EQ(
        out,
        R"(,"queryError":{"kind":"unsupportedClause","offset":12,"line":2,"column":3,"near":"it's \"x\"","hint":"h"})");
}

TEST(QueryRefusal, SaysWhenToComeAgain) {
    Reply reply;
    const Error error = query_not_answered(reply, {Code::throttled, "Too much", "7"}, false);
    EXPECT_EQ(error, (Error{Code::throttled, "Too much", ""}));
    EXPECT_EQ(reply.fields, "Retry-After: 7\r\n");
}

TEST(QueryRefusal, IsNeverHalfAnAnswer) {
    for (const Code code : {Code::timeout, Code::unavailable}) {
        Reply reply;
        EXPECT_EQ(query_not_answered(reply, {code, "Over", ""}, true).code, Code::unavailable);
        EXPECT_EQ(reply.error_members, R"(,"partial":false)");
    }
}

TEST(QueryRefusal, BlamesTheContinuationOnlyWhenThereWasOne) {
    const Error error{Code::argument_invalid, "No", "cursor"};
    Reply first, further;
    EXPECT_EQ(query_not_answered(first, error, false), error);
    EXPECT_EQ(first.error_members, "");
    EXPECT_EQ(query_not_answered(further, error, true).where, "x-ms-continuation");
    EXPECT_TRUE(further.error_members.starts_with(R"(,"queryError":{"kind":"badContinuation",)"));
}

TEST(Continuation, IsBoundToQueryDialectAndCaller) {
    const ContinuationScope scope{"SELECT * FROM devices", "service", "azure"};
    const std::string cursor("dev\0\xff", 5);
    const std::string token = make_continuation(scope, cursor);
    for (const char c : token) EXPECT_TRUE(c > ' ' && c <= '~');
    EXPECT_EQ(read_continuation(scope, token).value(), cursor);
    EXPECT_FALSE(read_continuation({"SELECT * FROM devices ", "service", "azure"}, token));
    EXPECT_FALSE(read_continuation({scope.query, "iothubowner", "azure"}, token));
    EXPECT_FALSE(read_continuation({scope.query, "service", "extended"}, token));
    for (const std::string& bad : {std::string(), std::string("x"), std::string("AAAA"),
                                   token.substr(0, 12), std::string(9000, 'A')})
        EXPECT_EQ(read_continuation(scope, bad).error().code, Code::argument_invalid);
}

}  // namespace
}  // namespace twinhub::gateway::http
