// Direct methods and messages to devices over HTTP.
#include "gateway/http/testing/service_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

using testing::HasSubstr;

// A device that answers as it is told.
struct DeviceStandIn final : hub::DeviceLink {
    explicit DeviceStandIn(hub::Shard& on, TwinId identity) : shard(on), id(std::move(identity)) {
        hub::Identity known;
        known.id = id;
        shard.attach({std::make_shared<const hub::Identity>(std::move(known)), {}}, *this, {});
        shard.takes_methods(id, *this, {.all = true});
    }
    ~DeviceStandIn() override { shard.detach(id, *this); }
    void desired_changed(std::uint64_t, std::string_view) override {}
    void invoke(std::uint64_t number, std::string_view name, std::string_view payload) override {
        asked = std::string(name) + " " + std::string(payload);
        if (!silent) shard.method_answered(id, number, status, answer);
    }
    void deliver(const hub::LockedMessage&) override {}
    void end(hub::LinkEnd) override {}

    hub::Shard& shard;
    TwinId id;
    bool silent = false;
    int status = 200;
    std::string answer;
    std::string asked;
};

class DeviceSide : public testing::Test {
protected:
    DeviceSide() {
        EXPECT_EQ(ask("PUT", "/devices/d", "{}").status, 200u);
        EXPECT_EQ(ask("PUT", "/devices/d/modules/m", "{}").status, 200u);
    }
    Response ask(std::string_view method, std::string_view path, std::string_view body = {},
                 std::string_view policy = "iothubowner") {
        return door.ask(method, path, body, {}, policy);
    }
    static TwinId id_of(std::string_view device, std::string_view module = {}) {
        TwinId id{DeviceId::parse(device).value(), {}};
        if (!module.empty()) id.module = ModuleId::parse(module).value();
        return id;
    }
    hub::Shard& shard() { return door.hub().shards().at(0); }
    void pass(std::chrono::seconds time) {
        for (; time.count() > 0; time -= std::chrono::seconds{1}) {
            door.advance(std::chrono::seconds{1});
            shard().tick();
        }
    }
    ServiceDoor door;
};

TEST_F(DeviceSide, AMethodIsInvokedAndAnswers) {
    DeviceStandIn device(shard(), id_of("d"));
    device.answer = R"({"a":[1.5,null]})";
    device.status = -3;
    const Response answer =
        ask("POST", "/twins/d/methods?x=y",
            R"({"methodName":"go","payload":{"n":1},"responseTimeoutInSeconds":30})", "service");
    EXPECT_EQ(answer.status, 200u);
    EXPECT_EQ(answer.body, R"({"status":-3,"payload":{"a":[1.5,null]}})");
    EXPECT_EQ(device.asked, R"(go {"n":1})");
    device.answer.clear();
    EXPECT_EQ(ask("POST", "/twins/d/methods", R"({"methodName":"go","payload":null})").body,
              R"({"status":-3,"payload":null})");
    EXPECT_EQ(device.asked, "go null");
}

TEST_F(DeviceSide, AModulesMethodIsItsOwn) {
    DeviceStandIn module(shard(), id_of("d", "m"));
    EXPECT_EQ(ask("POST", "/twins/d/modules/m/methods", R"({"methodName":"go"})").status, 200u);
    EXPECT_EQ(ask("POST", "/twins/d/methods", R"({"methodName":"go"})").status, 404u);
}

struct Refusal {
    std::string_view path;
    std::string_view body;
    unsigned status;
    std::string_view name;
};
class MethodRefusals : public DeviceSide, public testing::WithParamInterface<Refusal> {};
TEST_P(MethodRefusals, NameTheirReason) {
    const Response answer = ask("POST", GetParam().path, GetParam().body);
    EXPECT_EQ(answer.status, GetParam().status);
    EXPECT_EQ(answer.field("iothub-errorcode"), GetParam().name);
    EXPECT_THAT(std::string(answer.json().at("Message").as_string()),
                HasSubstr("ErrorCode:" + std::string(GetParam().name) + ";"));
}
INSTANTIATE_TEST_SUITE_P(
    Requests, MethodRefusals,
    testing::Values(
        Refusal{"/twins/x/methods", R"({"methodName":"a"})", 404, "DeviceNotFound"},
        Refusal{"/twins/d/modules/x/methods", R"({"methodName":"a"})", 404, "ModuleNotFound"},
        Refusal{"/twins/d/methods", R"({"payload":1})", 400, "ArgumentNull"},
        Refusal{"/twins/d/methods", R"({"methodName":"a b"})", 400, "ArgumentInvalid"},
        Refusal{"/twins/d/methods", R"({"methodName":5})", 400, "ArgumentInvalid"},
        Refusal{"/twins/d/methods", R"({"methodName":"a","responseTimeoutInSeconds":4})", 400,
                "ArgumentInvalid"},
        Refusal{"/twins/d/methods", R"({"methodName":"a","responseTimeoutInSeconds":301})", 400,
                "ArgumentInvalid"},
        Refusal{"/twins/d/methods", R"({"methodName":"a","connectTimeoutInSeconds":31})", 400,
                "ArgumentInvalid"},
        Refusal{"/twins/d/methods", R"({"methodName":"a","connectTimeoutInSeconds":"1"})", 400,
                "ArgumentInvalid"},
        Refusal{"/twins/d/methods", "", 400, "ArgumentNull"}));

TEST_F(DeviceSide, WhatGoesWrongWithTheDeviceIsToldInside) {
    const auto code_of = [](const Response& response) {
        const json::value inner = parse_json(response.json().at("Message").as_string()).value();
        EXPECT_EQ(response.json().at("ExceptionMessage"), "");
        EXPECT_FALSE(inner.at("message").as_string().empty());
        return inner.at("errorCode").to_number<int>();
    };
    Response answer = ask("POST", "/twins/d/methods", R"({"methodName":"a"})");
    EXPECT_EQ(answer.status, 404u);
    EXPECT_EQ(answer.field("iothub-errorcode"), "DeviceNotOnline");
    EXPECT_EQ(code_of(answer), 404103);

    DeviceStandIn device(shard(), id_of("d"));
    device.answer = "nonsense";
    answer = ask("POST", "/twins/d/methods", R"({"methodName":"a"})");
    EXPECT_EQ(answer.status, 502u);
    EXPECT_EQ(code_of(answer), 502000);

    device.silent = true;
    const auto peer = door.connect();
    peer->send(door.request("POST", "/twins/d/methods",
                            R"({"methodName":"a","responseTimeoutInSeconds":5})"));
    door.on_memory().run_ready();
    pass(std::chrono::seconds{6});
    answer = door.next(peer);
    EXPECT_EQ(answer.status, 504u);
    EXPECT_EQ(answer.field("iothub-errorcode"), "GatewayTimeout");
    EXPECT_EQ(code_of(answer), 504101);
}

TEST_F(DeviceSide, ACallerThatLeavesEndsItsWait) {
    DeviceStandIn device(shard(), id_of("d"));
    device.silent = true;
    const auto peer = door.connect();
    peer->send(door.request("POST", "/twins/d/methods", R"({"methodName":"a"})"));
    door.on_memory().run_ready();
    EXPECT_EQ(door.hub().metrics().method_calls_waiting.Value(), 1.0);
    peer->hang_up();
    door.on_memory().run_ready();
    pass(std::chrono::seconds{1});
    EXPECT_EQ(door.hub().metrics().method_calls_waiting.Value(), 0.0);
}

TEST_F(DeviceSide, MessagesAreSentCountedAndPurged) {
    const Response sent =
        ask("POST", "/devices/d/messages/deviceBound",
            R"({"messageId":"m1","payload":"hi","properties":{"a":"b","n":null},"ack":"full"})",
            "service");
    EXPECT_EQ(sent.status, 200u) << sent.body;
    EXPECT_EQ(sent.json().at("messageId"), "m1");
    EXPECT_EQ(ask("POST", "/devices/d/messages/devicebound", R"({"payloadBase64":"/w=="})").status,
              200u);
    EXPECT_EQ(ask("GET", "/devices/d").json().at("cloudToDeviceMessageCount"), 2);
    EXPECT_EQ(ask("GET", "/twins/d").json().at("cloudToDeviceMessageCount"), 2);
    EXPECT_EQ(ask("DELETE", "/devices/d/commands").json(),
              parse_json(R"({"totalMessagesPurged":2,"deviceId":"d","moduleId":null})").value());
    EXPECT_EQ(ask("GET", "/devices/d").json().at("cloudToDeviceMessageCount"), 0);

    const Response feedback = ask("GET", "/messages/serviceBound/feedback");
    ASSERT_EQ(feedback.status, 200u);
    const json::value record = feedback.json().as_array().at(0);
    EXPECT_EQ(record.at("originalMessageId"), "m1");
    EXPECT_EQ(record.at("statusCode"), "Purged");
    EXPECT_EQ(record.at("description"), "Purged");
    EXPECT_EQ(record.at("deviceId"), "d");
    EXPECT_EQ(record.at("deviceGenerationId"), ask("GET", "/devices/d").json().at("generationId"));
    EXPECT_FALSE(record.at("enqueuedTimeUtc").as_string().empty());
    const std::string etag = feedback.field("etag");
    const std::string token = etag.substr(1, etag.size() - 2);
    EXPECT_EQ(ask("GET", "/messages/serviceBound/feedback").status, 204u);
    const std::string at = "/messages/servicebound/feedback/";
    EXPECT_EQ(ask("POST", at + token + "/abandon").status, 204u);
    const Response again = ask("GET", "/messages/serviceBound/feedback");
    ASSERT_EQ(again.status, 200u);
    EXPECT_EQ(ask("DELETE", at + token).field("iothub-errorcode"), "DeviceMessageLockLost");
    EXPECT_EQ(ask("DELETE", at + again.field("etag").substr(1, token.size())).status, 204u);
    EXPECT_EQ(ask("GET", "/messages/serviceBound/feedback").status, 204u);
}

TEST_F(DeviceSide, MessagesThatAreNoneAreRefused) {
    const auto refused = [&](std::string_view body, std::string_view path = "/devices/d") {
        const Response answer = ask("POST", std::string(path) + "/messages/deviceBound", body);
        return std::to_string(answer.status) + " " + answer.field("iothub-errorcode");
    };
    EXPECT_EQ(refused(R"({"payload":"a"})", "/devices/x"), "404 DeviceNotFound");
    EXPECT_EQ(refused(R"({"payload":1})"), "400 ArgumentInvalid");
    EXPECT_EQ(refused(R"({"payload":"a","payloadBase64":"YQ=="})"), "400 ArgumentInvalid");
    EXPECT_EQ(refused(R"({"payloadBase64":"?"})"), "400 ArgumentInvalid");
    EXPECT_EQ(refused(R"({"ack":"some"})"), "400 ArgumentInvalid");
    EXPECT_EQ(refused(R"({"expiryTimeUtc":"soon"})"), "400 ArgumentInvalid");
    EXPECT_EQ(refused(R"({"properties":{"a":1}})"), "400 ArgumentInvalid");
    EXPECT_EQ(refused(R"({"payload":")" + std::string(66'000, 'x') + "\"}"), "413 MessageTooLarge");
    for (int i = 0; i < 50; ++i) ASSERT_EQ(refused("{}"), "200 ");
    EXPECT_EQ(refused("{}"), "403 DeviceMaximumQueueDepthExceeded");
}

TEST_F(DeviceSide, AreForWhoMayConnectAsAService) {
    for (const auto& [method, path] : {std::pair("POST", "/twins/d/methods"),
                                       {"POST", "/devices/d/messages/deviceBound"},
                                       {"GET", "/messages/serviceBound/feedback"},
                                       {"DELETE", "/devices/d/commands"}})
        EXPECT_EQ(ask(method, path, "{}", "registryReadWrite").status, 401u) << path;
}

}  // namespace
}  // namespace twinhub::gateway::http
