// Where routes bring events: webhooks, files, and the topics of brokers.
#include "base/json.h"
#include "gateway/routes/file_route_sink.h"
#include "gateway/routes/mqtt_sink.h"
#include "gateway/routes/testing/route_bench.h"
#include "gateway/routes/webhook_route_sink.h"
#include "gateway/sinks/webhook_sink.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>

namespace twinhub::gateway {
namespace {

using ::testing::ElementsAre;
using testing::RouteBench;

struct RouteSinks : RouteBench {
    EventBatch batch(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) feed.add("d" + std::to_string(i + 1));
        return std::make_shared<const std::vector<hub::HubEvent>>(
            feed.events.end() - static_cast<std::ptrdiff_t>(count), feed.events.end());
    }
    Handed deliver(RouteSink& sink_under_test, EventBatch events_to_go) {
        std::optional<Handed> handed;
        asio::co_spawn(
            loop, sink_under_test.deliver(std::move(events_to_go)),
            [&handed](const std::exception_ptr&, Handed result) { handed = std::move(result); });
        run();
        EXPECT_TRUE(handed);
        return handed.value_or(Handed{});
    }
};

struct WebhookRoutes : RouteSinks {
    struct Request {
        std::map<std::string, std::string> headers;
        std::string body;
    };
    WebhookRouteSink sink_of(EventFormat format, std::string secret = {}) {
        return WebhookRouteSink(
            {.url = {.host = "receiver", .port = 443, .target = "/hook?key=hidden"},
             .secret = std::move(secret),
             .hub = "hub.local",
             .format = format},
            [this](Url, OutgoingHeaders headers, std::string body) -> Task<Result<OutgoingAnswer>> {
                Request request{.headers = {}, .body = std::move(body)};
                for (auto& [name, value] : headers) request.headers[name] = value;
                requests.push_back(std::move(request));
                Result<OutgoingAnswer> given = answer;
                co_return given;
            },
            clock);
    }
    std::vector<Request> requests;
    Result<OutgoingAnswer> answer = OutgoingAnswer{.status = 204};
};

TEST_F(WebhookRoutes, PostABatchAndSignIt) {
    WebhookRouteSink hook = sink_of(EventFormat::batch, "a secret of the receiver");
    EXPECT_EQ(deliver(hook, batch(2)).outcome, Handed::Outcome::done);
    ASSERT_EQ(requests.size(), 1u);
    Request& request = requests[0];
    EXPECT_EQ(request.headers["Content-Type"], "application/cloudevents-batch+json; charset=utf-8");
    EXPECT_EQ(parse_json(request.body)->as_array().size(), 2u);
    EXPECT_EQ(request.headers["x-twinhub-signature"],
              webhook_signature("a secret of the receiver", request.headers["x-twinhub-timestamp"],
                                request.body));
}

TEST_F(WebhookRoutes, PostEventsAloneWhereTheyAreAsked) {
    WebhookRouteSink structured = sink_of(EventFormat::structured);
    EXPECT_EQ(structured.events_max(), 1u);
    EXPECT_EQ(deliver(structured, batch(2)).outcome, Handed::Outcome::done);
    ASSERT_EQ(requests.size(), 2u);
    EXPECT_EQ(parse_json(requests[1].body)->at("id").as_string(), "1.2");
    EXPECT_FALSE(requests[1].headers.contains("x-twinhub-signature"));
    WebhookRouteSink binary = sink_of(EventFormat::binary);
    EXPECT_EQ(deliver(binary, batch(1)).outcome, Handed::Outcome::done);
    EXPECT_EQ(requests[2].headers["ce-id"], "1.3");
    EXPECT_EQ(requests[2].headers["Content-Type"], "application/json");
    EXPECT_TRUE(parse_json(requests[2].body)->as_object().contains("body"));
}

TEST_F(WebhookRoutes, TellRefusalFromTrouble) {
    WebhookRouteSink hook = sink_of(EventFormat::batch);
    const auto outcome = [&](int status) {
        answer = OutgoingAnswer{.status = status};
        return deliver(hook, batch(1)).outcome;
    };
    for (const int status : {400, 406, 410, 413, 415, 422})
        EXPECT_EQ(outcome(status), Handed::Outcome::refused) << status;
    for (const int status : {301, 307, 401, 403, 404, 408, 429, 500, 502, 503})
        EXPECT_EQ(outcome(status), Handed::Outcome::again) << status;
    for (const int status : {200, 201, 202, 204})
        EXPECT_EQ(outcome(status), Handed::Outcome::done) << status;
}

TEST_F(WebhookRoutes, SayWhyWithoutWhatIsHidden) {
    WebhookRouteSink hook = sink_of(EventFormat::batch);
    answer = OutgoingAnswer{.status = 503, .retry_after = std::chrono::seconds{7}};
    const Handed handed = deliver(hook, batch(1));
    EXPECT_EQ(handed.wait, std::chrono::seconds{7});
    EXPECT_THAT(handed.what, ::testing::HasSubstr("503"));
    EXPECT_THAT(handed.what, ::testing::Not(::testing::HasSubstr("hidden")));
    answer = failure(Code::timeout, "receiver did not answer in time");
    EXPECT_EQ(deliver(hook, batch(1)).what, "receiver did not answer in time");
}

struct FileRoutes : RouteSinks {
    FileRoutes() {
        std::string pattern = (std::filesystem::temp_directory_path() / "routes.XXXXXX").string();
        folder = ::mkdtemp(pattern.data());
    }
    ~FileRoutes() override { std::filesystem::remove_all(folder); }
    std::vector<std::string> ids(const std::filesystem::path& path) {
        std::vector<std::string> all;
        std::ifstream in(path);
        for (std::string line; std::getline(in, line);) {
            const auto event = parse_json(line);
            all.emplace_back(event ? std::string(event->at("id").as_string()) : "broken");
        }
        return all;
    }
    std::filesystem::path folder;
};

TEST_F(FileRoutes, HaveALineForEachEvent) {
    FileRouteSink file({.path = folder / "events.jsonl", .limits = {}, .hub = "hub"},
                       loop.get_executor(), clock);
    EXPECT_EQ(deliver(file, batch(2)).outcome, Handed::Outcome::done);
    EXPECT_EQ(deliver(file, batch(1)).outcome, Handed::Outcome::done);
    EXPECT_THAT(ids(folder / "events.jsonl"), ElementsAre("1.1", "1.2", "1.3"));
}

TEST_F(FileRoutes, MakeTheirFolderWhereTheyAreTold) {
    FileRouteSink file(
        {.path = folder / "dead" / "r.jsonl", .limits = {}, .hub = "hub", .makes_folder = true},
        loop.get_executor(), clock);
    EXPECT_EQ(deliver(file, batch(1)).outcome, Handed::Outcome::done);
    EXPECT_THAT(ids(folder / "dead" / "r.jsonl"), ElementsAre("1.1"));
    FileRouteSink nowhere({.path = folder / "none" / "r.jsonl", .limits = {}, .hub = "hub"},
                          loop.get_executor(), clock);
    EXPECT_EQ(deliver(nowhere, batch(1)).outcome, Handed::Outcome::again);
}

// A limit on the size of files is how a test fills a disk.
TEST_F(FileRoutes, LoseNothingWhenTheDiskIsFull) {
    FileRouteSink file({.path = folder / "events.jsonl", .limits = {}, .hub = "hub"},
                       loop.get_executor(), clock);
    EXPECT_EQ(deliver(file, batch(1)).outcome, Handed::Outcome::done);
    const auto size = std::filesystem::file_size(folder / "events.jsonl");
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    rlimit full = before;
    full.rlim_cur = size + size / 2;  // in the middle of the next line
    const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
    const EventBatch next = batch(2);
    EXPECT_EQ(deliver(file, next).outcome, Handed::Outcome::again);
    EXPECT_EQ(deliver(file, next).outcome, Handed::Outcome::again);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    std::signal(SIGXFSZ, old_handler);
    EXPECT_EQ(deliver(file, next).outcome, Handed::Outcome::done);
    EXPECT_THAT(ids(folder / "events.jsonl"), ElementsAre("1.1", "1.2", "1.2", "1.3"));
}

TEST(Topics, HaveThePlacesOfTheEventFilledIn) {
    hub::HubEvent event;
    event.kind = "updateTwin";
    event.twin = {DeviceId::parse("d#1+x").value(), ModuleId::parse("m").value()};
    EXPECT_EQ(topic_of("twins/{hub}/{deviceId}/{moduleId}/{opType}", event, "hub.local"),
              "twins/hub.local/d%231%2Bx/m/updateTwin");
    EXPECT_EQ(topic_of("{source}", event, "h"), "TwinChangeEvents");
    EXPECT_EQ(topic_of("{deviceId}/{opType}", {.kind = "jobStarted"}, "h"), "-/jobStarted");
    EXPECT_EQ(topic_of("{other}{", event, "h"), "{other}{");
    event.twin.module = {};
    EXPECT_EQ(topic_of("a{moduleId}b", event, "h"), "ab");
}

}  // namespace
}  // namespace twinhub::gateway
