#pragma once

#include "base/task.h"
#include "gateway/routes/route_sink.h"
#include "gateway/routes/webhook_route_sink.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

struct rd_kafka_s;
struct rd_kafka_queue_s;

namespace twinhub::gateway {

struct KafkaOptions {
    std::string brokers;  // "host:port, host:port"
    std::string topic;
    std::string hub;  // its name
    std::string client_id;
    EventFormat format = EventFormat::structured;  // or binary
    bool tls = true;
    std::string ca_file;  // PEM; empty: the system's
    std::string user_name;
    std::string password;
    std::string sasl = "PLAIN";
    std::chrono::milliseconds patience{30'000};  // with one batch
    // Further settings of librdkafka, by name.
    std::vector<std::pair<std::string, std::string>> more;
};

// Produces CloudEvents to a topic, keyed by device id: all events of a device are in one partition,
// in order. Done is what all replicas in sync have (acks=all, idempotent producer).
class KafkaSink final : public RouteSink, public std::enable_shared_from_this<KafkaSink> {
public:
    // Errors: argument_invalid, in librdkafka's words.
    static Result<std::shared_ptr<KafkaSink>> open(KafkaOptions options, Executor executor);
    ~KafkaSink() override;

    Task<Handed> deliver(EventBatch events) override;
    std::size_t events_max() const override { return 500; }
    void stop() override;

private:
    struct Producer;
    // A batch whose messages the library has.
    struct Pending {
        std::size_t left = 0;
        Handed handed;
        std::move_only_function<void()> resume;
    };

    KafkaSink(KafkaOptions options, Executor executor);
    Result<> make_producer();
    void watch();
    void serve_events();
    void settle(std::uint64_t batch, const Handed& handed);
    Handed produce(const hub::HubEvent& event, std::uint64_t batch);
    Task<> settled(Pending& pending);

    const KafkaOptions options_;
    Executor executor_;
    std::unique_ptr<Producer> producer_;
    asio::posix::stream_descriptor news_;  // an eventfd that the library writes to
    std::map<std::uint64_t, Pending> pending_;
    std::uint64_t last_batch_ = 0;
    std::string trouble_;  // what the library said last about its brokers
    bool watching_ = false;
    bool stopped_ = false;
};

}  // namespace twinhub::gateway
