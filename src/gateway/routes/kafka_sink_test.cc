#include "gateway/routes/kafka_sink.h"

#include "base/loop.h"
#include "gateway/routes/testing/route_bench.h"

#include <boost/asio/co_spawn.hpp>
#include <gmock/gmock.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <chrono>

// librdkafka starts its threads where ThreadSanitizer does not see it, which ends the process.
#if !__has_feature(thread_sanitizer)
namespace twinhub::gateway {
namespace {

using namespace std::chrono_literals;
using testing::FakeFeed;

// librdkafka's own cluster of brokers, in this process.
class Cluster {
public:
    Cluster() {
        std::array<char, 512> words{};
        rd_kafka_conf_t* conf = rd_kafka_conf_new();
        rd_kafka_conf_set_log_cb(conf, nullptr);
        client_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, words.data(), words.size());
        EXPECT_NE(client_, nullptr) << words.data();
        cluster_ = rd_kafka_mock_cluster_new(client_, 3);
        rd_kafka_mock_topic_create(cluster_, "events", 4, 3);
    }
    ~Cluster() {
        rd_kafka_mock_cluster_destroy(cluster_);
        rd_kafka_destroy(client_);
    }
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;

    std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_); }
    void fail_produce(std::initializer_list<rd_kafka_resp_err_t> errors) {
        for (const rd_kafka_resp_err_t error : errors)
            rd_kafka_mock_push_request_errors(cluster_, 0 /* Produce */, 1, error);
    }
    void take_down() {
        for (int broker = 1; broker <= 3; ++broker) rd_kafka_mock_broker_set_down(cluster_, broker);
    }
    void bring_up() {
        for (int broker = 1; broker <= 3; ++broker) rd_kafka_mock_broker_set_up(cluster_, broker);
    }

    struct Message {
        int partition = 0;
        std::string key;
        std::string value;
        std::map<std::string, std::string> headers;
    };
    // As many as are asked for, from the beginning.
    std::vector<Message> read(std::size_t count) {
        std::array<char, 512> words{};
        rd_kafka_conf_t* conf = rd_kafka_conf_new();
        rd_kafka_conf_set_log_cb(conf, nullptr);
        rd_kafka_conf_set(conf, "bootstrap.servers", brokers().c_str(), nullptr, 0);
        rd_kafka_conf_set(conf, "group.id", "test", nullptr, 0);
        rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", nullptr, 0);
        rd_kafka_t* const consumer =
            rd_kafka_new(RD_KAFKA_CONSUMER, conf, words.data(), words.size());
        rd_kafka_poll_set_consumer(consumer);
        rd_kafka_topic_partition_list_t* const all = rd_kafka_topic_partition_list_new(4);
        for (int partition = 0; partition < 4; ++partition)
            rd_kafka_topic_partition_list_add(all, "events", partition)->offset =
                RD_KAFKA_OFFSET_BEGINNING;
        rd_kafka_assign(consumer, all);
        std::vector<Message> messages;
        for (int quiet = 0; messages.size() < count && quiet < 100;) {
            rd_kafka_message_t* const got = rd_kafka_consumer_poll(consumer, 100);
            if (got == nullptr) {
                ++quiet;
                continue;
            }
            if (got->err == RD_KAFKA_RESP_ERR_NO_ERROR) messages.push_back(message_of(*got));
            rd_kafka_message_destroy(got);
        }
        rd_kafka_topic_partition_list_destroy(all);
        rd_kafka_consumer_close(consumer);
        rd_kafka_destroy(consumer);
        return messages;
    }

private:
    static Message message_of(const rd_kafka_message_t& got) {
        Message message{.partition = got.partition,
                        .key = {static_cast<const char*>(got.key), got.key_len},
                        .value = {static_cast<const char*>(got.payload), got.len},
                        .headers = {}};
        rd_kafka_headers_t* headers = nullptr;
        if (rd_kafka_message_headers(&got, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return message;
        const char* name = nullptr;
        const void* value = nullptr;
        std::size_t size = 0;
        for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) ==
                                RD_KAFKA_RESP_ERR_NO_ERROR;
             ++i)
            message.headers[name] = std::string(static_cast<const char*>(value), size);
        return message;
    }

    rd_kafka_t* client_ = nullptr;
    rd_kafka_mock_cluster_t* cluster_ = nullptr;
};

struct KafkaSinkTest : ::testing::Test {
    ~KafkaSinkTest() override {
        if (sink) sink->stop();
        loop.restart();
        loop.poll();
        sink.reset();
        loop.discard();
    }
    void open(KafkaOptions options = {}) {
        options.brokers = cluster.brokers();
        options.topic = "events";
        options.hub = "hub.local";
        options.client_id = "test";
        options.tls = false;
        options.more = {{"retry.backoff.ms", "10"},
                        {"reconnect.backoff.ms", "10"},
                        {"reconnect.backoff.max.ms", "50"}};
        auto opened = KafkaSink::open(options, loop.get_executor());
        ASSERT_TRUE(opened) << opened.error().message;
        sink = *opened;
    }
    // Turns the loop until the batch has come to its end.
    Handed deliver(std::size_t count) {
        auto batch = std::make_shared<std::vector<hub::HubEvent>>(
            feed.events.end() - static_cast<std::ptrdiff_t>(count), feed.events.end());
        std::optional<Handed> handed;
        asio::co_spawn(
            loop, sink->deliver(batch),
            [&handed](const std::exception_ptr&, Handed result) { handed = std::move(result); });
        while (!handed) {
            loop.restart();
            loop.run_one();
        }
        return *handed;
    }

    Cluster cluster;
    Loop loop;
    FakeFeed feed;
    std::shared_ptr<KafkaSink> sink;
};

TEST_F(KafkaSinkTest, ProducesEventsKeyedByDevice) {
    open();
    for (const char* device : {"d1", "d2", "d1", "d3", "d1"}) feed.add(device);
    EXPECT_EQ(deliver(5).outcome, Handed::Outcome::done);
    std::map<std::string, int> partitions;
    std::vector<std::string> of_d1;
    for (const Cluster::Message& message : cluster.read(5)) {
        const json::value event = parse_json(message.value).value();
        EXPECT_EQ(event.at("subject").as_string(), "devices/" + message.key);
        EXPECT_EQ(message.headers.at("content-type"),
                  "application/cloudevents+json; charset=UTF-8");
        const auto [known, is_new] = partitions.emplace(message.key, message.partition);
        EXPECT_EQ(known->second, message.partition);
        if (message.key == "d1") of_d1.emplace_back(event.at("id").as_string());
    }
    EXPECT_THAT(of_d1, ::testing::ElementsAre("1.1", "1.3", "1.5"));
}

TEST_F(KafkaSinkTest, PutsAttributesIntoHeadersInBinaryMode) {
    open({.format = EventFormat::binary});
    feed.add("d1");
    EXPECT_EQ(deliver(1).outcome, Handed::Outcome::done);
    const auto messages = cluster.read(1);
    ASSERT_EQ(messages.size(), 1u);
    EXPECT_EQ(messages[0].headers.at("ce_id"), "1.1");
    EXPECT_EQ(messages[0].headers.at("ce_type"), "twinhub.twin.updated");
    EXPECT_EQ(parse_json(messages[0].value)->at("body").at("version"), 1);
}

TEST_F(KafkaSinkTest, BearsErrorsThatPass) {
    open();
    cluster.fail_produce({RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
                          RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                          RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION});
    for (int i = 0; i < 3; ++i) feed.add("d1");
    EXPECT_EQ(deliver(3).outcome, Handed::Outcome::done);
    EXPECT_EQ(cluster.read(3).size(), 3u);
}

TEST_F(KafkaSinkTest, SaysWhatIsRefusedForEver) {
    open();
    cluster.fail_produce({RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE});
    feed.add("d1");
    EXPECT_EQ(deliver(1).outcome, Handed::Outcome::refused);
    feed.add("d1");
    EXPECT_EQ(deliver(1).outcome, Handed::Outcome::done);
}

TEST_F(KafkaSinkTest, GivesUpABatchInTimeWhenNoBrokerIsThere) {
    open({.patience = 1500ms});
    cluster.take_down();
    feed.add("d1");
    const Handed handed = deliver(1);
    EXPECT_EQ(handed.outcome, Handed::Outcome::again);
    EXPECT_FALSE(handed.what.empty());
    cluster.bring_up();
    Handed later = deliver(1);
    for (int i = 0; i < 10 && later.outcome != Handed::Outcome::done; ++i) later = deliver(1);
    EXPECT_EQ(later.outcome, Handed::Outcome::done);
}

TEST_F(KafkaSinkTest, EndsWhatIsUnderWayWhenItIsStopped) {
    open();
    cluster.take_down();
    feed.add("d1");
    auto batch = std::make_shared<std::vector<hub::HubEvent>>(feed.events);
    std::optional<Handed> handed;
    asio::co_spawn(loop, sink->deliver(batch),
                   [&handed](const std::exception_ptr&, Handed result) { handed = result; });
    loop.poll();
    EXPECT_FALSE(handed);
    sink->stop();
    loop.restart();
    loop.poll();
    ASSERT_TRUE(handed);
    EXPECT_EQ(handed->outcome, Handed::Outcome::again);
}

TEST(KafkaSinkOptions, ThatAreWrongAreNamedWithoutTheirValue) {
    Loop loop;
    const auto opened = KafkaSink::open({.brokers = "127.0.0.1:1",
                                         .topic = "t",
                                         .hub = "h",
                                         .client_id = "c",
                                         .tls = false,
                                         .user_name = "u",
                                         .password = "hunter2",
                                         .sasl = "NONSENSE"},
                                        loop.get_executor());
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().message.find("hunter2"), std::string::npos);
    loop.discard();
}

}  // namespace
}  // namespace twinhub::gateway
#endif
