#include "apps/cli/received_message.h"

#include <gmock/gmock.h>

namespace twinhub::apps::cli {
namespace {

TEST(ReceivedMessage, IsShownAsAzDoes) {
    ServiceResponse response{
        .status = 200, .body = "hello", .continuation = {}, .retry_after = {}, .etag = "lock"};
    response.fields = {{"iothub-messageid", "m1"},     {"iothub-deliverycount", "0"},
                       {"iothub-sequencenumber", "7"}, {"iothub-ack", "full"},
                       {"iothub-to", "/devices/d/x"},  {"iothub-app-room", "4"}};
    EXPECT_EQ(shown_message(response),
              parse_json(R"({"ack":"full","correlationId":"","data":"hello","deliveryCount":"0",
                  "enqueuedTime":"","etag":"lock","expiry":"","messageId":"m1",
                  "sequenceNumber":"7","userId":"",
                  "properties":{"app":{"room":"4"},
                                "system":{"iothub-messageid":"m1","iothub-deliverycount":"0",
                                          "iothub-sequencenumber":"7","iothub-ack":"full",
                                          "iothub-to":"/devices/d/x"}}})")
                  .value());
}

TEST(ReceivedMessage, IsShownInBase64WhenItIsNoText) {
    const json::value shown = shown_message(
        {.status = 200, .body = "\xFF", .continuation = {}, .retry_after = {}, .etag = "lock"});
    EXPECT_EQ(shown.at("data"), "/w==");
    EXPECT_EQ(shown.at("dataEncoding"), "base64");
}

}  // namespace
}  // namespace twinhub::apps::cli
