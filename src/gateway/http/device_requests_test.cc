// What devices ask over HTTPS, with their own credentials.
#include "gateway/http/testing/service_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Pair;

const std::string key = base64_encode(std::string(32, 'k'));

class DeviceRequests : public testing::Test {
protected:
    DeviceRequests() {
        create("/devices/d1");
        create("/devices/d2");
        create("/devices/d1/modules/m1");
        heard_ = door.hub().device_events().listen(
            door.on_memory().executor(), 100,
            [this](std::shared_ptr<const hub::DeviceEvent> event) { heard.push_back(event); });
    }

    void create(const std::string& path) {
        ASSERT_EQ(door.ask("PUT", path,
                           R"({"authentication":{"symmetricKey":{"primaryKey":")" + key +
                               R"(","secondaryKey":")" + key + R"("}}})")
                      .status,
                  200u);
    }
    static std::string token(std::string_view resource, std::string_view with = key) {
        return protocol::sas::make_token({.resource = resource,
                                          .key = base64_decode(with).value(),
                                          .expiry = 4'000'000'000,
                                          .policy = {}});
    }
    Response post(std::string_view path, std::string_view body, std::string_view fields = {},
                  std::string_view authorization = {}) {
        return door.ask_raw(
            "POST " + std::string(path) + " HTTP/1.1\r\nHost: hub.local\r\nAuthorization: " +
            (authorization.empty() ? token("hub.local/devices/d1") : std::string(authorization)) +
            "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + std::string(fields) +
            "\r\n" + std::string(body));
    }

    Response device_ask(std::string_view method, std::string_view path,
                        std::string_view fields = {}, std::string_view authorization = {}) {
        return door.ask_raw(
            std::string(method) + " " + std::string(path) +
            " HTTP/1.1\r\nHost: hub.local\r\nAuthorization: " +
            (authorization.empty() ? token("hub.local/devices/d1") : std::string(authorization)) +
            "\r\n" + std::string(fields) + "\r\n");
    }
    void send_down(std::string_view message) {
        ASSERT_EQ(door.ask("POST", "/devices/d1/messages/deviceBound", message).status, 200u);
    }
    Response receive() { return device_ask("GET", "/devices/d1/messages/deviceBound"); }
    Response settle(std::string_view method, const std::string& lock, const std::string& more = {},
                    std::string_view fields = {}) {
        return device_ask(method, "/devices/d1/messages/devicebound/" + lock + more, fields);
    }
    static std::string token_of(const Response& message) {
        const std::string etag = message.field("etag");
        return etag.size() < 2 ? etag : etag.substr(1, etag.size() - 2);
    }

    ServiceDoor door;
    std::vector<std::shared_ptr<const hub::DeviceEvent>> heard;

private:
    std::unique_ptr<hub::DeviceEvents::Subscription> heard_;
};

TEST_F(DeviceRequests, TakeAMessageWithItsProperties) {
    const Response response = post("/devices/d1/messages/events?api-version=2021-04-12", "21.5",
                                   "iothub-to: /devices/d1/messages/events\r\n"
                                   "iothub-app-Room: 4\r\nIoTHub-MessageId: m1\r\n");
    EXPECT_EQ(response.status, 204u);
    EXPECT_EQ(response.body, "");
    door.on_memory().run_ready();
    ASSERT_EQ(heard.size(), 1u);
    EXPECT_EQ(heard[0]->id.text(), "d1");
    EXPECT_EQ(heard[0]->payload, "21.5");
    EXPECT_THAT(heard[0]->properties, Contains(Pair("Room", "4")));
    EXPECT_THAT(heard[0]->properties, Contains(Pair("$.mid", "m1")));
}

TEST_F(DeviceRequests, TakeAnEmptyMessageWithoutAVersion) {
    EXPECT_EQ(post("/devices/d1/messages/events", "").status, 204u);
    EXPECT_EQ(post("/devices/d1/messages/events/?api-version=2016-11-14", "").status, 204u);
    door.on_memory().run_ready();
    EXPECT_EQ(heard.size(), 2u);
}

TEST_F(DeviceRequests, TakeMessagesOfAModule) {
    EXPECT_EQ(post("/devices/d1/modules/m1/messages/events", "x", "iothub-outputname: out\r\n",
                   token("hub.local/devices/d1/modules/m1"))
                  .status,
              204u);
    // The key of the device is not the module's.
    EXPECT_EQ(post("/devices/d1/modules/m1/messages/events", "x").status, 401u);
    door.on_memory().run_ready();
    ASSERT_EQ(heard.size(), 1u);
    EXPECT_EQ(heard[0]->id.text(), "d1/m1");
    EXPECT_THAT(heard[0]->properties, Contains(Pair("$.on", "out")));
}

TEST_F(DeviceRequests, TakeABatchWholeOrNotAtAll) {
    const std::string_view type = "Content-Type: application/vnd.microsoft.iothub.json\r\n";
    EXPECT_EQ(
        post("/devices/d1/messages/events", R"([{"body":"YQ=="},{"body":"Yg=="}])", type).status,
        204u);
    door.on_memory().run_ready();
    ASSERT_EQ(heard.size(), 2u);
    EXPECT_EQ(heard[0]->payload + heard[1]->payload, "ab");
    const Response refused =
        post("/devices/d1/messages/events", R"([{"body":"YQ=="},{"body":"!"}])", type);
    EXPECT_EQ(refused.status, 400u);
    EXPECT_EQ(refused.field("iothub-errorcode"), "ArgumentInvalid");
    EXPECT_THAT(refused.body, HasSubstr("[1]"));
    door.on_memory().run_ready();
    EXPECT_EQ(heard.size(), 2u);
}

TEST_F(DeviceRequests, RefuseWhatIsTooLarge) {
    EXPECT_EQ(post("/devices/d1/messages/events", std::string(262144, 'x')).status, 204u);
    EXPECT_EQ(post("/devices/d1/messages/events", std::string(262145, 'x')).status, 413u);
    // Properties count, too.
    const Response response =
        post("/devices/d1/messages/events", std::string(262140, 'x'), "iothub-app-name: value\r\n");
    EXPECT_EQ(response.status, 413u);
    EXPECT_EQ(response.field("iothub-errorcode"), "MessageTooLarge");
}

TEST_F(DeviceRequests, AreForTheDeviceItself) {
    const std::string path = "/devices/d1/messages/events";
    struct Case {
        std::string authorization;
        unsigned status;
    };
    const std::vector<Case> cases{
        {token("hub.local/devices/d1"), 204},
        {token("hub.local%2Fdevices%2Fd1"), 204},
        {token("hub.local/devices/d1/messages/events"), 204},
        {token("hub.local/devices/d1/messages/deviceBound"), 401},
        {token("hub.local/devices/d2"), 401},
        {token("hub.local"), 401},
        {token("elsewhere/devices/d1"), 401},
        {token("hub.local/devices/d1", base64_encode(std::string(32, 'w'))), 401},
        {"Bearer x", 401},
        {door.token("device"), 204},
        {door.token("iothubowner"), 204},
        {door.token("service"), 401},
        {door.token("registryRead"), 401},
    };
    for (const Case& one : cases)
        EXPECT_EQ(post(path, "x", "", one.authorization).status, one.status) << one.authorization;
    // Who is unknown and who has the wrong key are told the same.
    const Response stranger = post("/devices/nobody/messages/events", "x");
    EXPECT_EQ(stranger.status, 401u);
    EXPECT_EQ(stranger.field("iothub-errorcode"), "IotHubUnauthorizedAccess");
    EXPECT_EQ(post("/devices/a%20b/messages/events", "x").status, 400u);
}

TEST_F(DeviceRequests, AreRefusedToADisabledDevice) {
    ASSERT_EQ(door.ask("PUT", "/devices/d1", R"({"status":"disabled"})", "If-Match: *\r\n").status,
              200u);
    EXPECT_EQ(post("/devices/d1/messages/events", "x").status, 401u);
    EXPECT_EQ(post("/devices/d1/messages/events", "x", "", door.token("device")).status, 401u);
}

TEST_F(DeviceRequests, AreJudgedBeforeTheBodyIsRead) {
    const auto peer = door.connect();
    peer->send(
        "POST /devices/d1/messages/events HTTP/1.1\r\nHost: hub.local\r\n"
        "Authorization: x\r\nContent-Length: 100\r\n\r\n");
    EXPECT_EQ(door.next(peer).status, 401u);
}

TEST_F(DeviceRequests, InviteTheBodyOnceTheDeviceIsKnown) {
    const auto peer = door.connect();
    peer->send("POST /devices/d1/messages/events HTTP/1.1\r\nHost: hub.local\r\nAuthorization: " +
               token("hub.local/devices/d1") +
               "\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
    door.on_memory().run_until([&] { return !peer->received.empty(); });
    EXPECT_EQ(std::exchange(peer->received, ""), "HTTP/1.1 100 Continue\r\n\r\n");
    peer->send("x");
    EXPECT_EQ(door.next(peer).status, 204u);
}

TEST_F(DeviceRequests, FollowEachOtherOnOneConnection) {
    const auto peer = door.connect();
    std::string all;
    for (int i = 0; i < 20; ++i)
        all += "POST /devices/d1/messages/events HTTP/1.1\r\nHost: hub.local\r\nAuthorization: " +
               token("hub.local/devices/d1") + "\r\niothub-app-n: " + std::to_string(i) +
               "\r\nContent-Length: 3\r\n\r\nabc";
    peer->send_split(all, 333);
    for (int i = 0; i < 20; ++i) ASSERT_EQ(door.next(peer).status, 204u) << i;
    door.on_memory().run_ready();
    ASSERT_EQ(heard.size(), 20u);
    for (std::size_t i = 0; i < 20; ++i)
        EXPECT_EQ(heard[i]->properties[0].second, std::to_string(i));
}

TEST_F(DeviceRequests, LeaveTheDeviceDisconnected) {
    ASSERT_EQ(post("/devices/d1/messages/events", "x").status, 204u);
    const json::value device = door.ask("GET", "/devices/d1").json();
    EXPECT_EQ(device.at("connectionState"), "Disconnected");
    EXPECT_EQ(device.at("lastActivityTime"), "0001-01-01T00:00:00Z");
}

TEST_F(DeviceRequests, ReceiveAMessageAndCompleteIt) {
    EXPECT_EQ(receive().status, 204u);
    send_down(R"({"payload":"hello","messageId":"m1","correlationId":"c1","userId":"u1",
                  "contentType":"text/plain","contentEncoding":"utf-8","ack":"full",
                  "properties":{"Room":"4 \u00fc","bare":null}})");
    const Response message = receive();
    EXPECT_EQ(message.status, 200u);
    EXPECT_EQ(message.body, "hello");
    EXPECT_EQ(message.field("content-type"), "text/plain");
    EXPECT_EQ(message.field("iothub-messageid"), "m1");
    EXPECT_EQ(message.field("iothub-correlationid"), "c1");
    EXPECT_EQ(message.field("iothub-userid"), "u1");
    EXPECT_EQ(message.field("iothub-to"), "/devices/d1/messages/deviceBound");
    EXPECT_EQ(message.field("iothub-contenttype"), "text/plain");
    EXPECT_EQ(message.field("iothub-contentencoding"), "utf-8");
    EXPECT_EQ(message.field("iothub-ack"), "full");
    EXPECT_EQ(message.field("iothub-deliverycount"), "0");
    EXPECT_NE(message.field("iothub-sequencenumber"), "");
    EXPECT_NE(message.field("iothub-enqueuedtime"), "");
    EXPECT_NE(message.field("iothub-expiry"), "");
    EXPECT_EQ(message.field("iothub-app-room"), "4 \xC3\xBC");
    EXPECT_TRUE(message.fields.contains("iothub-app-bare"));
    // It is in the hands of the device.
    EXPECT_EQ(receive().status, 204u);
    EXPECT_EQ(settle("DELETE", token_of(message)).status, 204u);
    const Response again = settle("DELETE", token_of(message));
    EXPECT_EQ(again.status, 412u);
    EXPECT_EQ(again.field("iothub-errorcode"), "DeviceMessageLockLost");
}

TEST_F(DeviceRequests, AbandonAMessageAndGetItAgain) {
    send_down(R"({"payload":"x"})");
    const Response first = receive();
    EXPECT_EQ(settle("POST", token_of(first), "/abandon").status, 204u);
    const Response second = receive();
    EXPECT_EQ(second.body, "x");
    EXPECT_EQ(second.field("iothub-deliverycount"), "1");
    EXPECT_EQ(second.field("content-type"), "application/octet-stream");
    EXPECT_NE(token_of(second), token_of(first));
    EXPECT_EQ(settle("DELETE", token_of(second), "?reject").status, 204u);
    EXPECT_EQ(receive().status, 204u);
}

TEST_F(DeviceRequests, SettleUnderTheirLockWithQuotesOrWithout) {
    for (const char* quote : {"", "\""}) {
        send_down(R"({"payload":"x"})");
        const std::string lock = token_of(receive());
        const std::string match = "If-Match: " + std::string(quote) + lock + quote + "\r\n";
        EXPECT_EQ(settle("DELETE", lock, "", "If-Match: other\r\n").status, 412u);
        EXPECT_EQ(settle("DELETE", lock, "?reject&api-version=2021-04-12", match).status, 204u);
    }
    EXPECT_EQ(settle("DELETE", "no-such-lock").status, 412u);
}

TEST_F(DeviceRequests, ReceiveTheirOwnMessagesOnly) {
    send_down(R"({"payload":"x"})");
    EXPECT_EQ(
        device_ask("GET", "/devices/d1/messages/deviceBound", "", token("hub.local/devices/d2"))
            .status,
        401u);
    EXPECT_EQ(device_ask("GET", "/devices/d1/messages/devicebound", "",
                         token("hub.local/devices/d1/messages/devicebound"))
                  .status,
              200u);
}

TEST_F(DeviceRequests, SayThatThereIsNoUpload) {
    for (const char* path : {"/devices/d1/files", "/devices/d1/files/notifications",
                             "/devices/d1/files/notifications/c1"}) {
        const Response response = post(path, "{}");
        EXPECT_EQ(response.status, 404u) << path;
        EXPECT_EQ(response.json().at("errorCode"), 404000) << path;
    }
    EXPECT_EQ(post("/devices/d2/files", "{}").status, 401u);
}

}  // namespace
}  // namespace twinhub::gateway::http
