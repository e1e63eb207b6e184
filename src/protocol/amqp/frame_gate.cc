#include "protocol/amqp/frame_gate.h"

#include "protocol/amqp/limits.h"
#include "protocol/amqp/value.h"

#include <algorithm>

namespace twinhub::protocol::amqp {
namespace {

constexpr std::size_t frame_header_bytes = 8;
constexpr std::uint64_t open_code = 0x10, begin_code = 0x11, transfer_code = 0x14, end_code = 0x17,
                        close_code = 0x18;

std::unexpected<Error> malformed(const char* what) {
    return failure(Code::format_invalid, std::string("The AMQP frame is malformed: ") + what);
}

std::size_t size_of(std::string_view frame) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size = (size << 8) | static_cast<std::uint8_t>(frame[i]);
    return size;
}

}  // namespace

Result<FrameFacts> FrameGate::check(std::string_view frame, bool& dropped) {
    const std::size_t offset = std::size_t{static_cast<std::uint8_t>(frame[4])} * 4;
    if (offset < frame_header_bytes || offset > frame.size()) return malformed("its data offset");
    if (frame[5] != 0) return malformed("not an AMQP frame");
    const auto channel = static_cast<std::uint16_t>(static_cast<std::uint8_t>(frame[6]) << 8 |
                                                    static_cast<std::uint8_t>(frame[7]));
    FrameFacts facts;
    const std::string_view body = frame.substr(offset);
    if (body.empty()) return facts;  // a heartbeat
    Reader whole(body, performative_values_max);
    TRY(const std::string_view performative, whole.skip());
    if (performative.size() > performative_bytes_max) return malformed("a performative too large");
    Reader reader(performative, performative_values_max);
    TRY(const std::uint64_t code, reader.descriptor());
    if (code < open_code || code > close_code) return malformed("an unknown performative");
    if (opened_ == (code == open_code)) return malformed("open has to come first, and once");
    opened_ = true;
    TRY(const Reader::Items items, reader.list());
    if (code == begin_code) ended_.erase(channel);
    else if (code != close_code && ended_.contains(channel)) dropped = true;
    if (code == end_code) ended_.insert(channel);
    facts.is_transfer = code == transfer_code;
    if (facts.is_transfer) {
        Reader fields(items.bytes);
        for (std::size_t i = 0; i < std::min<std::size_t>(items.count, 4); ++i) {
            TRY(const Value field, fields.value());
            if (i == 3) facts.message_format = static_cast<std::uint32_t>(field.number);
        }
    }
    return facts;
}

Result<> FrameGate::receive(std::string_view bytes, const Pass& pass) {
    while (!bytes.empty()) {
        std::string_view frame;
        if (partial_.empty() && bytes.size() >= frame_header_bytes &&
            size_of(bytes) <= bytes.size()) {
            const std::size_t size = size_of(bytes);
            if (size < frame_header_bytes || size > frame_bytes_max) return malformed("its size");
            frame = bytes.substr(0, size);
            bytes.remove_prefix(size);
        } else {
            // The rest of a frame whose beginning came before, or a beginning.
            const std::size_t wanted =
                partial_.size() < frame_header_bytes ? frame_header_bytes : size_of(partial_);
            const std::size_t taken = std::min(bytes.size(), wanted - partial_.size());
            partial_ += bytes.substr(0, taken);
            bytes.remove_prefix(taken);
            if (partial_.size() < frame_header_bytes) return {};
            const std::size_t size = size_of(partial_);
            if (size < frame_header_bytes || size > frame_bytes_max) return malformed("its size");
            if (partial_.size() < size) continue;
            frame = partial_;
        }
        bool dropped = false;
        TRY(const FrameFacts facts, check(frame, dropped));
        const bool more = dropped || pass(frame, facts);
        if (!partial_.empty()) std::string().swap(partial_);
        if (!more) return {};
    }
    return {};
}

}  // namespace twinhub::protocol::amqp
