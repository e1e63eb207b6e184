#include "apps/simulate/device.h"

#include "base/encoding.h"
#include "protocol/mqtt/limits.h"
#include "protocol/mqtt/topic.h"
#include "protocol/mqtt/user_name.h"
#include "protocol/sas/token.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fmt/format.h>

namespace twinhub::apps {
namespace {

namespace mqtt = protocol::mqtt;

constexpr std::uint16_t keep_alive_seconds = 120;
constexpr std::size_t read_bytes = 8192;

std::string resource_of(const DeviceLogin& login) {
    std::string resource = login.host + "/devices/" + login.id.device.text();
    if (login.id.is_module()) resource += "/modules/" + login.id.module.text();
    return resource;
}

}  // namespace

DeviceClient::DeviceClient(Executor executor, TrustStore trust, DeviceEvents events)
    : executor_(executor),
      tls_(executor, std::move(trust)),
      events_(std::move(events)),
      decoder_(mqtt::packet_bytes_max),
      reading_(read_bytes, '\0') {}

Task<Result<>> DeviceClient::open(Endpoint endpoint, DeviceLogin login,
                                  std::uint64_t token_expiry) {
    const auto self = shared_from_this();
    CO_TRY_VOID(co_await tls_.connect(std::move(endpoint)));
    const std::string user = mqtt::make_user_name(login.host, login.id, "twinhub-simulate");
    const std::string resource = resource_of(login);
    const std::string key = base64_decode(login.key).value_or("");
    const std::string token = protocol::sas::make_token(
        {.resource = resource, .key = key, .expiry = token_expiry, .policy = {}});
    const std::string client_id = login.id.text();
    std::string bytes;
    mqtt::encode(mqtt::Connect{.keep_alive_seconds = keep_alive_seconds,
                               .client_id = client_id,
                               .user_name = user,
                               .password = token},
                 bytes);
    send(std::move(bytes));
    while (!login_code_) CO_TRY_VOID(co_await read_once());
    if (*login_code_ != mqtt::ConnectCode::accepted) {
        co_return failure(Code::unauthorized,
                          fmt::format("the hub refused {} with code {}", client_id,
                                      static_cast<int>(*login_code_)));
    }
    bytes.clear();
    mqtt::encode(mqtt::Subscribe{.packet_id = 1,
                                 .filters = {{"$iothub/twin/res/#", mqtt::Qos::at_most_once},
                                             {"$iothub/twin/PATCH/properties/desired/#",
                                              mqtt::Qos::at_most_once}}},
                 bytes);
    send(std::move(bytes));
    co_return Result<>{};
}

Task<Result<>> DeviceClient::run() {
    const auto self = shared_from_this();
    while (true) CO_TRY_VOID(co_await read_once());
}

Task<Result<>> DeviceClient::read_once() {
    CO_TRY(const std::size_t count, co_await tls_.read_some(reading_));
    mqtt::HeldBytes held;
    const auto fault = decoder_.feed(std::as_bytes(std::span(reading_).first(count)), held,
                                     [this](const mqtt::Packet& packet) {
                                         take(packet);
                                         return true;
                                     });
    if (fault) co_return failure(Code::format_invalid, "the hub sent what is not MQTT");
    co_return Result<>{};
}

void DeviceClient::take(const mqtt::Packet& packet) {
    if (const auto* answer = std::get_if<mqtt::ConnAck>(&packet)) login_code_ = answer->code;
    const auto* message = std::get_if<mqtt::Publish>(&packet);
    if (!message) return;
    if (message->qos == mqtt::Qos::at_least_once) {
        std::string bytes;
        mqtt::encode(mqtt::PubAck{message->packet_id}, bytes);
        send(std::move(bytes));
    }
    take_publish(message->topic, message->payload);
}

void DeviceClient::take_publish(std::string_view topic, std::string_view payload) {
    const auto meaning = mqtt::parse_hub_topic(topic);
    if (!meaning) return;
    if (const auto* answer = std::get_if<mqtt::TwinResponseTopic>(&*meaning)) {
        events_.answer(answer->status, answer->rid, payload);
    } else if (std::holds_alternative<mqtt::DesiredTopic>(*meaning)) {
        const auto patch = parse_json(payload);
        if (patch && patch->is_object()) events_.desired(patch->get_object());
    }
}

void DeviceClient::get_twin(std::string_view rid) {
    std::string bytes;
    const std::string topic = fmt::format("$iothub/twin/GET/?$rid={}", rid);
    mqtt::encode(mqtt::Publish{.topic = topic, .payload = {}}, bytes);
    send(std::move(bytes));
}

void DeviceClient::report(std::string_view rid, const json::object& patch) {
    const std::string topic = fmt::format("$iothub/twin/PATCH/properties/reported/?$rid={}", rid);
    const std::string payload = to_text(patch);
    std::string bytes;
    mqtt::encode(mqtt::Publish{.topic = topic, .payload = payload}, bytes);
    send(std::move(bytes));
}

void DeviceClient::ping() {
    std::string bytes;
    mqtt::encode(mqtt::PingReq{}, bytes);
    send(std::move(bytes));
}

void DeviceClient::goodbye() {
    std::string bytes;
    mqtt::encode(mqtt::Disconnect{}, bytes);
    closing_ = true;
    send(std::move(bytes));
}

void DeviceClient::close() {
    unsent_.clear();
    tls_.close();
}

void DeviceClient::send(std::string bytes) {
    unsent_.push_back(std::move(bytes));
    if (std::exchange(writing_, true)) return;
    asio::co_spawn(executor_, flush(), asio::detached);
}

Task<> DeviceClient::flush() {
    const auto self = shared_from_this();
    while (!unsent_.empty()) {
        const std::string bytes = std::move(unsent_.front());
        unsent_.pop_front();
        if (auto sent = co_await tls_.write(bytes); !sent) break;  // the reader sees the end too
    }
    writing_ = false;
    if (closing_) close();
}

}  // namespace twinhub::apps
