// A device that comes by its TPM: the challenge inside SASL (spec device-protocols 7.4). From then
// on its requests are those of any device that asks where it belongs.
#include "base/encoding.h"
#include "gateway/amqp/connection.h"
#include "gateway/pause.h"
#include "gateway/provisioning_caller.h"
#include "provisioning/provisioning.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace twinhub::gateway::amqp {

namespace wire = protocol::amqp;
namespace dps = twinhub::provisioning;

namespace {

// Whoever guesses waits for each answer; and no answer within the turn that brought the question.
Task<> hold_back(AmqpContext& context, std::chrono::milliseconds time) {
    if (time.count() > 0) {
        Pause pause(context.executor(), context.deadlines());
        co_await pause.until(context.hub().clock().monotonic() + time);
    }
    co_await asio::post(context.executor(), asio::use_awaitable);
}

wire::SaslOutcome outcome_of(const dps::Refusal& refusal) {
    return refusal.error.code == Code::unauthorized ? wire::SaslOutcome::auth
                                                    : wire::SaslOutcome::sys_temp;
}

Task<> ask(std::weak_ptr<AmqpConnection> connection, AmqpContext& context, dps::Caller caller,
           dps::TpmKeys keys) {
    const dps::Challenged challenged =
        co_await context.provisioning()->challenge(std::move(caller), std::move(keys));
    co_await hold_back(context,
                       challenged ? std::chrono::milliseconds{0} : challenged.error().held_back);
    const auto alive = connection.lock();
    if (alive == nullptr) co_return;
    alive->turn([&] {
        alive->answered();
        if (challenged) alive->challenge(*challenged);
        else alive->decide_sasl(outcome_of(challenged.error()));
    });
}

Task<> judge(std::weak_ptr<AmqpConnection> connection, AmqpContext& context, dps::Caller caller) {
    const std::optional<dps::Refusal> refused =
        co_await context.provisioning()->admit(std::move(caller));
    co_await hold_back(context, refused ? refused->held_back : std::chrono::milliseconds{0});
    const auto alive = connection.lock();
    if (alive == nullptr) co_return;
    alive->turn([&] {
        alive->answered();
        if (!refused) alive->authorised();
        alive->decide_sasl(refused ? outcome_of(*refused) : wire::SaslOutcome::ok);
    });
}

}  // namespace

void AmqpConnection::decide_sasl(wire::SaslOutcome outcome) {
    if (outcome != wire::SaslOutcome::ok) context_->metrics().tokens_refused.Increment();
    driver_.decide_sasl(outcome, context_->hub().clock().monotonic(), events_);
    run_events();
}

void AmqpConnection::challenge(std::string_view key) {
    driver_.challenge_tpm(key, context_->hub().clock().monotonic(), events_);
    run_events();
}

void AmqpConnection::tpm_asked(const wire::TpmQuestion& question) {
    auto caller = provisioning_caller(*transport_, question.id_scope, question.registration_id, {});
    if (!caller) return decide_sasl(wire::SaslOutcome::auth);
    tpm_caller_ = std::make_shared<const dps::Caller>(*caller);
    dps::TpmKeys keys{.endorsement = base64_encode(question.endorsement_key),
                      .storage_root = base64_encode(question.storage_root_key)};
    expect();
    asio::co_spawn(here(), ask(weak_from_this(), *context_, *std::move(caller), std::move(keys)),
                   asio::detached);
}

void AmqpConnection::tpm_answered(std::string token) {
    dps::Caller caller = *tpm_caller_;
    caller.token = token;
    provisioning_token_ = std::move(token);
    expect();
    asio::co_spawn(here(), judge(weak_from_this(), *context_, std::move(caller)), asio::detached);
}

}  // namespace twinhub::gateway::amqp
