#pragma once

#include "base/result.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>

namespace twinhub::protocol::amqp {

// What is known of a frame before Proton sees it.
struct FrameFacts {
    bool is_transfer = false;
    std::uint32_t message_format = 0;  // of a transfer; Proton does not tell
};

// Stands before Proton: lets whole AMQP frames through, one by one, and only those whose
// performative is small and flat. Proton would follow any nesting, and keep room for as many values
// as a frame can name. Frames for a session that the peer has ended are dropped: some clients send
// a detach after it, which Proton takes for a reason to close.
class FrameGate {
public:
    using Pass = std::function<bool(std::string_view frame, const FrameFacts& facts)>;

    // Calls `pass` for each whole frame until it returns false; keeps what is incomplete.
    // Errors: format_invalid.
    Result<> receive(std::string_view bytes, const Pass& pass);

    std::size_t kept_bytes() const { return partial_.size(); }

private:
    Result<FrameFacts> check(std::string_view frame, bool& dropped);

    std::string partial_;
    bool opened_ = false;
    std::unordered_set<std::uint16_t> ended_;  // channels
};

}  // namespace twinhub::protocol::amqp
