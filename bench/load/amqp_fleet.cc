#include "amqp_fleet.h"

#include "credentials.h"
#include "protocol/amqp/cbs.h"

namespace twinhub::load {
namespace {

namespace amqp = protocol::amqp;

constexpr std::uint64_t token_seconds = 24UL * 3600;
constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000;
constexpr std::uint64_t turn_ns_max = 100'000'000;
constexpr int sender_settled = 1;

}  // namespace

AmqpFleet::AmqpFleet(Reactor& reactor, const TlsContext& tls, std::uint64_t first,
                     std::uint64_t count)
    : reactor_(reactor) {
    for (std::uint64_t number = first; number < first + count; ++number)
        devices_.push_back(std::make_unique<AmqpDevice>(reactor, tls, *this, number));
}

AmqpFleet::~AmqpFleet() = default;

std::size_t AmqpFleet::connect_all(std::size_t at_once, std::uint64_t seconds_max) {
    const std::uint64_t give_up = now_ns() + seconds_max * nanoseconds_per_second;
    std::size_t started = 0;
    while (settled_count_ < devices_.size() && now_ns() < give_up) {
        for (; started < devices_.size() && started - settled_count_ < at_once; ++started)
            devices_[started]->open();
        reactor_.turn(now_ns() + turn_ns_max);
    }
    return connected_count_;
}

void AmqpFleet::connected() {
    ++connected_count_;
    ++settled_count_;
}

void AmqpFleet::lost(bool was_connected, std::string_view why) {
    ++losses_[std::string(why)];
    if (was_connected) --connected_count_;
    else ++settled_count_;
}

AmqpDevice::AmqpDevice(Reactor& reactor, const TlsContext& tls, AmqpFleet& fleet,
                       std::uint64_t number)
    : TlsStream(reactor, tls), fleet_(fleet), host_(tls.target().name), id_(device_name(number)) {}

void AmqpDevice::opened() {
    client_ = std::make_unique<Client>("twinhub-load", host_);
    requests_ = &client_->sender("$cbs");
    answers_ = &client_->receiver("$cbs");
    output() += client_->take_output();
}

std::size_t AmqpDevice::received(std::string_view bytes) {
    client_->receive(bytes);
    if (client_->closed()) refuse("the hub ended it: " + client_->error());
    else go_on();
    if (!is_open()) return bytes.size();
    output() += client_->take_output();
    if (!output().empty()) flush();
    return bytes.size();
}

void AmqpDevice::go_on() {
    if (requests_->detached || answers_->detached)
        return refuse("a link was refused: " + requests_->error);
    if (waits_ == Waits::token_credit && client_->can_send(*requests_)) put_token();
    if (waits_ == Waits::twin_credit && client_->can_send(*requests_)) subscribe();
    if (answers_->got.empty()) return;
    for (Client::Got& got : answers_->got) client_->accept(got);
    const amqp::Message message = std::move(answers_->got.front().message);
    answers_->got.clear();
    if (waits_ == Waits::token) {
        const amqp::Value* const status = amqp::find(message.application_properties, "status-code");
        if (!status || amqp::integer_of(*status) != 200) return refuse("the token was refused");
        Client::Options options;
        options.snd_settle_mode = sender_settled;
        options.properties = {
            {"com.microsoft:channel-correlation-id", amqp::Value::of_string("twin:" + id_)},
            {"com.microsoft:api-version", amqp::Value::of_string("2021-04-12")}};
        const std::string address = "/devices/" + id_ + "/twin";
        requests_ = &client_->sender(address, options);
        answers_ = &client_->receiver(address, options);
        waits_ = Waits::twin_credit;
    } else if (waits_ == Waits::subscription) {
        waits_ = Waits::nothing;
        fleet_.connected();
    }
}

void AmqpDevice::put_token() {
    const std::string resource = host_ + "/devices/" + id_;
    client_->send(*requests_, amqp::put_token_request({.audience = resource,
                                                       .token = sas_token(resource, device_key(id_),
                                                                          {}, token_seconds)}));
    waits_ = Waits::token;
}

void AmqpDevice::subscribe() {
    amqp::Message message;
    message.annotations = {
        {"operation", amqp::Value::of_string("PUT")},
        {"resource", amqp::Value::of_string("/notifications/twin/properties/desired")}};
    message.correlation_id = amqp::Value::of_string("subscribe");
    message.data.emplace_back(" ");
    client_->send(*requests_, message);
    waits_ = Waits::subscription;
}

void AmqpDevice::refuse(std::string_view why) {
    close();
    closed(why);
}

void AmqpDevice::closed(std::string_view why) { fleet_.lost(waits_ == Waits::nothing, why); }

}  // namespace twinhub::load
