#include "gateway/sinks/webhook_sink.h"

#include "base/json.h"
#include "base/loop.h"
#include "gateway/sinks/testing/sink_bench.h"

#include <gmock/gmock.h>

namespace twinhub::gateway {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::SinkBench;

// A receiver that answers what the test says, and remembers what it was sent.
struct WebhookSinkTest : SinkBench {
    struct Request {
        std::map<std::string, std::string> headers;
        std::string body;
        std::vector<std::string> devices() const {
            std::vector<std::string> ids;
            const json::value all = parse_json(body).value();
            for (const json::value& event : all.as_array())
                ids.emplace_back(event.at("deviceId").as_string());
            return ids;
        }
    };

    ~WebhookSinkTest() override {
        if (sink) sink->stop();
        run();
    }

    void begin(WebhookSinkOptions options = {}) {
        options.name = "hook";
        options.hub = "hub.local";
        options.url = {.host = "receiver", .port = 443, .target = "/hook?key=hidden"};
        sink = std::make_shared<WebhookSink>(
            options,
            [this](Url, OutgoingHeaders headers, std::string body) -> Task<Result<OutgoingAnswer>> {
                Request request{.headers = {}, .body = std::move(body)};
                for (auto& [name, value] : headers) request.headers[name] = value;
                requests.push_back(std::move(request));
                if (answers.empty()) co_return OutgoingAnswer{.status = 200};
                Result<OutgoingAnswer> answer = answers.front();
                answers.pop_front();
                co_return answer;
            },
            seams());
        sink->start();
        run();
    }

    std::shared_ptr<WebhookSink> sink;
    std::vector<Request> requests;
    std::deque<Result<OutgoingAnswer>> answers;
};

TEST_F(WebhookSinkTest, SendsWhatCameWithinItsDelayAsOneBatch) {
    begin();
    publish("d1");
    publish("d2");
    EXPECT_THAT(requests, IsEmpty());
    EXPECT_EQ(waiting("hook"), 2);
    advance(3s);
    ASSERT_EQ(requests.size(), 1u);
    EXPECT_THAT(requests[0].devices(), ElementsAre("d1", "d2"));
    EXPECT_EQ(requests[0].headers["x-twinhub-hub"], "hub.local");
    EXPECT_EQ(handed("hook"), 2);
    EXPECT_EQ(waiting("hook"), 0);
}

TEST_F(WebhookSinkTest, SendsAtOnceWhatFillsABatch) {
    begin({.batch_messages_max = 2});
    for (const char* device : {"d1", "d2", "d3"}) publish(device);
    ASSERT_EQ(requests.size(), 1u);
    EXPECT_THAT(requests[0].devices(), ElementsAre("d1", "d2"));
    advance(3s);
    ASSERT_EQ(requests.size(), 2u);
    EXPECT_THAT(requests[1].devices(), ElementsAre("d3"));
}

TEST_F(WebhookSinkTest, CutsABatchByItsBytesAndSendsALargerMessageAlone) {
    begin({.batch_bytes_max = 500, .delay = 1000ms});
    publish("d1", std::string(1000, 'x'));
    publish("d2");
    publish("d3");
    advance(3s);
    ASSERT_EQ(requests.size(), 2u);
    EXPECT_THAT(requests[0].devices(), ElementsAre("d1"));
    EXPECT_THAT(requests[1].devices(), ElementsAre("d2", "d3"));
}

TEST_F(WebhookSinkTest, SignsTimestampAndBody) {
    begin({.secret = "a secret", .delay = 0ms});
    publish("d1");
    ASSERT_EQ(requests.size(), 1u);
    auto& headers = requests[0].headers;
    EXPECT_EQ(headers["x-twinhub-signature"],
              webhook_signature("a secret", headers["x-twinhub-timestamp"], requests[0].body));
    EXPECT_EQ(webhook_signature("key", "1", "{}"),
              "sha256=1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224");
}

TEST_F(WebhookSinkTest, SendsAFailedBatchAgainUntilItIsTaken) {
    begin({.delay = 0ms});
    answers = {failure(Code::unavailable, "no route"), OutgoingAnswer{.status = 503},
               OutgoingAnswer{.status = 302}, OutgoingAnswer{.status = 204}};
    publish("d1");
    publish("d2");
    EXPECT_EQ(requests.size(), 1u);
    for (int i = 0; i < 20; ++i) advance(1s);
    ASSERT_EQ(requests.size(), 5u);
    for (std::size_t i = 1; i < 4; ++i) {
        EXPECT_EQ(requests[i].body, requests[0].body);
        EXPECT_EQ(requests[i].headers["x-twinhub-batch"], requests[0].headers["x-twinhub-batch"]);
    }
    EXPECT_THAT(requests[4].devices(), ElementsAre("d2"));
    EXPECT_EQ(handed("hook"), 2);
    EXPECT_EQ(failures("hook"), 3);
    EXPECT_EQ(lost("hook"), 0);
}

TEST_F(WebhookSinkTest, GivesUpOnABatchWhenItsTimeIsOver) {
    begin({.delay = 0ms, .retry_for = 5000ms});
    for (int i = 0; i < 100; ++i) answers.push_back(OutgoingAnswer{.status = 500});
    publish("d1");
    for (int i = 0; i < 10; ++i) advance(1s);
    EXPECT_EQ(lost("hook"), 1);
    EXPECT_EQ(waiting("hook"), 0);
    answers.clear();
    publish("d2");
    EXPECT_EQ(handed("hook"), 1);
}

TEST_F(WebhookSinkTest, DoesNotRepeatWhatIsRefusedForGood) {
    begin({.delay = 0ms});
    for (const int status : {400, 413, 415, 422}) answers.push_back(OutgoingAnswer{status});
    for (const char* device : {"d1", "d2", "d3", "d4", "d5"}) publish(device);
    EXPECT_EQ(requests.size(), 5u);
    EXPECT_EQ(lost("hook"), 4);
    EXPECT_EQ(handed("hook"), 1);
}

TEST_F(WebhookSinkTest, LosesWhatItsBufferDoesNotHoldAndCountsIt) {
    begin({.buffer_bytes_max = 1000});
    for (int i = 0; i < 50; ++i) publish("d1", std::string(100, 'x'));
    const double kept = waiting("hook");
    EXPECT_GT(kept, 0);
    EXPECT_EQ(lost("hook"), 50 - kept);
    advance(3s);
    EXPECT_EQ(handed("hook"), kept);
}

TEST_F(WebhookSinkTest, HandsOverWhatWaitsWhenTheServerEnds) {
    begin();
    publish("d1");
    sink->finish();
    run();
    EXPECT_EQ(handed("hook"), 1);
    EXPECT_EQ(sink->waiting(), 0u);
    // One that fails then is not tried again.
    answers.push_back(OutgoingAnswer{.status = 500});
    publish("d2");
    EXPECT_EQ(lost("hook"), 1);
    EXPECT_EQ(sink->waiting(), 0u);
}

TEST_F(WebhookSinkTest, CountsWhatWaitsAsLostWhenItStops) {
    begin({.delay = 0ms});
    for (int i = 0; i < 10; ++i) answers.push_back(OutgoingAnswer{.status = 500});
    publish("d1");
    publish("d2");
    sink->stop();
    run();
    EXPECT_EQ(lost("hook"), 2);
    EXPECT_EQ(sink->waiting(), 0u);
    EXPECT_FALSE(events.is_heard());
}

TEST(RetryPause, DoublesUpToAMinuteWithChance) {
    EXPECT_EQ(retry_pause(1, {}, 0), 1000ms);
    EXPECT_EQ(retry_pause(2, {}, 0), 2000ms);
    EXPECT_EQ(retry_pause(7, {}, 0), 60'000ms);
    EXPECT_EQ(retry_pause(1000, {}, 0), 60'000ms);
    for (std::uint64_t chance = 0; chance < 5000; chance += 7) {
        EXPECT_GE(retry_pause(3, {}, chance), 2000ms);
        EXPECT_LE(retry_pause(3, {}, chance), 4000ms);
    }
}

TEST(RetryPause, IsWhatTheReceiverAsksForWithinReason) {
    EXPECT_EQ(retry_pause(1, 30s, 0), 30'000ms);
    EXPECT_EQ(retry_pause(5, 1s, 0), 16'000ms);
    EXPECT_EQ(retry_pause(1, 3600s, 0), 300'000ms);
}

}  // namespace
}  // namespace twinhub::gateway
