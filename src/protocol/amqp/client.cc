#include "protocol/amqp/client.h"

#include "protocol/amqp/condition.h"
#include "protocol/amqp/limits.h"

#include <proton/condition.h>
#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/disposition.h>
#include <proton/link.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <proton/transport.h>

#include <chrono>

namespace twinhub::protocol::amqp {
namespace {

std::string text_or_empty(const char* text) { return text != nullptr ? text : ""; }

}  // namespace

Client::Client(const std::string& container, const std::string& host) {
    pn_connection_driver_init(&driver_, nullptr, nullptr);
    pn_transport_set_max_frame(driver_.transport, frame_bytes_max);
    pn_connection_set_container(driver_.connection, container.c_str());
    pn_connection_set_hostname(driver_.connection, host.c_str());
    pn_connection_open(driver_.connection);
}

Client::~Client() { pn_connection_driver_destroy(&driver_); }

std::string Client::take_output() {
    pump();
    std::string out;
    while (true) {
        const pn_bytes_t bytes = pn_connection_driver_write_buffer(&driver_);
        if (bytes.size == 0) break;
        out.append(bytes.start, bytes.size);
        pn_connection_driver_write_done(&driver_, bytes.size);
    }
    pump();
    return out;
}

void Client::receive(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t taken = pn_transport_push(driver_.transport, bytes.data(), bytes.size());
        pump();
        if (taken <= 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(taken));
    }
}

void Client::tick(Moment now) {
    const auto milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
    pn_transport_tick(driver_.transport, milliseconds);
    pump();
}

Client::Session Client::session() {
    if (first_ == nullptr) first_ = another_session();
    return first_;
}

Client::Session Client::another_session() {
    pn_session_t* session = pn_session(driver_.connection);
    pn_session_open(session);
    return session;
}

Client::Link& Client::attach(pn_link_t* to, const std::string& address, const Options& options,
                             bool sends) {
    links_.push_back(std::make_unique<Link>());
    Link& link = *links_.back();
    link.link = to;
    pn_link_set_context(to, &link);
    pn_terminus_set_address(sends ? pn_link_target(to) : pn_link_source(to), address.c_str());
    pn_terminus_set_address(sends ? pn_link_source(to) : pn_link_target(to),
                            options.own_address.c_str());
    if (options.snd_settle_mode)
        pn_link_set_snd_settle_mode(to,
                                    static_cast<pn_snd_settle_mode_t>(*options.snd_settle_mode));
    pn_link_set_rcv_settle_mode(to, static_cast<pn_rcv_settle_mode_t>(options.rcv_settle_mode));
    if (!options.properties.empty()) {
        std::string encoded;
        append_map(encoded, options.properties, Keys::symbols);
        pn_data_decode(pn_link_properties(to), encoded.data(), encoded.size());
    }
    pn_link_open(to);
    if (!sends && options.credit > 0) pn_link_flow(to, options.credit);
    return link;
}

Client::Link& Client::sender(const std::string& target, Options options) {
    Session on = options.session != nullptr ? options.session : session();
    const std::string name = "sender-" + std::to_string(++next_);
    return attach(pn_sender(on, name.c_str()), target, options, true);
}

Client::Link& Client::receiver(const std::string& source, Options options) {
    Session on = options.session != nullptr ? options.session : session();
    const std::string name = "receiver-" + std::to_string(++next_);
    return attach(pn_receiver(on, name.c_str()), source, options, false);
}

bool Client::can_send(const Link& link) const {
    return link.attached && !link.detached && pn_link_credit(link.link) > 0;
}

void Client::send(Link& link, const Message& message, bool settled, const std::string& tag) {
    std::string bytes;
    append_message(bytes, message);
    send_bytes(link, bytes, settled, tag);
}

void Client::send_bytes(Link& link, std::string_view bytes, bool settled, const std::string& tag) {
    const std::string name = tag.empty() ? "tag-" + std::to_string(++next_) : tag;
    pn_delivery_t* delivery = pn_delivery(link.link, pn_dtag(name.data(), name.size()));
    pn_link_send(link.link, bytes.data(), bytes.size());
    if (settled) pn_delivery_settle(delivery);
    else link.sent[name];
    pn_link_advance(link.link);
}

void Client::settle(Got& got, std::uint64_t state) {
    pn_delivery_update(got.delivery, state);
    pn_delivery_settle(got.delivery);
    got.delivery = nullptr;
}

void Client::accept(Got& got) {
    if (got.delivery != nullptr) settle(got, PN_ACCEPTED);
}

void Client::detach(Link& link) { pn_link_close(link.link); }

void Client::close() { pn_connection_close(driver_.connection); }

void Client::pump() {
    pn_event_t* event = nullptr;
    while ((event = pn_connection_driver_next_event(&driver_)) != nullptr) handle(event);
}

void Client::handle(pn_event_t* event) {
    switch (pn_event_type(event)) {
        case PN_CONNECTION_REMOTE_OPEN: opened_ = true; return;
        case PN_CONNECTION_REMOTE_CLOSE:
            closed_ = true;
            error_ = text_or_empty(
                pn_condition_get_name(pn_connection_remote_condition(driver_.connection)));
            return;
        case PN_TRANSPORT_ERROR:
            closed_ = true;
            error_ =
                text_or_empty(pn_condition_get_name(pn_transport_condition(driver_.transport)));
            return;
        case PN_LINK_REMOTE_OPEN: {
            pn_link_t* to = pn_event_link(event);
            auto* link = static_cast<Link*>(pn_link_get_context(to));
            pn_terminus_t* terminus =
                pn_link_is_sender(to) ? pn_link_remote_target(to) : pn_link_remote_source(to);
            link->attached = pn_terminus_get_address(terminus) != nullptr;
            return;
        }
        case PN_LINK_REMOTE_CLOSE:
        case PN_LINK_REMOTE_DETACH: {
            pn_link_t* to = pn_event_link(event);
            auto* link = static_cast<Link*>(pn_link_get_context(to));
            link->detached = true;
            link->error = text_or_empty(pn_condition_get_name(pn_link_remote_condition(to)));
            pn_link_close(to);
            return;
        }
        case PN_DELIVERY: {
            pn_delivery_t* delivery = pn_event_delivery(event);
            pn_link_t* on = pn_delivery_link(delivery);
            auto* link = static_cast<Link*>(pn_link_get_context(on));
            const pn_delivery_tag_t tag = pn_delivery_tag(delivery);
            const std::string name(tag.start, tag.size);
            if (pn_link_is_sender(on)) {
                if (!pn_delivery_updated(delivery)) return;
                Link::Sent& sent = link->sent[name];
                sent.state = pn_delivery_remote_state(delivery);
                sent.settled = pn_delivery_settled(delivery);
                pn_condition_t* why = pn_disposition_condition(pn_delivery_remote(delivery));
                sent.error = text_or_empty(pn_condition_get_name(why));
                sent.description = text_or_empty(pn_condition_get_description(why));
                pn_delivery_clear(delivery);
                if (sent.settled) pn_delivery_settle(delivery);
                return;
            }
            if (pn_delivery_partial(delivery) || pn_link_current(on) != delivery) return;
            std::string bytes(pn_delivery_pending(delivery), '\0');
            pn_link_recv(on, bytes.data(), bytes.size());
            pn_link_advance(on);
            auto message = decode_message(bytes);
            if (!message) {
                error_ = condition::decode;
                closed_ = true;
                return;
            }
            const bool settled = pn_delivery_settled(delivery);
            link->got.push_back({std::move(*message), settled ? nullptr : delivery, settled, name});
            if (settled) pn_delivery_settle(delivery);
            return;
        }
        default: return;
    }
}

}  // namespace twinhub::protocol::amqp
