#pragma once

#include "gateway/transport.h"

#include <memory>
#include <string>

namespace twinhub::gateway {

inline constexpr std::size_t websocket_message_bytes_max = 1024 * 1024;

// What the client asked for; already checked by whoever read the request.
struct WebSocketHandshake {
    std::string target;
    std::string host;
    std::string key;       // Sec-WebSocket-Key
    std::string protocol;  // the subprotocol to speak
    std::string early;     // bytes that came behind the request
};

// Accepts the WebSocket on `carrier` and gives it back as a byte stream: the payloads of binary
// messages one after the other, whatever their frames (RFC 6455; spec device-protocols 1.1). No
// compression. Pings are answered; a text message or a broken frame ends the stream.
std::unique_ptr<Transport> accept_websocket(std::unique_ptr<Transport> carrier,
                                            const WebSocketHandshake& handshake);

}  // namespace twinhub::gateway
