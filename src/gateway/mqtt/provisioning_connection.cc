#include "gateway/mqtt/provisioning_connection.h"

#include "gateway/pause.h"
#include "gateway/provisioning_caller.h"
#include "gateway/provisioning_error.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

namespace twinhub::gateway::mqtt {
namespace {

namespace wire = protocol::mqtt;

constexpr int refusals_max = 5;  // of one connection

}  // namespace

ProvisioningConnection::ProvisioningConnection(std::unique_ptr<Transport> transport,
                                               MqttContext& context, wire::Provision asked)
    : transport_(std::move(transport)),
      context_(context),
      asked_(std::move(asked)),
      session_(context.settings().limits, asked_.keep_alive, context.hub().clock().monotonic(),
               greeting_) {}

ProvisioningConnection::~ProvisioningConnection() = default;

void ProvisioningConnection::start() {
    const auto self = shared_from_this();
    if (closed_) return;
    context_.hub().log().debug("mqtt.provisioning", {{"registration", asked_.name.registration},
                                                     {"client", transport_->peer().address},
                                                     {"agent", asked_.name.agent}});
    transport_->write(std::exchange(greeting_, {}));
    const std::vector<char> unread = std::exchange(asked_.unread, {});
    receive(std::as_bytes(std::span(unread)));
    if (!closed_) read();
}

void ProvisioningConnection::stop() { close(wire::CloseReason::shutting_down); }

void ProvisioningConnection::expired(Moment now) {
    const auto self = shared_from_this();
    wire::ProvisioningEvents events;
    session_.tick(now, events);
    if (session_.is_closed())
        return close(std::get<wire::EndProvisioning>(events.list.back()).reason);
    context_.deadlines().schedule(*this, session_.deadline());
}

void ProvisioningConnection::wait_readable() {
    if (closed_ || waiting_ || session_.congested()) return;
    waiting_ = true;
    transport_->wait_readable([weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self) return;
        self->waiting_ = false;
        self->read();
    });
}

void ProvisioningConnection::read() {
    const auto self = shared_from_this();
    if (closed_) return;
    const Result<std::size_t> count = transport_->read_some(context_.input);
    if (!count) return close(wire::CloseReason::connection_lost);
    receive(std::span<const std::byte>(context_.input).first(*count));
    wait_readable();
}

void ProvisioningConnection::receive(std::span<const std::byte> bytes) {
    session_.receive(bytes, context_.hub().clock().monotonic(), context_.output, events_);
    const wire::ProvisioningEvents events = std::exchange(events_, {});
    // The acknowledgements go before the answers, whoever makes those.
    flush();
    for (const wire::ProvisioningEvent& event : events.list) {
        if (closed_) return;
        if (const auto* asked = std::get_if<wire::AskProvisioning>(&event)) ask(*asked);
        else return close(std::get<wire::EndProvisioning>(event).reason);
    }
    if (!closed_) context_.deadlines().schedule(*this, session_.deadline());
}

void ProvisioningConnection::ask(const wire::AskProvisioning& asked) {
    asio::co_spawn(transport_->executor(),
                   answer(shared_from_this(), std::string(asked.request.rid),
                          std::string(asked.request.operation), std::string(asked.payload)),
                   asio::detached);
}

Task<provisioning::Outcome> ProvisioningConnection::outcome_of(std::string operation,
                                                               std::string payload) {
    auto caller = provisioning_caller(*transport_, asked_.name.scope, asked_.name.registration,
                                      asked_.password);
    if (!caller)
        co_return std::unexpected(provisioning::Refusal{std::move(caller).error(), {}, {}});
    provisioning::Provisioning& service = *context_.provisioning();
    if (operation.empty())
        co_return co_await service.register_device(*std::move(caller), std::move(payload));
    co_return co_await service.operation(*std::move(caller), std::move(operation));
}

Task<> ProvisioningConnection::answer(std::shared_ptr<ProvisioningConnection> self, std::string rid,
                                      std::string operation, std::string payload) {
    provisioning::Outcome outcome =
        co_await self->outcome_of(std::move(operation), std::move(payload));
    if (!outcome && outcome.error().held_back.count() > 0 && !self->closed_) {
        Pause pause(self->transport_->executor(), self->context_.deadlines());
        co_await pause.until(self->context_.hub().clock().monotonic() + outcome.error().held_back);
    }
    if (self->closed_) co_return;
    hub::Hub& hub = self->context_.hub();
    if (outcome) {
        self->session_.proved();
        self->session_.answer(rid, outcome->assigning ? 202 : 200, outcome->retry_after,
                              outcome->body, self->context_.output);
    } else {
        const provisioning::Refusal& refusal = outcome.error();
        const std::uint32_t number = provisioning_number(refusal.error, Subject::device);
        self->session_.answer(
            rid, static_cast<int>(number / 1000), refusal.retry_after,
            provisioning_error(refusal.error, Subject::device, hub.random(), hub.clock().now()),
            self->context_.output);
        if (refusal.error.code == Code::unauthorized) ++self->refusals_;
    }
    self->flush();
    if (self->closed_) co_return;
    if (self->refusals_ >= refusals_max) co_return self->close(wire::CloseReason::not_authorized);
    self->context_.deadlines().schedule(*self, self->session_.deadline());
    self->wait_readable();
}

void ProvisioningConnection::flush() {
    if (context_.output.empty()) return;
    if (!closed_) transport_->write(context_.output);
    context_.output.clear();
    if (!closed_ && transport_->unsent() > context_.settings().unsent_close_bytes)
        close(wire::CloseReason::slow_consumer);
}

void ProvisioningConnection::close(wire::CloseReason reason) {
    if (closed_) return;
    const auto self = shared_from_this();
    closed_ = true;
    cancel();
    transport_->close();
    asked_.password.clear();
    context_.metrics().closed(reason);
    context_.metrics().connections.Decrement();
    // The caller may still be in a method of ours.
    asio::post(transport_->executor(),
               [self] { self->context_.provisioning_connections().release(self); });
}

}  // namespace twinhub::gateway::mqtt
