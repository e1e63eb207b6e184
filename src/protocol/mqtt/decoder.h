#pragma once

#include "protocol/mqtt/packet.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace twinhub::protocol::mqtt {

// Why bytes are not a packet that we take.
enum class Fault : std::uint8_t {
    malformed,  // breaks a MUST of MQTT 3.1.1: flags, lengths, UTF-8, packet id 0, wildcard in a
                // topic
    too_large,  // the remaining length is above the limit
    qos2,       // a PUBLISH with QoS 2 or a packet of its handshake
};

// One packet still packed: the first header byte and what follows the remaining length.
struct Frame {
    std::uint8_t header = 0;
    std::string_view body;
    std::size_t bytes = 0;  // of the whole packet
};

// Cuts the first packet off `bytes`; nothing while it is incomplete. Looks at the header as soon as
// it is there, so that a bad or too large packet is refused before its body comes.
std::expected<std::optional<Frame>, Fault> cut(std::string_view bytes,
                                               std::uint32_t remaining_length_max);

// Unpacks a frame. The views in the packet point into the frame's body.
std::expected<Packet, Fault> decode(const Frame& frame);

// Memory that views of decoded packets point into, besides the bytes that were fed. Vectors, since
// a moved string may take its characters along.
using HeldBytes = std::vector<std::vector<char>>;

// Turns a byte stream, split anywhere, into packets. Copies only what is incomplete, and owns no
// heap memory when nothing is.
class Decoder {
public:
    explicit Decoder(std::uint32_t remaining_length_max)
        : remaining_length_max_(remaining_length_max) {}

    // Calls `sink(const Packet&) -> bool` for each packet that is now whole. When it says false the
    // rest is kept for a later feed (of no bytes, if need be). Views in packets live as long as
    // `bytes` and what `held` was given. After a fault the stream cannot be read on.
    template <class Sink>
    std::optional<Fault> feed(std::span<const std::byte> bytes, HeldBytes& held, Sink&& sink);

    // Keeps bytes without looking at them.
    void hold(std::span<const std::byte> bytes);

    // For packets that begin after the current one.
    void set_remaining_length_max(std::uint32_t value) { remaining_length_max_ = value; }
    std::size_t held_bytes() const { return tail_.size(); }
    // Gives away what is kept; nothing is read on here.
    std::vector<char> take_held() { return std::exchange(tail_, {}); }

private:
    enum class Outcome : std::uint8_t { all, stopped };

    template <class Sink>
    std::expected<Outcome, Fault> drain(std::string_view& bytes, Sink& sink);
    // Moves bytes from `bytes` until the first packet of the tail is whole; false when they run
    // out.
    std::expected<bool, Fault> top_up(std::string_view& bytes);
    void keep(std::string_view bytes) { tail_.insert(tail_.end(), bytes.begin(), bytes.end()); }

    std::vector<char> tail_;
    std::uint32_t remaining_length_max_;
};

template <class Sink>
std::expected<Decoder::Outcome, Fault> Decoder::drain(std::string_view& bytes, Sink& sink) {
    while (!bytes.empty()) {
        const auto frame = cut(bytes, remaining_length_max_);
        if (!frame) return std::unexpected(frame.error());
        if (!*frame) break;
        const auto packet = decode(**frame);
        if (!packet) return std::unexpected(packet.error());
        bytes.remove_prefix((*frame)->bytes);
        if (!sink(*packet)) return Outcome::stopped;
    }
    return Outcome::all;
}

template <class Sink>
std::optional<Fault> Decoder::feed(std::span<const std::byte> fed, HeldBytes& held, Sink&& sink) {
    std::string_view bytes(reinterpret_cast<const char*>(fed.data()), fed.size());
    while (!tail_.empty()) {
        const auto whole = top_up(bytes);
        if (!whole) return whole.error();
        if (!*whole) return std::nullopt;
        const std::vector<char>& block = held.emplace_back(std::exchange(tail_, {}));
        std::string_view rest(block.data(), block.size());
        const auto outcome = drain(rest, sink);
        if (!outcome) return outcome.error();
        keep(rest);
        if (*outcome == Outcome::stopped) {
            keep(bytes);
            return std::nullopt;
        }
    }
    const auto outcome = drain(bytes, sink);
    if (!outcome) return outcome.error();
    keep(bytes);
    return std::nullopt;
}

}  // namespace twinhub::protocol::mqtt
