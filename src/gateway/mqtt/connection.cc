#include "gateway/mqtt/connection.h"

#include "gateway/auth_chain.h"
#include "gateway/device_credentials.h"
#include "gateway/mqtt/provisioning_connection.h"
#include "gateway/mqtt/translation.h"
#include "gateway/wire_error.h"
#include "hub/shards.h"
#include "twin/update.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>

namespace twinhub::gateway::mqtt {

namespace wire = protocol::mqtt;

namespace {

// So much is read before other connections of the loop get their turn.
constexpr int reads_per_turn = 4;

wire::CloseReason reason_of(hub::LinkEnd end) {
    switch (end) {
        case hub::LinkEnd::taken_over: return wire::CloseReason::taken_over;
        case hub::LinkEnd::disabled:
        case hub::LinkEnd::deleted:
        case hub::LinkEnd::credentials_changed: return wire::CloseReason::identity_gone;
        case hub::LinkEnd::shutting_down: return wire::CloseReason::shutting_down;
    }
    return wire::CloseReason::identity_gone;
}

// What the hub remembers of it: devices do the rest wrong.
hub::SessionEnd session_end_of(wire::CloseReason reason) {
    using wire::CloseReason;
    switch (reason) {
        case CloseReason::client_disconnect: return hub::SessionEnd::client_closed;
        case CloseReason::connection_lost: return hub::SessionEnd::connection_lost;
        case CloseReason::taken_over: return hub::SessionEnd::taken_over;
        case CloseReason::connect_timeout:
        case CloseReason::keep_alive_timeout: return hub::SessionEnd::timeout;
        case CloseReason::credential_expired: return hub::SessionEnd::token_expired;
        case CloseReason::identity_gone: return hub::SessionEnd::credentials_changed;
        case CloseReason::server_unavailable:
        case CloseReason::shutting_down: return hub::SessionEnd::server_stopped;
        case CloseReason::slow_consumer: return hub::SessionEnd::slow_consumer;
        default: return hub::SessionEnd::protocol_error;
    }
}

template <class... Calls>
struct Overloaded : Calls... {
    using Calls::operator()...;
};

}  // namespace

MqttConnection::MqttConnection(std::unique_ptr<Transport> transport, MqttContext& context)
    : transport_(std::move(transport)),
      context_(&context),
      session_(context.settings().limits, context.hub().clock().monotonic()),
      failing_reads_(
          [this](std::uint64_t number, Answer late) { answer(number, std::move(late)); }) {}

MqttConnection::~MqttConnection() = default;

void MqttConnection::start() {
    watch();
    read();
}

void MqttConnection::stop() {
    const auto self = shared_from_this();
    if (attached_)
        context_->shard().detach(session_.identity(), *this, hub::SessionEnd::server_stopped);
    attached_ = false;
    end(hub::LinkEnd::shutting_down);
}

void MqttConnection::watch() { context_->deadlines().schedule(*this, session_.deadline()); }

void MqttConnection::expired(Moment now) {
    const auto self = shared_from_this();
    wire::Events events;
    session_.tick(now, context_->output, events);
    for (const wire::Event& event : events.list)
        if (const auto* closing = std::get_if<wire::Close>(&event))
            return close(closing->reason, closing->will ? &*closing->will : nullptr);
    flush();
    watch();
}

void MqttConnection::wait_readable() {
    if (closed_ || waiting_ || request_) return;
    if (session_.congested() || transport_->unsent() > context_->settings().unsent_pause_bytes) {
        if (!paused_) context_->metrics().paused.Increment();
        paused_ = true;
        // What it is owed comes with commits; what it does not take comes with the socket.
        wait_sent();
        return;
    }
    paused_ = false;
    waiting_ = true;
    transport_->wait_readable([this] {
        waiting_ = false;
        read();
    });
}

void MqttConnection::wait_sent() {
    if (transport_->unsent() == 0) return;
    transport_->wait_sent([this] {
        if (closed_) return;
        const auto self = shared_from_this();
        paused_ = false;
        want_messages();
        wait_readable();
    });
}

void MqttConnection::read() {
    const auto self = shared_from_this();
    in_turn_ = true;
    for (int turn = 0; turn < reads_per_turn && !closed_ && !request_ && !session_.congested();
         ++turn) {
        const Result<std::size_t> count = transport_->read_some(context_->input);
        if (!count) {
            wire::Events events;
            session_.end(wire::CloseReason::connection_lost, events);
            in_turn_ = false;
            const auto* closing =
                events.list.empty() ? nullptr : std::get_if<wire::Close>(&events.list.back());
            return close(wire::CloseReason::connection_lost,
                         closing && closing->will ? &*closing->will : nullptr);
        }
        if (*count == 0) break;
        context_->events.clear();
        session_.receive(std::span<const std::byte>(context_->input).first(*count),
                         context_->hub().clock().monotonic(), context_->output, context_->events);
        handle_events();
    }
    in_turn_ = false;
    if (closed_) return;
    flush();
    // Last: the connection may be on another loop, in another thread, from here on.
    if (request_) authenticate();
    else wait_readable();
}

// What the session asked for, in order.
void MqttConnection::handle_events() {
    std::vector<wire::Event>& list = context_->events.list;
    for (std::size_t i = 0; i < list.size() && !closed_; ++i) {
        std::visit(Overloaded{
                       [this](wire::Authenticate& request) {
                           request_ = std::make_unique<wire::Authenticate>(std::move(request));
                       },
                       [this](wire::Provision& asked) { hand_over(std::move(asked)); },
                       [this](const wire::GetTwin& get) { get_twin(get.rid); },
                       [this](const wire::Report& what) { report(what); },
                       [this](const wire::Telemetry& message) {
                           publish(properties_of(message), message.payload);
                       },
                       [this](const wire::MethodResponse& response) { method_answered(response); },
                       [this](const wire::Acknowledged& message) { acknowledged(message.key); },
                       [this](const wire::SubscriptionsChanged& change) {
                           context_->shard().subscriptions_changed(
                               session_.identity(), change.now.mask.bits(), change.now.methods);
                           subscribed();
                       },
                       [this](wire::Close& closing) {
                           const std::optional<wire::Will> will = std::move(closing.will);
                           close(closing.reason, will ? &*will : nullptr);
                       },
                   },
                   list[i]);
        if (request_) return;
    }
    if (attached_ && !closed_) context_->shard().note_activity(session_.identity());
}

// To the provisioning service, with all that came.
void MqttConnection::hand_over(wire::Provision asked) {
    if (context_->provisioning() == nullptr) {
        context_->metrics().refused.Increment();
        encode(wire::ConnAck{false, wire::ConnectCode::not_authorized}, context_->output);
        return close(CloseReason::identity_malformed, nullptr);
    }
    closed_ = true;
    cancel();
    failing_reads_.stop();
    auto connection = std::make_shared<ProvisioningConnection>(std::move(transport_), *context_,
                                                               std::move(asked));
    context_->provisioning_connections().adopt(connection);
    asio::post(context_->shard().executor(), [self = shared_from_this(), connection] {
        self->context_->connections().release(self);
        connection->start();
    });
}

void MqttConnection::flush() {
    if (in_turn_ || context_->output.empty()) return;
    if (closed_) {
        context_->output.clear();
        return;
    }
    transport_->write(context_->output);
    context_->output.clear();
    if (transport_->unsent() > context_->settings().unsent_close_bytes)
        close(wire::CloseReason::slow_consumer, nullptr);
}

// Goes to the loop where the twin lives, and has the credential checked there.
void MqttConnection::authenticate() {
    MqttContext& home = context_->of(request_->user.identity);
    const auto self = shared_from_this();
    if (&home == context_) {
        asio::co_spawn(home.shard().executor(), check_credentials(self), asio::detached);
        return;
    }
    cancel();
    context_->connections().release(self);
    context_ = &home;
    transport_->move_to(home.shard().executor());
    asio::post(home.shard().executor(), [self] {
        self->context_->connections().adopt(self);
        if (self->closed_) return;
        self->watch();
        asio::co_spawn(self->context_->shard().executor(), self->check_credentials(self),
                       asio::detached);
    });
}

Task<> MqttConnection::check_credentials(std::shared_ptr<MqttConnection> self) {
    const Result<> admitted = co_await self->admit();
    if (self->closed_) co_return;
    self->request_.reset();
    if (!admitted) {
        self->context_->metrics().refused.Increment();
        self->context_->hub().metrics().certificates.refused(counted_as(admitted.error()));
        self->context_->hub().log().debug("mqtt.connect_refused",
                                          {{"device", self->session_.identity().text()},
                                           {"client", self->transport_->peer().address},
                                           {"reason", admitted.error().message}});
        const bool ours = admitted.error().code == Code::internal ||
                          admitted.error().code == Code::corrupted ||
                          admitted.error().code == Code::unavailable;
        wire::Events events;
        self->session_.refuse(
            ours ? wire::ConnectCode::server_unavailable : wire::ConnectCode::not_authorized,
            self->context_->output, events);
        self->close(
            ours ? wire::CloseReason::server_unavailable : wire::CloseReason::not_authorized,
            nullptr);
        co_return;
    }
    // accept() happened in admit(): what came behind the CONNECT was handled there.
    if (!self->closed_) self->read();
}

Task<Result<>> MqttConnection::admit() {
    const TwinId id = request_->user.identity;
    hub::Hub& hub = context_->hub();
    if (!hub.is_host(request_->user.host))
        co_return failure(Code::unauthorized, "unknown host name");
    std::optional<Result<Superiors>> superiors;
    if (!request_->user.auth_chain.empty())
        superiors = co_await find_superiors(hub.registry(), request_->user.auth_chain, id);
    // From here to attach() nothing waits: no change of the identity can be missed.
    CO_TRY(const hub::Claimant claimant, co_await context_->shard().claimant(id));
    if (closed_) co_return Result<>{};
    const DeviceProof proof{.token = request_->password,
                            .certificate = transport_->certificate(),
                            .chain = transport_->certificate_chain()};
    const bool is_below = superiors && *superiors;
    const Result<Admission> admission = context_->settings().gate.judge(
        hub, context_->hosts(), claimant, proof, is_below ? &**superiors : nullptr);
    CO_TRY_VOID(admission);
    accept(claimant.view, *admission);
    co_return Result<>{};
}

void MqttConnection::accept(const hub::IdentityView& known, const Admission& admission) {
    hub::Hub& hub = context_->hub();
    const Moment now = hub.clock().monotonic();
    const hub::AttachFacts facts{.clean_session = request_->clean_session,
                                 .model_id = request_->user.model_id.value_or(""),
                                 .client = transport_->peer().address,
                                 .protocol = transport_->is_websocket()
                                                 ? hub::Protocol::mqtt_websocket
                                                 : hub::Protocol::mqtt,
                                 .tls = transport_->peer().tls,
                                 .credential = admission.credential};
    const hub::Attached attached = context_->shard().attach(known, *this, facts);
    attached_ = true;
    clean_session_ = facts.clean_session;
    context_->metrics().accepted.Increment();
    wire::AcceptFacts accepted;
    accepted.session_present = attached.session_present;
    accepted.restored.mask =
        wire::SubscriptionMask(static_cast<std::uint16_t>(attached.subscriptions));
    accepted.restored.methods = attached.methods;
    // Far expiries stay "never": a token may be good for fifty thousand years.
    constexpr std::chrono::days horizon{3650};
    const auto left = admission.expires - hub.clock().now();
    if (admission.expires != Instant::max() && left < horizon)
        accepted.expires = now + std::chrono::duration_cast<Moment::duration>(left) +
                           context_->settings().sas_grace;
    hub.log().debug("mqtt.connected", {{"device", session_.identity().text()},
                                       {"client", transport_->peer().address},
                                       {"agent", request_->user.agent}});
    request_.reset();
    in_turn_ = true;
    context_->events.clear();
    session_.accept(accepted, now, context_->output, context_->events);
    handle_events();
    if (!closed_ && !session_.subscriptions().empty()) subscribed();
    in_turn_ = false;
    if (closed_) return;
    flush();
    watch();
}

// Tells the shard what the device takes now. What that brings comes behind the SUBACK.
void MqttConnection::subscribed() {
    const wire::Subscriptions& now = session_.subscriptions();
    context_->shard().takes_methods(
        session_.identity(), *this,
        {.all = now.mask.has(wire::Subscription::methods), .names = now.methods});
    want_messages();
}

// As many as the window has room for, and none while the device does not take what it has got.
void MqttConnection::want_messages() {
    if (closed_ || !attached_) return;
    std::size_t room = session_.message_room();
    if (transport_->unsent() > context_->settings().unsent_pause_bytes) {
        room = 0;
        wait_sent();
    }
    context_->shard().want_messages(session_.identity(), *this, static_cast<std::uint32_t>(room));
}

void MqttConnection::invoke(std::uint64_t number, std::string_view name, std::string_view payload) {
    const auto self = shared_from_this();
    session_.method_request(name, rid_of(number), payload, context_->output);
    flush();
}

void MqttConnection::method_answered(const wire::MethodResponse& response) {
    if (const auto number = number_of(response.rid))
        context_->shard().method_answered(session_.identity(), *number, response.status,
                                          response.payload);
}

void MqttConnection::deliver(const hub::LockedMessage& message) {
    const auto self = shared_from_this();
    const auto known = std::ranges::find(unacknowledged_, message.sequence,
                                         &decltype(unacknowledged_)::value_type::first);
    const auto delivery = session_.cloud_message(
        message.sequence, device_bound_topic(session_.identity().device, message),
        message.message.payload, message.delivery_count > 0 && !clean_session_, context_->output);
    switch (delivery) {
        case wire::Session::Delivery::unacknowledged:
            if (known == unacknowledged_.end())
                unacknowledged_.emplace_back(message.sequence, message.lock_token);
            else known->second = message.lock_token;  // its lock had ended
            break;
        case wire::Session::Delivery::sent:
            context_->shard().settle_message(session_.identity(), message.lock_token,
                                             hub::Outcome::complete, [](const Result<>&) {});
            break;
        case wire::Session::Delivery::refused:
            context_->shard().settle_message(session_.identity(), message.lock_token,
                                             hub::Outcome::abandon, [](const Result<>&) {});
            break;
    }
    flush();
    want_messages();
}

// What the device took after its lock had ended is delivered again: nobody keeps it from there.
void MqttConnection::acknowledged(std::uint64_t sequence) {
    const auto found =
        std::ranges::find(unacknowledged_, sequence, &decltype(unacknowledged_)::value_type::first);
    if (found == unacknowledged_.end()) return;
    const std::string token = std::move(found->second);
    unacknowledged_.erase(found);
    if (unacknowledged_.empty()) unacknowledged_ = {};
    context_->shard().settle_message(session_.identity(), token, hub::Outcome::complete,
                                     [](const Result<>&) {});
    want_messages();
}

void MqttConnection::get_twin(std::string_view rid) {
    const std::uint64_t number = answers_.expect(rid);
    context_->shard().read(session_.identity(), [weak = weak_from_this(),
                                                 number](Result<std::string_view> view) {
        const auto self = weak.lock();
        if (!self || self->closed_) return;
        if (view) {
            self->failing_reads_.succeeded();
            return self->answer(number, {.status = 200, .version = {}, .body = std::string(*view)});
        }
        Answer refusal{.status = static_cast<int>(wire_status(view.error().code).http()),
                       .version = {},
                       .body = self->error_body(view.error())};
        self->failing_reads_.failed(number, std::move(refusal), self->context_->deadlines(),
                                    self->context_->hub().clock().monotonic());
    });
}

void MqttConnection::report(const wire::Report& report) {
    const std::uint64_t number = answers_.expect(report.rid);
    Result<twin::Patch> patch = twin::parse_report(report.payload);
    if (!patch) return answer_report(number, std::unexpected(std::move(patch).error()));
    const hub::Author author{.cause = hub::Cause::device, .client = transport_->peer().address};
    context_->shard().report(session_.identity(), std::move(*patch), report.base_version, author,
                             [weak = weak_from_this(), number](Result<std::uint64_t> result) {
                                 if (const auto self = weak.lock(); self && !self->closed_)
                                     self->answer_report(number, std::move(result));
                             });
}

std::string MqttConnection::error_body(const Error& error) {
    return device_error(error, context_->hub().random(), context_->hub().clock().now());
}

void MqttConnection::answer_report(std::uint64_t number, Result<std::uint64_t> result) {
    if (result) return answer(number, {.status = 204, .version = *result, .body = {}});
    answer(number, {.status = static_cast<int>(wire_status(result.error().code).http()),
                    .version = {},
                    .body = error_body(result.error())});
}

void MqttConnection::answer(std::uint64_t number, Answer answer) {
    const auto self = shared_from_this();
    answers_.give(number, std::move(answer));
    while (auto next = answers_.take())
        session_.twin_response(next->rid, next->answer.status, next->answer.version,
                               next->answer.body, context_->output);
    flush();
    if (paused_ && !in_turn_ && !closed_ && !session_.congested()) wait_readable();
}

void MqttConnection::desired_changed(std::uint64_t version, std::string_view body) {
    const auto self = shared_from_this();
    if (session_.desired_changed(version, body, context_->output))
        context_->hub().metrics().notifications_sent.Increment();
    flush();
}

void MqttConnection::end(hub::LinkEnd reason) {
    const auto self = shared_from_this();
    attached_ = false;
    wire::Events events;
    session_.end(reason_of(reason), events);
    const auto* closing =
        events.list.empty() ? nullptr : std::get_if<wire::Close>(&events.list.back());
    close(reason_of(reason), closing && closing->will ? &*closing->will : nullptr);
}

void MqttConnection::publish(wire::Properties properties, std::string_view payload) {
    context_->metrics().telemetry.Increment();
    context_->metrics().telemetry_bytes.Increment(static_cast<double>(payload.size()));
    hub::DeviceEvents& events = context_->hub().device_events();
    if (!events.is_heard()) return;
    events.publish(std::make_shared<const hub::DeviceEvent>(
        hub::DeviceEvent{.id = session_.identity(),
                         .at = context_->hub().clock().now(),
                         .properties = std::move(properties),
                         .payload = std::string(payload)}));
}

void MqttConnection::close(CloseReason reason, const wire::Will* will) {
    if (closed_) return;
    const auto self = shared_from_this();
    // The last words, a CONNACK with a refusal, go out first.
    in_turn_ = false;
    flush();
    if (closed_) return;  // cut off while the last words were said
    closed_ = true;
    if (will) publish(properties_of(*will), will->payload);
    if (attached_) context_->shard().detach(session_.identity(), *this, session_end_of(reason));
    attached_ = false;
    cancel();
    failing_reads_.stop();
    context_->metrics().closed(reason);
    context_->metrics().connections.Decrement();
    transport_->close();
    // The caller may still be in a method of ours: let go at the end of the turn.
    asio::post(context_->shard().executor(),
               [self] { self->context_->connections().release(self); });
}

}  // namespace twinhub::gateway::mqtt
