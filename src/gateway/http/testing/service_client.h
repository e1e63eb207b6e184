#pragma once

#include "base/encoding.h"
#include "base/json.h"
#include "gateway/http/connection.h"
#include "gateway/testing/fake_transport.h"
#include "hub/testing/hub_on_memory.h"
#include "protocol/sas/token.h"
#include "provisioning/provisioning.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <map>
#include <string>
#include <vector>

namespace twinhub::gateway::http {

struct Response {
    unsigned status = 0;
    std::map<std::string, std::string> fields;  // names in lower case
    std::string body;

    std::string field(const std::string& name) const {
        const auto found = fields.find(name);
        return found == fields.end() ? "" : found->second;
    }
    json::value json() const { return parse_json(body, JsonLimits{1 << 26, 64}).value(); }
};

// Takes one answer off the front of `bytes`; nothing while it is not whole. Knows Content-Length
// only.
inline std::optional<Response> take_response(std::string& bytes, bool to_head = false) {
    const std::size_t end = bytes.find("\r\n\r\n");
    if (end == std::string::npos) return std::nullopt;
    Response response;
    response.status = static_cast<unsigned>(std::stoul(bytes.substr(9, 3)));
    std::size_t at = bytes.find("\r\n");
    while (at < end) {
        const std::size_t next = bytes.find("\r\n", at + 2);
        const std::string line = bytes.substr(at + 2, next - at - 2);
        const std::size_t colon = line.find(": ");
        response.fields[ascii_lower(line.substr(0, colon))] = line.substr(colon + 2);
        at = next;
    }
    const std::string length = response.field("content-length");
    const std::size_t body = to_head || length.empty() ? 0 : std::stoul(length);
    if (bytes.size() < end + 4 + body) return std::nullopt;
    response.body = bytes.substr(end + 4, body);
    bytes.erase(0, end + 4 + body);
    return response;
}

// A hub with its service door, and a client's connections to it.
class ServiceDoor {
public:
    explicit ServiceDoor(HttpSettings settings = {},
                         hub::Settings hub_settings = {.name = "hub.local"},
                         const std::function<void(store::Engine&)>& filled = {},
                         std::optional<provisioning::Settings> provisioning = std::nullopt)
        : on_memory_(std::move(hub_settings), filled),
          provisioning_(open(std::move(provisioning))),
          deadlines_(on_memory_.clock().monotonic()),
          metrics_(on_memory_.registry()),
          context_(
              on_memory_.hub(), deadlines_, metrics_, settings,
              [this](std::unique_ptr<Transport> socket) {
                  device_sockets.push_back(std::move(socket));
              },
              {}, provisioning_.get()) {}
    ~ServiceDoor() {
        device_sockets.clear();
        for (const auto& peer : peers_) peer->hang_up();
        on_memory_.run_until([this] { return context_.connections() == 0; });
    }

    hub::HubOnMemory& on_memory() { return on_memory_; }
    hub::Hub& hub() { return on_memory_.hub(); }
    HttpContext& context() { return context_; }
    void advance(std::chrono::seconds time) {
        on_memory_.clock().advance(time);
        deadlines_.advance(on_memory_.clock().monotonic());
        on_memory_.run_ready();
    }

    std::shared_ptr<FakePeer> connect() {
        auto peer = std::make_shared<FakePeer>();
        peers_.push_back(peer);
        asio::co_spawn(
            on_memory_.executor(),
            serve_http(std::make_unique<FakeTransport>(on_memory_.executor(), peer), context_),
            asio::detached);
        on_memory_.run_ready();
        return peer;
    }

    std::string token(std::string_view policy = "iothubowner") {
        const std::string key = hub::HubOnMemory::key_of(policy);
        return protocol::sas::make_token({"hub.local", key, 4'000'000'000, policy});
    }

    // A whole request with host, version and credential; `fields` are header lines with line ends.
    std::string request(std::string_view method, std::string_view path, std::string_view body = {},
                        std::string_view fields = {}, std::string_view policy = "iothubowner") {
        std::string text(method);
        text += ' ';
        text += path;
        text += path.find('?') == std::string_view::npos ? "?api-version=2021-04-12"
                                                         : "&api-version=2021-04-12";
        text += " HTTP/1.1\r\nHost: hub.local\r\nAuthorization: " + token(policy) + "\r\n";
        text += fields;
        if (!body.empty())
            text += "Content-Type: application/json; charset=utf-8\r\nContent-Length: " +
                    std::to_string(body.size()) + "\r\n";
        text += "\r\n";
        text += body;
        return text;
    }

    // Waits for the next answer on `peer`.
    Response next(const std::shared_ptr<FakePeer>& peer, bool to_head = false) {
        std::optional<Response> response;
        on_memory_.run_until([&] {
            response = take_response(peer->received, to_head);
            return response.has_value() || peer->gone;
        });
        return response.value_or(Response());
    }

    // Sends one request on a connection of its own, or on the last one made by this call.
    Response ask(std::string_view method, std::string_view path, std::string_view body = {},
                 std::string_view fields = {}, std::string_view policy = "iothubowner") {
        if (asking_ == nullptr || asking_->closed) asking_ = connect();
        asking_->send(request(method, path, body, fields, policy));
        return next(asking_, method == "HEAD");
    }
    Response ask_raw(std::string_view bytes) {
        const auto peer = connect();
        peer->send(bytes);
        return next(peer);
    }

    std::vector<std::unique_ptr<Transport>> device_sockets;

private:
    std::unique_ptr<provisioning::Provisioning> open(
        std::optional<provisioning::Settings> settings) {
        if (!settings) return nullptr;
        provisioning_metrics_ = std::make_unique<provisioning::Metrics>(on_memory_.registry());
        auto opened = provisioning::Provisioning::open(*std::move(settings), on_memory_.hub(),
                                                       *provisioning_metrics_, {});
        CHECK(opened.has_value());
        return std::move(*opened);
    }

    hub::HubOnMemory on_memory_;
    std::unique_ptr<provisioning::Metrics> provisioning_metrics_;
    std::unique_ptr<provisioning::Provisioning> provisioning_;
    Deadlines deadlines_;
    HttpMetrics metrics_;
    HttpContext context_;
    std::vector<std::shared_ptr<FakePeer>> peers_;
    std::shared_ptr<FakePeer> asking_;
};

}  // namespace twinhub::gateway::http
