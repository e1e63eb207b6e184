#pragma once

#include "gateway/amqp/bridge.h"
#include "gateway/amqp/claims.h"
#include "protocol/amqp/address.h"
#include "protocol/amqp/events.h"

#include <map>
#include <memory>
#include <vector>

namespace twinhub::gateway::amqp {

class AmqpLink;
class Delegate;
class TwinPair;
class MethodPair;
class MessagesLink;

// The connection's side of one identity: its place on this connection. Lives on the connection's
// loop; the Delegate is its counterpart on the loop of the shard.
struct Seat {
    enum class State : std::uint8_t {
        absent,     // it has no links
        attaching,  // its first link waits for the hub's word
        attached
    };

    TwinId id;
    Way<Delegate> delegate;
    State state = State::absent;
    hub::Principal principal;                   // once attached
    ClaimNumber claim = 0;                      // what let it in; 0 = its certificate
    Instant certificate_ends = Instant::max();  // when it is that, the end of it
    std::uint64_t attempt = 0;  // of attaching: an answer to an older one is nobody's

    bool without_links = false;  // its proof alone connects it

    std::size_t checks = 0;  // tokens that are looked at

    struct Waiting {
        protocol::amqp::LinkOffered offer;
        protocol::amqp::Address address;
        std::size_t candidate = 0;
    };
    std::vector<Waiting> waiting;  // links that were offered while it attached
    std::map<protocol::amqp::LinkNumber, std::shared_ptr<AmqpLink>> links;
    std::vector<std::shared_ptr<TwinPair>> twins;
    std::vector<std::shared_ptr<MethodPair>> methods;
    std::shared_ptr<MessagesLink> messages;
};

}  // namespace twinhub::gateway::amqp
