#pragma once

#include "protocol/mqtt/packet.h"
#include "requests.h"
#include "tls_stream.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::load {

// What all devices of a run have in common.
struct DeviceSettings {
    explicit DeviceSettings(Requests how, bool signs_in_as_device)
        : requests(std::move(how)),
          patch_topic(requests.patch_topic),
          get_topic(requests.get_topic),
          signs_in(signs_in_as_device) {}

    Requests requests;
    TopicTemplate patch_topic;
    TopicTemplate get_topic;
    bool signs_in;  // a user name and a SAS password as the hub wants them
    std::uint16_t keep_alive_seconds = 1100;
};

enum class RequestKind : std::uint8_t { patch, get };

class MqttDevice;

// Told what becomes of the devices. May call `request`, `flush` and `close` from within.
class DeviceOwner {
public:
    virtual ~DeviceOwner() = default;
    virtual void connected(MqttDevice& device) = 0;  // CONNACK 0 and, with filters, SUBACK
    virtual void answered(MqttDevice& device, RequestKind kind, std::uint64_t since_ns,
                          const Answer& answer) = 0;
    // The device still says whether it was connected, and forgets it after the call.
    virtual void lost(MqttDevice& device, std::string_view why) = 0;
};

// One device on its own TLS connection.
class MqttDevice final : public TlsStream {
public:
    MqttDevice(Reactor& reactor, const TlsContext& tls, const DeviceSettings& settings,
               DeviceOwner& owner, std::uint64_t number);

    const std::string& id() const { return id_; }
    std::uint64_t number() const { return number_; }
    bool is_connected() const { return connected_; }
    std::size_t in_flight() const { return pending_.size(); }
    std::uint64_t opened_at_ns() const { return opened_at_ns_; }
    std::uint64_t acknowledged_version() const { return acknowledged_version_; }
    std::uint64_t patches_sent() const { return patches_sent_; }

    void start(unsigned source = 0);  // connect, and all that follows up to `connected`
    void stop();                      // DISCONNECT; the server closes, and `lost` is called

    // Queues a request whose latency counts from `since_ns`; `flush` sends it.
    void request(RequestKind kind, std::uint64_t since_ns);
    void report(std::string_view body, std::uint64_t since_ns);  // a patch of the caller's
    void request_whole_report();  // a patch with the full reported section of twin_body.h

private:
    struct Pending {
        std::uint32_t id;
        RequestKind kind;
        std::uint64_t since_ns;
    };

    void opened() override;
    std::size_t received(std::string_view bytes) override;
    void closed(std::string_view why) override;
    void handle(const protocol::mqtt::Packet& packet);
    void accept();
    void settle(const Answer& answer);
    void publish(RequestKind kind, std::uint64_t since_ns, std::string_view body);
    void refuse(std::string_view why);

    const DeviceSettings& settings_;
    DeviceOwner& owner_;
    std::string id_;
    std::uint64_t number_;
    const std::string& host_;
    std::vector<Pending> pending_;
    std::uint64_t opened_at_ns_ = 0;
    std::uint64_t acknowledged_version_ = 0;
    std::uint64_t patches_sent_ = 0;
    std::uint32_t last_request_ = 0;
    bool connected_ = false;
};

}  // namespace twinhub::load
