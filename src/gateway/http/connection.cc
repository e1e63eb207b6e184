#include "gateway/http/connection.h"

#include "base/encoding.h"
#include "gateway/http/await.h"
#include "gateway/http/client_watch.h"
#include "gateway/http/compress.h"
#include "gateway/http/handlers.h"
#include "gateway/http/provisioning/refusal.h"
#include "gateway/http/router.h"
#include "gateway/wire_status.h"
#include "gateway/ws/websocket_transport.h"

#include <boost/asio/post.hpp>

namespace twinhub::gateway::http {
namespace {

std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<> check_encoding(const Request& request) {
    const auto encoding = request.field(Field::content_encoding);
    if (encoding && !encoding->empty() && !equals_ignoring_case(*encoding, "identity"))
        return failure(Code::media_type_unsupported, "The body must not be compressed");
    return {};
}

// What a refusal is about, when the provisioning service makes it.
std::optional<Subject> subject_of(const Route* route) {
    if (route == nullptr) return std::nullopt;
    switch (route->face) {
        case Face::hub: return std::nullopt;
        case Face::enrollments: return Subject::enrollment;
        case Face::enrollment_groups: return Subject::enrollment_group;
        case Face::registrations: return Subject::registration;
        case Face::provisioning: return Subject::service;
        case Face::provisioning_device: return Subject::device;
    }
    return std::nullopt;
}

}  // namespace

Task<> serve_http(std::unique_ptr<Transport> transport, HttpContext& context) {
    std::unique_ptr<Transport> device_socket;
    bool is_amqp = false;
    {
        Connection connection(std::move(transport), context);
        co_await connection.run();
        device_socket = connection.take_device_socket();
        is_amqp = connection.speaks_amqp();
    }
    if (device_socket == nullptr) co_return;
    (is_amqp ? context.amqp() : context.mqtt())(std::move(device_socket));
}

Connection::Connection(std::unique_ptr<Transport> transport, HttpContext& context)
    : context_(context), transport_(std::move(transport)) {
    place_ = context_.connections_.insert(context_.connections_.end(), this);
    context_.metrics().connections.Increment();
}

Connection::~Connection() {
    context_.connections_.erase(place_);
    context_.metrics().connections.Decrement();
}

void Connection::stop() {
    if (stream_) stream_->end();
    else if (wait_ != Wait::none) transport_->close();
}

void Connection::expired(Moment) {
    context_.metrics().timeouts.Increment();
    transport_->close();
}

// Sets the deadline of a phase once, so that a peer cannot stretch it byte by byte.
void Connection::wait_for(Wait what) {
    if (wait_ == what) return;
    wait_ = what;
    const Limits& limits = context_.settings().limits;
    std::chrono::seconds time = limits.idle;
    switch (what) {
        case Wait::none: cancel(); return;
        case Wait::request: time = served_one_ ? limits.idle : limits.first_byte; break;
        case Wait::header: time = limits.header; break;
        case Wait::body: time = limits.body; break;
        case Wait::sent: time = limits.send; break;
        case Wait::linger: time = limits.linger; break;
    }
    context_.deadlines().schedule(*this, context_.hub().clock().monotonic() + time);
}

Task<> Connection::run() {
    while (!closing_ && co_await receive()) {
        wait_for(Wait::none);
        co_await answer();
        context_.give_back(std::move(exchange_));
        served_one_ = true;
        if (device_socket_ != nullptr) co_return;
        const std::size_t unsent_max = closing_ ? 0 : context_.settings().limits.unsent_bytes_max;
        if (transport_->unsent() > unsent_max) {
            wait_for(Wait::sent);
            co_await sent(*transport_);
        }
        // Who sends requests without waiting for answers does not keep the loop for itself.
        if (++answered_in_turn_ >= requests_per_turn && !unread_.empty()) {
            answered_in_turn_ = 0;
            co_await asio::post(transport_->executor(), asio::use_awaitable);
        }
    }
    if (body_unread_) co_await linger();
    // A peer that only finished sending still reads what it is owed.
    if (transport_->unsent() > 0) {
        wait_for(Wait::sent);
        co_await sent(*transport_);
    }
    wait_for(Wait::none);
    transport_->close();
}

Task<bool> Connection::receive() {
    refusal_.reset();
    looked_ = false;
    route_ = nullptr;
    principal_ = nullptr;
    std::string_view input = unread_;
    while (true) {
        while (!input.empty()) {
            if (exchange_ == nullptr) exchange_ = context_.take_exchange();
            RequestParser& parser = exchange_->parser;
            const auto consumed = parser.feed(input);
            if (!consumed) {
                refusal_ = consumed.error();
                body_unread_ = closing_ = true;
                co_return true;
            }
            input.remove_prefix(*consumed);
            if (!looked_ && parser.has_header()) {
                look_at_header();
                if (!refusal_ && route_->is_for_device) {
                    // Others read into the same scratch buffer meanwhile.
                    unread_.assign(input);
                    co_await admit_device();
                    input = unread_;
                }
                if (!refusal_) invite_body();
            }
            if (parser.is_done()) {
                unread_.assign(input);
                co_return true;
            }
            if (*consumed == 0) break;
        }
        if (refusal_) {  // the rest of the body is not worth reading
            body_unread_ = closing_ = true;
            co_return true;
        }
        unread_.assign(input);
        if (unread_.empty()) unread_.shrink_to_fit();
        if (exchange_ != nullptr && !exchange_->parser.started())
            context_.give_back(std::move(exchange_));
        if (exchange_ == nullptr && context_.is_stopping()) co_return false;

        wait_for(exchange_ == nullptr ? Wait::request : looked_ ? Wait::body : Wait::header);
        co_await readable(*transport_);
        answered_in_turn_ = 0;
        const auto count = transport_->read_some(context_.scratch());
        if (!count) {
            exchange_.reset();
            co_return false;
        }
        input = text_of(context_.scratch().first(*count));
        if (!unread_.empty()) input = unread_.append(input);
    }
}

void Connection::look_at_header() {
    looked_ = true;
    if (auto admitted = admit(); !admitted) refusal_ = std::move(admitted).error();
}

void Connection::invite_body() {
    if (exchange_->parser.is_done() || exchange_->request.version < 11) return;
    const auto expect = exchange_->request.field(Field::expect);
    if (expect && equals_ignoring_case(*expect, "100-continue"))
        transport_->write("HTTP/1.1 100 Continue\r\n\r\n");
}

Result<> Connection::admit() {
    Request& request = exchange_->request;
    hub::Hub& hub = context_.hub();
    const HttpSettings& settings = context_.settings();
    if (!request.split_target()) return failure(Code::argument_invalid, "The address is malformed");
    const auto host = request.field(Field::host);
    if (!host && request.version >= 11)
        return failure(Code::format_invalid, "The Host header is missing");
    TRY(route_, find_route(request, all_routes()));
    if (route_->is_device_socket)
        return check_device_handshake(request, context_.amqp() != nullptr);
    if (route_->face != Face::hub && context_.provisioning() == nullptr) {
        route_ = nullptr;
        return failure(Code::not_found, "This hub does not offer device provisioning");
    }
    // Its devices know it by an id scope, and it judges them itself.
    if (route_->face == Face::provisioning_device) {
        device_ = {};
        principal_ = &device_;
        if (route_->needs_version)
            TRY_VOID(check_api_version(request, route_->face, settings.accept_any_api_version));
        TRY_VOID(check_encoding(request));
        return exchange_->parser.limit_body(route_->body_bytes_max);
    }

    if (host && !hub.is_host(*host))
        return failure(Code::hub_not_found, "There is no hub of this name here");
    if (route_->is_for_device) {
        TRY(object_, object_of(*route_, request));
        return {};
    }
    TRY(principal_,
        credentials_.authenticate(request.field(Field::authorization).value_or(""), request.path,
                                  context_.hosts(), hub.policies(), hub.clock().now()));
    TRY(object_, object_of(*route_, request));
    TRY_VOID(hub::decide(*principal_, route_->operation, object_));
    if (route_->needs_version)
        TRY_VOID(check_api_version(request, route_->face, settings.accept_any_api_version));
    TRY_VOID(check_encoding(request));
    return exchange_->parser.limit_body(
        std::min(route_->body_bytes_max, settings.limits.body_bytes_max));
}

// A version is not asked for (spec device-protocols 5).
Task<> Connection::admit_device() {
    const Request& request = exchange_->request;
    const std::size_t identity_bytes =
        std::string_view("/devices/").size() + object_.device.text().size() +
        (object_.is_module() ? std::string_view("/modules/").size() + object_.module.text().size()
                             : 0);
    const DeviceProof proof{
        .token = request.field(Field::authorization).value_or(""),
        .certificate = transport_->certificate(),
        .chain = transport_->certificate_chain(),
        .operation = std::string_view(request.path).substr(identity_bytes),
    };
    auto admission =
        co_await context_.gate().admit(context_.hub(), context_.hosts(), object_, proof);
    Result<> admitted;
    if (!admission) {
        if (admission.error().code == Code::unauthorized) {
            context_.metrics().devices_refused.Increment();
            context_.hub().log().debug("http.device_refused",
                                       {{"device", object_.text()},
                                        {"client", transport_->peer().address},
                                        {"reason", admission.error().message}});
        }
        admitted = std::unexpected(std::move(admission).error());
    } else {
        device_ = std::move(admission->principal);
        principal_ = &device_;
        admitted = hub::decide(device_, route_->operation, object_);
        if (admitted) admitted = check_encoding(request);
        if (admitted)
            admitted = exchange_->parser.limit_body(
                std::min(route_->body_bytes_max, context_.settings().limits.body_bytes_max));
    }
    if (!admitted) refusal_ = std::move(admitted).error();
}

Task<> Connection::answer() {
    Request& request = exchange_->request;
    Reply& reply = exchange_->reply;
    hub::Hub& hub = context_.hub();
    if (!refusal_ && route_->is_device_socket) {
        WebSocketHandshake handshake = device_handshake(request, context_.amqp() != nullptr);
        is_amqp_ = is_amqp_subprotocol(handshake.protocol);
        handshake.early = std::move(unread_);
        unread_.clear();
        device_socket_ = accept_websocket(std::move(transport_), handshake);
        context_.metrics().answered(200);
        co_return;
    }
    if (!refusal_) {
        std::shared_ptr<ClientWatch> watch;
        const std::function<std::function<bool()>()> watch_client = [this, &watch] {
            watch = std::make_shared<ClientWatch>(*transport_, context_.scratch(), unread_);
            return watch->begin();
        };
        Call call{hub,
                  request,
                  reply,
                  *route_,
                  object_,
                  *principal_,
                  transport_->peer().address,
                  watch_client,
                  context_.metrics(),
                  *transport_,
                  context_.deadlines(),
                  context_.settings(),
                  context_.provisioning(),
                  context_.routes()};
        if (auto done = co_await route_->handler(call); !done) refusal_ = std::move(done).error();
    }
    if (reply.lines && !reply.lines->has_own_limit() &&
        context_.streams_ >= context_.settings().limits.streams_max)
        refusal_ = failure(Code::throttled, "Too many clients listen already").error();
    const Instant now = hub.clock().now();
    const std::string request_id = hub.random().uuid();
    if (refusal_) {
        if (const auto subject = subject_of(route_))
            refuse_provisioning(reply, *refusal_, *subject, hub.random(), now);
        else refuse(reply, *refusal_, hub.random(), now);
        if (refusal_->code == Code::message_too_large)
            context_.metrics().bodies_refused.Increment();
        if (refusal_->code == Code::internal || refusal_->code == Code::corrupted)
            hub.log().error(
                "http.failed",
                {{"request", request_id}, {"path", request.path}, {"reason", refusal_->message}});
    }
    ReplyFacts facts{context_.date(now), request_id};
    if (reply.body.size() >= gzip_bytes_min &&
        accepts_gzip(request.field(Field::accept_encoding).value_or(""))) {
        if (std::string packed = gzipped(reply.body);
            !packed.empty() && packed.size() < reply.body.size()) {
            reply.body = std::move(packed);
            facts.gzipped = true;
        }
    }
    if (!request.keep_alive || reply.close || reply.lines || context_.is_stopping())
        closing_ = true;
    facts.keep_alive = !closing_;
    append_reply(exchange_->out, reply, request, facts);
    transport_->write(exchange_->out);
    context_.metrics().answered(reply.status);
    if (hub.log().enabled(LogLevel::debug))
        hub.log().debug(
            "http.answered",
            {{"request", request_id}, {"path", request.path}, {"status", reply.status}});
    if (reply.lines) co_await stream_lines(std::move(reply.lines));
}

Task<> Connection::stream_lines(std::unique_ptr<LineSource> lines) {
    const std::size_t counted = lines->has_own_limit() ? 0 : 1;
    stream_ =
        std::make_shared<LineStream>(*transport_, context_, std::move(lines),
                                     LineStream::Manner{exchange_->request.version >= 11,
                                                        [this] { return is_still_allowed(); }});
    context_.streams_ += counted;
    co_await stream_->run();
    context_.streams_ -= counted;
    stream_.reset();
    transport_->close();
}

bool Connection::is_still_allowed() {
    const Request& request = exchange_->request;
    hub::Hub& hub = context_.hub();
    const auto principal =
        credentials_.authenticate(request.field(Field::authorization).value_or(""), request.path,
                                  context_.hosts(), hub.policies(), hub.clock().now());
    return principal && hub::decide(**principal, route_->operation, object_).has_value();
}

// A socket closed on unread bytes is reset, and the peer may never see why it was refused.
Task<> Connection::linger() {
    wait_for(Wait::linger);
    std::size_t thrown_away = 0;
    while (thrown_away < context_.settings().limits.linger_bytes_max) {
        co_await readable(*transport_);
        const auto count = transport_->read_some(context_.scratch());
        if (!count) co_return;
        thrown_away += *count;
    }
}

}  // namespace twinhub::gateway::http
