#include "gateway/amqp/service_links.h"

#include "gateway/amqp/cloud_messages.h"
#include "gateway/amqp/conditions.h"
#include "gateway/amqp/connection.h"
#include "gateway/message_words.h"
#include "protocol/amqp/address.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace twinhub::gateway::amqp {

namespace wire = protocol::amqp;

namespace {

constexpr std::string_view feedback_type = "application/vnd.microsoft.iothub.feedback.json";
constexpr std::size_t batches_in_hands_max = 10;

// To the first recipient that is there: an id may be escaped, or look like it.
Task<Result<>> send(hub::Hub& hub, hub::Principal principal, std::vector<TwinId> recipients,
                    hub::CloudMessage message) {
    Result<> sent = failure(Code::device_not_found, "The message has no device to go to");
    for (const TwinId& recipient : recipients) {
        if (recipient.is_module()) continue;
        CO_TRY_VOID(hub::decide(principal, hub::Operation::message_send, recipient));
        const auto taken = co_await hub.cloud_messages().send(recipient.device, message);
        if (taken) co_return Result<>();
        sent = std::unexpected(taken.error());
        if (taken.error().code != Code::device_not_found) break;
    }
    co_return sent;
}

Task<> send_and_settle(std::shared_ptr<AmqpConnection> connection, std::vector<TwinId> recipients,
                       hub::CloudMessage message, hub::Principal principal,
                       wire::DeliveryNumber delivery) {
    hub::Hub& hub = connection->context().hub();
    const Result<> sent =
        co_await send(hub, std::move(principal), std::move(recipients), std::move(message));
    connection->turn([&] {
        connection->answered();
        if (sent) return connection->driver().settle(delivery, wire::Outcome::accepted);
        const wire::Condition why = condition_of(sent.error(), connection->tracking_id());
        connection->driver().settle(delivery, wire::Outcome::rejected, &why);
    });
}

}  // namespace

void SendLink::arrived(wire::Arrived& arrived) {
    AmqpContext& context = connection_.context();
    const auto message = wire::decode_message(arrived.bytes);
    Result<hub::CloudMessage> read =
        message ? read_cloud_message(*message, context.hub().clock().now())
                : Result<hub::CloudMessage>(std::unexpected(message.error()));
    if (!read) {
        const wire::Condition why = condition_of(read.error(), connection_.tracking_id());
        return connection_.driver().settle(arrived.delivery, wire::Outcome::rejected, &why);
    }
    std::vector<TwinId> recipients = wire::parse_recipient(read->to);
    connection_.expect();
    asio::co_spawn(connection_.here(),
                   send_and_settle(connection_.shared_from_this(), std::move(recipients),
                                   std::move(*read), principal_, arrived.delivery),
                   asio::detached);
}

void FeedbackLink::listen() {
    listening_ = connection_.context().hub().feedback().listen(
        connection_.here(), [weak = weak_from_this()] {
            if (const auto self = weak.lock(); self && !self->gone_)
                self->connection_.turn([&] { self->receive(); });
        });
}

void FeedbackLink::receive() {
    if (gone_) return;
    if (asking_) {
        again_ = true;
        return;
    }
    if (in_hands_.size() >= batches_in_hands_max || !connection_.driver().can_send(link_)) return;
    asking_ = true;
    auto ask = [](std::shared_ptr<FeedbackLink> self,
                  std::shared_ptr<AmqpConnection> connection) -> Task<> {
        auto batch = co_await connection->context().hub().feedback().receive();
        if (!self->gone_) {
            connection->turn([&] { self->received(std::move(batch)); });
        } else if (batch && *batch) {
            // Nobody is here for it any more.
            (void)co_await connection->context().hub().feedback().settle((*batch)->lock_token,
                                                                         hub::Outcome::abandon);
        }
    };
    asio::co_spawn(connection_.here(), ask(shared_from_this(), connection_.shared_from_this()),
                   asio::detached);
}

void FeedbackLink::received(Result<std::optional<hub::FeedbackBatch>> batch) {
    asking_ = false;
    if (gone_) return;
    const bool again = std::exchange(again_, false);
    if (!batch || !*batch) {
        if (again) receive();
        return;
    }
    wire::Message message;
    message.message_id = wire::Value::of_string((*batch)->lock_token);
    message.content_type = feedback_type;
    message.content_encoding = "utf-8";
    message.delivery_count = (*batch)->delivery_count;
    message.data = {feedback_json((*batch)->records)};
    std::string bytes;
    wire::append_message(bytes, message);
    const wire::DeliveryNumber delivery = connection_.driver().send(
        link_, bytes, settled_ ? wire::Settle::at_once : wire::Settle::watched,
        tag_of((*batch)->lock_token));
    if (delivery != 0) in_hands_[delivery] = (*batch)->lock_token;
    else
        asio::co_spawn(connection_.here(),
                       connection_.context().hub().feedback().settle((*batch)->lock_token,
                                                                     hub::Outcome::complete),
                       asio::detached);
    receive();
}

void FeedbackLink::settled(const wire::Settled& settled) {
    const auto found = in_hands_.find(settled.delivery);
    if (found == in_hands_.end()) return;
    if (settled.outcome == wire::Outcome::none && !settled.settled) return;
    const hub::Outcome outcome = settled.outcome == wire::Outcome::accepted ? hub::Outcome::complete
                                 : settled.outcome == wire::Outcome::rejected
                                     ? hub::Outcome::reject
                                     : hub::Outcome::abandon;
    auto settle = [](std::shared_ptr<AmqpConnection> connection, std::string token,
                     hub::Outcome result, wire::DeliveryNumber delivery) -> Task<> {
        const Result<> done =
            co_await connection->context().hub().feedback().settle(std::move(token), result);
        connection->turn([&] {
            if (done) return connection->driver().forget(delivery);
            const wire::Condition why = condition_of(done.error(), connection->tracking_id());
            connection->driver().settle(delivery, wire::Outcome::rejected, &why);
        });
    };
    asio::co_spawn(
        connection_.here(),
        settle(connection_.shared_from_this(), std::move(found->second), outcome, settled.delivery),
        asio::detached);
    in_hands_.erase(found);
    receive();
}

void FeedbackLink::gone(wire::LinkNumber) {
    gone_ = true;
    listening_.reset();
    for (auto& [delivery, token] : std::exchange(in_hands_, {}))
        asio::co_spawn(connection_.here(),
                       connection_.context().hub().feedback().settle(token, hub::Outcome::abandon),
                       asio::detached);
}

}  // namespace twinhub::gateway::amqp
