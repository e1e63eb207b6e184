#include "gateway/amqp/provisioning_node.h"

#include "base/encoding.h"
#include "gateway/amqp/conditions.h"
#include "gateway/amqp/connection.h"
#include "gateway/pause.h"
#include "gateway/provisioning_caller.h"
#include "gateway/provisioning_error.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace twinhub::gateway::amqp {

namespace wire = protocol::amqp;

namespace {

constexpr std::size_t under_way_max = 8;  // requests of one device that wait for their answer
constexpr int refusals_max = 5;           // of one connection

std::string text_of(const wire::Fields& fields, std::string_view name) {
    const wire::Value* value = wire::find(fields, name);
    return value == nullptr ? std::string() : std::string(wire::text_of(*value).value_or(""));
}

// Node reads the one, .NET the other, both in just this case.
wire::Fields when(std::chrono::seconds retry_after) {
    if (retry_after.count() <= 0) return {};
    const wire::Value seconds = wire::Value::of_int(static_cast<std::int32_t>(retry_after.count()));
    return {{"retry-after", seconds}, {"Retry-After", seconds}};
}

}  // namespace

ProvisioningNode::ProvisioningNode(AmqpConnection& connection, const wire::Address& address,
                                   std::string token)
    : connection_(connection),
      scope_(address.id_scope),
      registration_(address.registration_id),
      token_(std::move(token)),
      box_(connection) {}

bool ProvisioningNode::is_for(const wire::Address& address) const {
    return equals_ignoring_case(scope_, address.id_scope) &&
           equals_ignoring_case(registration_, address.registration_id);
}

void ProvisioningNode::add(const wire::LinkOffered& offer) {
    connection_.accept(offer, shared_from_this(), nullptr);
    if (offer.sends_to_us) requests_ = offer.link;
    else box_.attached(offer.link, offer.settled);
}

void ProvisioningNode::gone(wire::LinkNumber link) {
    if (requests_ == link) requests_.reset();
    if (box_.link() == link) box_.gone();
}

void ProvisioningNode::arrived(wire::Arrived& message) {
    const auto reject = [&](Error error) {
        refuse(message.delivery, {.error = std::move(error), .retry_after = {}, .held_back = {}});
    };
    const auto decoded = wire::decode_message(message.bytes);
    if (!decoded) return reject(decoded.error());
    if (under_way_ >= under_way_max)
        return reject({Code::throttled, "Too many requests wait for their answer", {}});
    Request request{.delivery = message.delivery,
                    .correlation_id = decoded->correlation_id,
                    .operation = {},
                    .body = decoded->body()};
    const std::string type = text_of(decoded->application_properties, "iotdps-operation-type");
    if (equals_ignoring_case(type, "iotdps-get-operationstatus")) {
        request.operation = text_of(decoded->application_properties, "iotdps-operation-id");
        if (request.operation.empty())
            return reject(
                {Code::argument_invalid, "The operation id is missing", "iotdps-operation-id"});
    } else if (!equals_ignoring_case(type, "iotdps-register")) {
        return reject(
            {Code::argument_invalid, "There is no such operation", "iotdps-operation-type"});
    }
    auto caller = provisioning_caller(connection_.transport(), scope_, registration_, token_);
    if (!caller) return reject(std::move(caller).error());
    ++under_way_;
    connection_.expect();
    asio::co_spawn(connection_.here(),
                   answer(shared_from_this(), connection_.weak_from_this(), connection_.context(),
                          *std::move(caller), std::move(request)),
                   asio::detached);
}

Task<> ProvisioningNode::answer(std::shared_ptr<ProvisioningNode> self,
                                std::weak_ptr<AmqpConnection> connection, AmqpContext& context,
                                provisioning::Caller caller, Request request) {
    provisioning::Provisioning& service = *context.provisioning();
    provisioning::Outcome outcome;
    if (request.operation.empty())
        outcome = co_await service.register_device(std::move(caller), std::move(request.body));
    else outcome = co_await service.operation(std::move(caller), request.operation);
    if (!outcome && outcome.error().held_back.count() > 0) {
        Pause pause(context.executor(), context.deadlines());
        co_await pause.until(context.hub().clock().monotonic() + outcome.error().held_back);
    }
    // Never within the turn that brought the request: the two turns below are two writes.
    co_await asio::post(context.executor(), asio::use_awaitable);
    const auto alive = connection.lock();
    if (alive == nullptr) co_return;
    alive->turn([&] {
        --self->under_way_;
        alive->answered();
        if (!outcome) return self->refuse(request.delivery, outcome.error());
        alive->authorised();
        alive->driver().settle(request.delivery, wire::Outcome::accepted);
    });
    // Clients take no answer to a request that is not settled yet.
    if (outcome) alive->turn([&] { self->deliver(request, *outcome); });
}

void ProvisioningNode::deliver(const Request& request, const provisioning::Answer& answer) {
    if (!box_.is_attached()) return;
    wire::Message message;
    message.correlation_id = request.correlation_id;
    message.content_type = "application/json; charset=utf-8";
    message.application_properties = when(answer.retry_after);
    message.data.push_back(answer.body);
    if (box_.put(message)) return;
    const wire::LinkNumber link = *box_.link();
    connection_.detach(
        link,
        {std::string(wire::condition::limit_exceeded), "Too many answers wait for credit", {}});
}

void ProvisioningNode::refuse(wire::DeliveryNumber delivery, const provisioning::Refusal& refusal) {
    hub::Hub& hub = connection_.context().hub();
    wire::Condition why{
        std::string(condition_name(refusal.error.code)),
        provisioning_error(refusal.error, Subject::device, hub.random(), hub.clock().now()),
        when(refusal.retry_after)};
    connection_.driver().settle(delivery, wire::Outcome::rejected, &why);
    if (refusal.error.code == Code::unauthorized && ++refusals_ >= refusals_max && requests_)
        connection_.detach(*requests_,
                           {std::string(wire::condition::unauthorized), "Unauthorized", {}});
}

}  // namespace twinhub::gateway::amqp
