#pragma once

#include "gateway/testing/fake_transport.h"
#include "hub/testing/hub_on_memory.h"
#include "protocol/amqp/address.h"
#include "protocol/amqp/message.h"
#include "protocol/amqp/value.h"

#include <string>
#include <string_view>

namespace twinhub::gateway::amqp {

// A client's SASL header and PLAIN response.
inline std::string plain(std::string_view user, std::string_view password) {
    namespace wire = protocol::amqp;
    std::string response(1, '\0');
    response += user;
    response += '\0';
    response += password;
    std::string items;
    wire::append(items, wire::Value::of_symbol("PLAIN"));
    wire::append(items, wire::Value::of_binary(response));
    std::string body("\0\x53\x41", 3);
    wire::append_list(body, items, 2);
    std::string frame;
    for (int shift = 24; shift >= 0; shift -= 8)
        frame += static_cast<char>((body.size() + 8) >> shift);
    frame += std::string_view("\2\1\0\0", 4);
    return std::string(wire::sasl_header) + frame + body;
}

// Signs in over `peer`, up to the outcome; false when the hub closes instead. What comes behind the
// outcome is left to be received: AMQP without any token.
inline bool sign_in_plain(hub::HubOnMemory& hub, FakePeer& peer, std::string_view user,
                          std::string_view password) {
    peer.send(plain(user, password));
    hub.run_until(
        [&] { return peer.closed || peer.received.find("\x53\x44\xc0") != std::string::npos; });
    if (peer.closed) return false;
    const std::string& got = peer.received;
    peer.received = got.substr(got.rfind(std::string("\x53\x44\xc0\x03\x01\x50\0", 7)) + 7);
    return true;
}

}  // namespace twinhub::gateway::amqp
