#pragma once

#include "base/clock.h"
#include "base/task.h"
#include "gateway/deadlines.h"
#include "gateway/pause.h"
#include "gateway/routes/route_sink.h"
#include "gateway/routes/webhook_route_sink.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace twinhub::gateway {

struct MqttSinkOptions {
    std::string host;
    std::uint16_t port = 8883;
    bool is_v5 = true;  // else 3.1.1
    std::string topic;  // see topic_of
    std::string hub;    // its name
    std::string client_id;
    EventFormat format = EventFormat::structured;  // or binary, of version 5 alone
    bool tls = true;
    std::string ca_file;  // PEM; empty: the system's
    std::string user_name;
    std::string password;
    std::chrono::seconds connect{10};
    std::chrono::seconds patience{30};  // with one batch
};

// The topic of an event: {hub}, {deviceId}, {moduleId}, {source} and {opType} are replaced; what no
// level of a topic may hold (/ + # and controls, and %) is percent-encoded.
std::string topic_of(std::string_view pattern, const hub::HubEvent& event, std::string_view hub);

// Publishes CloudEvents to a broker with QoS 1. Done is what the broker has acknowledged. A
// connection that fails is given up with what it holds, and made anew for the next attempt.
class MqttSink final : public RouteSink, public std::enable_shared_from_this<MqttSink> {
public:
    MqttSink(MqttSinkOptions options, Executor executor, Executor pool, Deadlines& deadlines,
             const Clock& clock);
    ~MqttSink() override;

    Task<Handed> deliver(EventBatch events) override;
    std::size_t events_max() const override { return 200; }
    void stop() override;

private:
    struct Client;
    enum class Link : std::uint8_t { none, opening, open };

    // Told by the library on its own thread, and posted here.
    void connected(std::uint64_t client, int code);
    void disconnected(std::uint64_t client, int code);
    void published(std::uint64_t client, int message, int code);

    Task<Handed> deliver_next(EventBatch events);
    Task<std::optional<std::string>> connect();
    Handed publish(const hub::HubEvent& event);
    void give_up();
    void note(Handed handed);

    const MqttSinkOptions options_;
    Executor executor_;
    Executor pool_;
    const Clock& clock_;
    std::unique_ptr<Client> client_;
    std::uint64_t clients_ = 0;
    Link link_ = Link::none;
    std::string trouble_;
    std::set<int> unacknowledged_;
    Handed handed_;
    Pause news_;  // of the batch under way
    Pause turn_;  // of one that waits for it
    bool busy_ = false;
    bool stopped_ = false;
};

}  // namespace twinhub::gateway
