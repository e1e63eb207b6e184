#include "gateway/amqp/delegate.h"

#include "gateway/amqp/connection.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <openssl/x509.h>

namespace twinhub::gateway::amqp {

Proof proof_of(const Transport& transport, std::string_view token) {
    Proof proof;
    proof.token = token;
    if (X509* certificate = transport.certificate(); certificate != nullptr) {
        X509_up_ref(certificate);
        proof.certificate.reset(certificate, X509_free);
    }
    if (STACK_OF_X509* chain = transport.certificate_chain(); chain != nullptr) {
        auto* const typed = reinterpret_cast<STACK_OF(X509)*>(chain);
        proof.chain.reset(reinterpret_cast<STACK_OF_X509*>(X509_chain_up_ref(typed)),
                          [](STACK_OF_X509* held) {
                              sk_X509_pop_free(reinterpret_cast<STACK_OF(X509)*>(held), X509_free);
                          });
    }
    return proof;
}

Delegate::Delegate(AmqpContext& home, TwinId id, std::string client, Way<AmqpConnection> connection)
    : home_(home),
      id_(std::move(id)),
      client_(std::move(client)),
      connection_(std::move(connection)) {}

template <class T>
void Delegate::give(Answer<T> answer, T value) {
    connection_.call(home_.executor(), [answer = std::move(answer), value = std::move(value)](
                                           AmqpConnection& connection) mutable {
        connection.turn([&] { answer(connection, std::move(value)); });
    });
}

void Delegate::check(Proof proof, Answer<Result<Admission>> answer) {
    asio::co_spawn(home_.executor(),
                   judge(shared_from_this(), std::move(proof), std::nullopt, std::move(answer)),
                   asio::detached);
}

void Delegate::attach(Proof proof, hub::AttachFacts facts, Answer<Result<Admission>> answer) {
    asio::co_spawn(home_.executor(),
                   judge(shared_from_this(), std::move(proof), std::move(facts), std::move(answer)),
                   asio::detached);
}

Task<> Delegate::judge(std::shared_ptr<Delegate> self, Proof proof,
                       std::optional<hub::AttachFacts> facts, Answer<Result<Admission>> answer) {
    std::optional<Result<Superiors>> superiors;
    if (!proof.auth_chain.empty())
        superiors =
            co_await find_superiors(self->home_.hub().registry(), proof.auth_chain, self->id_);
    const Result<hub::Claimant> claimant = co_await self->home_.shard().claimant(self->id_);
    if (self->left_) co_return;
    // Nothing waits from here to attach(): no change of the identity can be missed.
    Result<Admission> admitted = claimant ? self->admit(proof, *claimant, superiors)
                                          : Result<Admission>(std::unexpected(claimant.error()));
    if (admitted && self->attached_)
        self->home_.shard().renewed(self->id_, *self, admitted->credential);
    if (admitted && facts && !self->attached_) {
        facts->client = self->client_;
        facts->credential = admitted->credential;
        self->home_.shard().attach(claimant->view, *self, *facts);
        self->attached_ = true;
        self->identity_ = claimant->view.identity;
    }
    self->give(std::move(answer), std::move(admitted));
}

Result<Admission> Delegate::admit(const Proof& proof, const hub::Claimant& claimant,
                                  const std::optional<Result<Superiors>>& superiors) const {
    const DeviceProof shown{
        .token = proof.token, .certificate = proof.certificate.get(), .chain = proof.chain.get()};
    const bool is_below = superiors && *superiors;
    Result<Admission> admitted = home_.settings().gate.judge(
        home_.hub(), home_.hosts(), claimant, shown, is_below ? &**superiors : nullptr);
    // The log tells what was wrong with the chain; the peer learns of no identity from it.
    if (!admitted && superiors && !is_below)
        admitted = failure(Code::unauthorized, superiors->error().message, admitted.error().where);
    return admitted;
}

void Delegate::detach(hub::SessionEnd why) {
    if (attached_) home_.shard().detach(id_, *this, why);
    attached_ = false;
}

void Delegate::leave(hub::SessionEnd why) {
    if (left_) return;
    left_ = true;
    detach(why);
    // The caller may be a method of ours.
    asio::post(home_.executor(), [self = shared_from_this()] { self->home_.release(self); });
}

void Delegate::read(Answer<Result<std::string>> answer) {
    home_.shard().read(id_, [weak = weak_from_this(),
                             answer = std::move(answer)](Result<std::string_view> view) mutable {
        const auto self = weak.lock();
        if (!self || self->left_) return;
        Result<std::string> body = view ? Result<std::string>(std::string(*view))
                                        : Result<std::string>(std::unexpected(view.error()));
        self->give(std::move(answer), std::move(body));
    });
}

void Delegate::report(twin::Patch patch, std::optional<std::uint64_t> base_version,
                      Answer<Result<std::uint64_t>> answer) {
    const hub::Author author{.cause = hub::Cause::device, .client = client_};
    home_.shard().report(id_, std::move(patch), base_version, author,
                         [weak = weak_from_this(),
                          answer = std::move(answer)](Result<std::uint64_t> version) mutable {
                             const auto self = weak.lock();
                             if (self && !self->left_)
                                 self->give(std::move(answer), std::move(version));
                         });
}

void Delegate::note_activity() {
    if (attached_) home_.shard().note_activity(id_);
}

void Delegate::name_model(const std::string& model_id) {
    if (attached_) home_.shard().take_model(*identity_, {.model_id = model_id, .client = client_});
}

void Delegate::takes_methods(bool takes) {
    if (attached_) home_.shard().takes_methods(id_, *this, {.all = takes, .names = {}});
}

void Delegate::method_answered(std::uint64_t number, int status, const std::string& payload) {
    home_.shard().method_answered(id_, number, status, payload);
}

void Delegate::want_messages(std::uint32_t credit) {
    if (attached_) home_.shard().want_messages(id_, *this, credit);
}

void Delegate::settle_message(const std::string& lock_token, hub::Outcome outcome,
                              Answer<Result<>> answer) {
    home_.shard().settle_message(
        id_, lock_token, outcome,
        [weak = weak_from_this(), answer = std::move(answer)](const Result<>& done) mutable {
            const auto self = weak.lock();
            if (self && !self->left_) self->give(std::move(answer), Result<>(done));
        });
}

void Delegate::invoke(std::uint64_t number, std::string_view name, std::string_view payload) {
    connection_.call(home_.executor(),
                     [id = id_, number, name = std::string(name),
                      payload = std::string(payload)](AmqpConnection& connection) {
                         connection.turn([&] { connection.invoke(id, number, name, payload); });
                     });
}

void Delegate::deliver(const hub::LockedMessage& message) {
    connection_.call(home_.executor(), [id = id_, message](AmqpConnection& connection) {
        connection.turn([&] { connection.deliver(id, message); });
    });
}

void Delegate::desired_changed(std::uint64_t version, std::string_view body) {
    connection_.call(home_.executor(),
                     [id = id_, version, body = std::string(body)](AmqpConnection& connection) {
                         connection.turn([&] { connection.desired_changed(id, version, body); });
                     });
}

void Delegate::end(hub::LinkEnd reason) {
    attached_ = false;
    connection_.call(home_.executor(), [id = id_, reason](AmqpConnection& connection) {
        connection.turn([&] { connection.identity_ended(id, reason); });
    });
}

}  // namespace twinhub::gateway::amqp
