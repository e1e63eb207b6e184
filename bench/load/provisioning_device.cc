#include "provisioning_device.h"

#include "base/json.h"
#include "base/json_members.h"
#include "credentials.h"
#include "protocol/mqtt/decoder.h"
#include "protocol/mqtt/packet.h"

#include <fmt/format.h>

#include <charconv>

namespace twinhub::load {
namespace {

namespace mqtt = protocol::mqtt;

constexpr std::uint64_t token_seconds = 3600;
constexpr std::uint32_t remaining_length_max = 1U << 20;
constexpr std::uint16_t keep_alive_seconds = 180;
constexpr std::uint64_t wait_seconds_usual = 2;  // when an answer names none, as the SDKs do
constexpr std::string_view answers = "$dps/registrations/res/";
constexpr std::string_view register_topic = "$dps/registrations/PUT/iotdps-register/?$rid=1";
constexpr std::string_view poll_topic =
    "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=2&operationId=";

std::uint64_t retry_after_of(std::string_view topic) {
    constexpr std::string_view item = "&retry-after=";
    const auto at = topic.find(item);
    std::uint64_t seconds = wait_seconds_usual;
    if (at != std::string_view::npos)
        std::from_chars(topic.data() + at + item.size(), topic.data() + topic.size(), seconds);
    return seconds;
}

}  // namespace

ProvisioningDevice::ProvisioningDevice(Reactor& reactor, const TlsContext& tls,
                                       ProvisioningOwner& owner, const std::string& id_scope,
                                       std::uint64_t number)
    : TlsStream(reactor, tls), owner_(owner), id_scope_(id_scope), number_(number) {}

void ProvisioningDevice::opened() {
    const std::string id = device_name(number_);
    const std::string resource = fmt::format("{}/registrations/{}", id_scope_, id);
    const std::string user_name = resource + "/api-version=2019-03-31";
    const std::string password = sas_token(resource, device_key(id), "registration", token_seconds);
    mqtt::encode(mqtt::Connect{.clean_session = true,
                               .keep_alive_seconds = keep_alive_seconds,
                               .client_id = id,
                               .will = {},
                               .user_name = user_name,
                               .password = password},
                 output());
}

void ProvisioningDevice::publish(std::string_view topic) {
    mqtt::encode(
        mqtt::Publish{
            .topic = topic, .payload = {}, .qos = mqtt::Qos::at_least_once, .packet_id = 2},
        output());
}

void ProvisioningDevice::ask_again() {
    // A first request that met too many others began nothing that could be asked for.
    if (operation_.empty()) publish(register_topic);
    else publish(fmt::format("{}{}", poll_topic, operation_));
    flush();
}

void ProvisioningDevice::stop() {
    mqtt::encode(mqtt::Disconnect{}, output());
    flush();
}

std::size_t ProvisioningDevice::received(std::string_view bytes) {
    std::size_t used = 0;
    while (used < bytes.size()) {
        const auto frame = mqtt::cut(bytes.substr(used), remaining_length_max);
        if (frame && !*frame) break;
        const auto packet = frame ? mqtt::decode(**frame) : std::unexpected(frame.error());
        if (!packet) {
            refuse("sent what is not MQTT");
            return used;
        }
        used += (*frame)->bytes;
        if (const auto* const message = std::get_if<mqtt::Publish>(&*packet)) {
            if (message->qos == mqtt::Qos::at_least_once)
                mqtt::encode(mqtt::PubAck{message->packet_id}, output());
            answered(message->topic, message->payload);
        } else if (const auto* const connected = std::get_if<mqtt::ConnAck>(&*packet)) {
            if (connected->code != mqtt::ConnectCode::accepted) {
                refuse("refused by CONNACK");
            } else {
                mqtt::encode(mqtt::Subscribe{.packet_id = 1,
                                             .filters = {{.filter = "$dps/registrations/res/#",
                                                          .qos = mqtt::Qos::at_least_once}}},
                             output());
            }
        } else if (std::holds_alternative<mqtt::SubAck>(*packet)) {
            publish(register_topic);
        }
        if (!is_open()) return used;
    }
    if (!output().empty()) flush();
    return used;
}

void ProvisioningDevice::answered(std::string_view topic, std::string_view body) {
    if (!topic.starts_with(answers)) return refuse("sent an unexpected topic");
    const std::string_view status = topic.substr(answers.size(), 3);
    const auto parsed = parse_json(body);
    if (!parsed || !parsed->is_object()) return refuse("sent what is not JSON");
    const json::object& answer = parsed->get_object();
    if (status == "202" || status == "429") {
        if (const std::string operation = text_in(answer, "operationId"); !operation.empty())
            operation_ = operation;
        return owner_.asked_to_wait(*this, retry_after_of(topic));
    }
    const json::value* state = answer.if_contains("registrationState");
    if (status != "200" || text_in(answer, "status") != "assigned" || !state || !state->is_object())
        return refuse(fmt::format("registration ended with {}", status));
    owner_.assigned(*this, text_in(state->get_object(), "assignedHub"));
}

void ProvisioningDevice::refuse(std::string_view why) {
    close();
    closed(why);
}

}  // namespace twinhub::load
