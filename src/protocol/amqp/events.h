#pragma once

#include "protocol/amqp/sasl.h"
#include "protocol/amqp/value.h"

#include <cstdint>
#include <string>
#include <variant>

namespace twinhub::protocol::amqp {

using LinkNumber = std::uint32_t;      // of one connection, given once
using SessionNumber = std::uint32_t;   // the same
using DeliveryNumber = std::uint64_t;  // the same; 0 = settled by who sent it

enum class EndReason : std::uint8_t {
    closed_by_peer,
    not_amqp,        // another protocol's first bytes
    malformed,       // bytes that are not AMQP, or break its rules
    limit_exceeded,  // more sessions, links or bytes than allowed
    sasl_failed,
    idle,
};

// What happens on a connection, in order.
struct PlainOffered {  // answer with Driver::decide_sasl; nothing else comes before
    PlainCredentials credentials;
};
struct TpmAsked {  // answer with Driver::challenge_tpm, or decide_sasl to refuse; the same
    TpmQuestion question;
};
struct TpmAnswered {  // answer with Driver::decide_sasl; the same
    std::string token;
};
struct Opened {
    std::string host;  // as the client named it; may be empty
    std::string container;
};
struct LinkOffered {  // answer with accept or refuse
    LinkNumber link = 0;
    SessionNumber session = 0;
    bool sends_to_us = false;  // else it wants to receive from us
    bool settled = false;      // messages to it may be sent settled
    std::string address;       // target when it sends, else source
    std::string own_address;   // the other of them: what the client calls its end
    Fields properties;
};
struct Arrived {  // a whole message; settle it unless `delivery` is 0
    LinkNumber link = 0;
    DeliveryNumber delivery = 0;
    std::uint32_t format = 0;
    std::string bytes;
};
enum class Outcome : std::uint8_t { none, accepted, rejected, released, modified };
struct Settled {  // what the peer says of a watched message; forget() it
    LinkNumber link = 0;
    DeliveryNumber delivery = 0;
    Outcome outcome = Outcome::none;
    bool settled = false;
};
struct Sendable {  // can_send() said no, and would now say yes
    LinkNumber link = 0;
};
struct LinkGone {  // detached by the peer, with its session or by a limit
    LinkNumber link = 0;
};
struct Ended {  // send what is to be sent, then close
    EndReason reason = EndReason::closed_by_peer;
    std::string why;
};
using Event = std::variant<PlainOffered, TpmAsked, TpmAnswered, Opened, LinkOffered, Arrived,
                           Settled, Sendable, LinkGone, Ended>;

// The messages that need an answer on the same link are sent unsettled only when the peer insists.
enum class Settle : std::uint8_t {
    at_once,
    unwatched,  // unsettled as the peer wants it, its outcome does not matter
    watched,    // unsettled; a Settled event follows
};

}  // namespace twinhub::protocol::amqp
