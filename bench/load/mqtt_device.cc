#include "mqtt_device.h"

#include "credentials.h"
#include "protocol/mqtt/decoder.h"
#include "twin_body.h"

#include <algorithm>
#include <string>

namespace twinhub::load {
namespace {

namespace mqtt = protocol::mqtt;

constexpr std::uint64_t token_seconds = 24UL * 3600;
constexpr std::uint32_t remaining_length_max = 1U << 20;

std::vector<std::string> filters_for(const Requests& requests, std::string_view device) {
    std::vector<std::string> filters;
    for (const std::string& subscription : requests.subscriptions)
        TopicTemplate(subscription).append(filters.emplace_back(), device, 0);
    return filters;
}

}  // namespace

MqttDevice::MqttDevice(Reactor& reactor, const TlsContext& tls, const DeviceSettings& settings,
                       DeviceOwner& owner, std::uint64_t number)
    : TlsStream(reactor, tls),
      settings_(settings),
      owner_(owner),
      id_(device_name(number)),
      number_(number),
      host_(tls.target().name) {}

void MqttDevice::start(unsigned source) {
    opened_at_ns_ = now_ns();
    open(source);
}

void MqttDevice::stop() {
    mqtt::encode(mqtt::Disconnect{}, output());
    flush();
}

void MqttDevice::opened() {
    mqtt::Connect connect{.clean_session = true,
                          .keep_alive_seconds = settings_.keep_alive_seconds,
                          .client_id = id_,
                          .will = {},
                          .user_name = {},
                          .password = {}};
    std::string user_name;
    std::string password;
    if (settings_.signs_in) {
        user_name = host_ + "/" + id_ + "/?api-version=2021-04-12";
        password = sas_token(host_ + "/devices/" + id_, device_key(id_), {}, token_seconds);
        connect.user_name = user_name;
        connect.password = password;
    }
    mqtt::encode(connect, output());
}

std::size_t MqttDevice::received(std::string_view bytes) {
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
        handle(*packet);
        if (!is_open()) return used;
    }
    if (!output().empty()) flush();
    return used;
}

void MqttDevice::handle(const mqtt::Packet& packet) {
    if (const auto* const publish = std::get_if<mqtt::Publish>(&packet)) {
        if (const auto answer = parse_answer(publish->topic)) settle(*answer);
    } else if (const auto* const ack = std::get_if<mqtt::PubAck>(&packet)) {
        settle({.request = ack->packet_id, .status = 204});
    } else if (const auto* const connected = std::get_if<mqtt::ConnAck>(&packet)) {
        if (connected->code != mqtt::ConnectCode::accepted) return refuse("refused by CONNACK");
        if (settings_.requests.subscriptions.empty()) return accept();
        const auto filters = filters_for(settings_.requests, id_);
        mqtt::Subscribe subscribe{.packet_id = 1, .filters = {}};
        for (const std::string& filter : filters) subscribe.filters.push_back({.filter = filter});
        mqtt::encode(subscribe, output());
    } else if (const auto* const subscribed = std::get_if<mqtt::SubAck>(&packet)) {
        if (std::ranges::find(subscribed->codes, mqtt::subscription_refused) !=
            subscribed->codes.end())
            return refuse("a subscription was refused");
        accept();
    }
}

void MqttDevice::accept() {
    connected_ = true;
    owner_.connected(*this);
}

void MqttDevice::settle(const Answer& answer) {
    const auto found = std::ranges::find(pending_, answer.request, &Pending::id);
    if (found == pending_.end()) return;  // a notification, or an answer that came twice
    const Pending pending = *found;
    pending_.erase(found);
    acknowledged_version_ = std::max(acknowledged_version_, answer.version);
    owner_.answered(*this, pending.kind, pending.since_ns, answer);
}

void MqttDevice::request(RequestKind kind, std::uint64_t since_ns) {
    publish(kind, since_ns, kind == RequestKind::patch ? patch_body(since_ns) : std::string_view{});
}

void MqttDevice::report(std::string_view body, std::uint64_t since_ns) {
    publish(RequestKind::patch, since_ns, body);
}

void MqttDevice::request_whole_report() { report(twin_parts(number_).reported, now_ns()); }

void MqttDevice::publish(RequestKind kind, std::uint64_t since_ns, std::string_view body) {
    last_request_ = last_request_ % 0xffff + 1;  // also a packet id: 1..65535
    pending_.push_back({last_request_, kind, since_ns});
    const bool patches = kind == RequestKind::patch;
    if (patches) ++patches_sent_;
    static std::string topic;
    topic.clear();
    (patches ? settings_.patch_topic : settings_.get_topic).append(topic, id_, last_request_);
    mqtt::Publish publish{.topic = topic, .payload = body};
    if (settings_.requests.acknowledged_by_puback) {
        publish.qos = mqtt::Qos::at_least_once;
        publish.packet_id = static_cast<std::uint16_t>(last_request_);
    }
    mqtt::encode(publish, output());
}

void MqttDevice::refuse(std::string_view why) {
    close();
    closed(why);
}

void MqttDevice::closed(std::string_view why) {
    owner_.lost(*this, why);
    connected_ = false;
    pending_.clear();
}

}  // namespace twinhub::load
