#include "apps/simulate/mqtt_link.h"

#include "protocol/mqtt/limits.h"

#include <fmt/format.h>

namespace twinhub::apps {
namespace {

namespace mqtt = protocol::mqtt;

constexpr std::uint16_t keep_alive_seconds = 120;
constexpr std::size_t read_bytes = 8192;

}  // namespace

MqttLink::MqttLink(Executor executor, std::unique_ptr<gateway::ClientStream> stream,
                   Publish publish)
    : stream_(std::move(stream)),
      sender_(std::move(executor), *stream_),
      publish_(std::move(publish)),
      decoder_(mqtt::packet_bytes_max),
      reading_(read_bytes, '\0') {}

Task<Result<>> MqttLink::open(gateway::ServerEndpoint endpoint, std::string client_id,
                              std::string user_name, std::string password) {
    const auto self = shared_from_this();
    CO_TRY_VOID(co_await stream_->connect(std::move(endpoint)));
    send(mqtt::Connect{.keep_alive_seconds = keep_alive_seconds,
                       .client_id = client_id,
                       .user_name = user_name,
                       .password = password});
    while (!login_code_) CO_TRY_VOID(co_await read_once());
    if (*login_code_ != mqtt::ConnectCode::accepted)
        co_return failure(Code::unauthorized,
                          fmt::format("the hub refused {} with code {}", client_id,
                                      static_cast<int>(*login_code_)));
    co_return Result<>{};
}

Task<Result<>> MqttLink::read_once() {
    CO_TRY(const std::size_t count, co_await stream_->read_some(reading_));
    mqtt::HeldBytes held;
    const auto fault = decoder_.feed(std::as_bytes(std::span(reading_).first(count)), held,
                                     [this](const mqtt::Packet& packet) {
                                         take(packet);
                                         return true;
                                     });
    if (fault) co_return failure(Code::format_invalid, "the hub sent what is not MQTT");
    co_return Result<>{};
}

void MqttLink::take(const mqtt::Packet& packet) {
    if (const auto* answer = std::get_if<mqtt::ConnAck>(&packet)) login_code_ = answer->code;
    const auto* message = std::get_if<mqtt::Publish>(&packet);
    if (!message) return;
    if (message->qos == mqtt::Qos::at_least_once) send(mqtt::PubAck{message->packet_id});
    publish_(message->topic, message->payload);
}

void MqttLink::goodbye() {
    sender_.close_after();
    send(mqtt::Disconnect{});
}

void MqttLink::close() { sender_.close(); }

void MqttLink::send_bytes(std::string bytes) { sender_.send(std::move(bytes), shared_from_this()); }

}  // namespace twinhub::apps
