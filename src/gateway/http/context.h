#pragma once

#include "gateway/deadlines.h"
#include "gateway/device_gate.h"
#include "gateway/http/limits.h"
#include "gateway/http/metrics.h"
#include "gateway/http/reply.h"
#include "gateway/http/request.h"
#include "gateway/http/request_parser.h"
#include "gateway/transport.h"
#include "hub/hub.h"
#include "x509/signing_key.h"

#include <array>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

namespace twinhub::provisioning {
class Provisioning;
}  // namespace twinhub::provisioning

namespace twinhub::gateway {
class Routes;
}  // namespace twinhub::gateway

namespace twinhub::gateway::http {

class Connection;

struct HttpSettings {
    bool accept_any_api_version = true;  // false: only those that are known (spec service-api 14)
    Limits limits;
    // What exports are sealed with; nullptr: there are none.
    std::shared_ptr<const x509::SigningKey> evidence_key;
};

// What one request needs while it is read and answered; an idle connection has none.
struct Exchange {
    Request request;
    Reply reply;
    std::string out;
    RequestParser parser;
};

// What the HTTP connections of one loop share. Outlives them: stop() and wait until there are none.
class HttpContext {
public:
    // Takes a device's connection after its WebSocket handshake.
    using DeviceDoor = std::function<void(std::unique_ptr<Transport>)>;

    HttpContext(hub::Hub& hub, Deadlines& deadlines, HttpMetrics& metrics, HttpSettings settings,
                DeviceDoor mqtt, DeviceGate gate = {},
                provisioning::Provisioning* provisioning = nullptr);
    ~HttpContext();
    HttpContext(const HttpContext&) = delete;
    HttpContext& operator=(const HttpContext&) = delete;

    // Idle connections end now, the others behind the answer that they are making.
    void stop();
    bool is_stopping() const { return stopping_; }
    std::size_t connections() const { return connections_.size(); }

    hub::Hub& hub() { return hub_; }
    Deadlines& deadlines() { return deadlines_; }
    HttpMetrics& metrics() { return metrics_; }
    const HttpSettings& settings() const { return settings_; }
    const DeviceGate& gate() const { return gate_; }
    const DeviceDoor& mqtt() const { return mqtt_; }
    // AMQP over WebSocket: until this is called it is not offered.
    void serve_amqp(DeviceDoor door) { amqp_ = std::move(door); }
    const DeviceDoor& amqp() const { return amqp_; }
    provisioning::Provisioning* provisioning() const { return provisioning_; }  // or nullptr
    // Routes of events: until this is called there are none.
    void show_routes(Routes& routes) { routes_ = &routes; }
    Routes* routes() const { return routes_; }
    std::span<const std::string> hosts() const { return hosts_; }  // the names of the hub
    std::string_view date(Instant now);                            // for the Date header

    // Room to read into; whoever reads takes out what it needs before it waits.
    std::span<std::byte> scratch() { return scratch_; }

    std::unique_ptr<Exchange> take_exchange();
    void give_back(std::unique_ptr<Exchange> exchange);

private:
    friend class Connection;
    hub::Hub& hub_;
    Deadlines& deadlines_;
    HttpMetrics& metrics_;
    HttpSettings settings_;
    DeviceGate gate_;
    DeviceDoor mqtt_;
    DeviceDoor amqp_;
    provisioning::Provisioning* provisioning_;
    Routes* routes_ = nullptr;
    std::vector<std::string> hosts_;
    std::array<std::byte, 32 * 1024> scratch_{};
    std::vector<std::unique_ptr<Exchange>> spare_;
    std::list<Connection*> connections_;
    std::string date_;
    std::chrono::sys_seconds date_second_{};
    std::size_t streams_ = 0;
    bool stopping_ = false;
};

}  // namespace twinhub::gateway::http
