#include "protocol/amqp/tpm_exchange.h"

#include <algorithm>

namespace twinhub::protocol::amqp {
namespace {

constexpr char plain = '\0';
constexpr std::uint8_t segment = 0x80, last = 0x40, sequence_mask = 0x03;
// A SASL frame has at most 512 bytes (AMQP 1.0 part 5, section 5.3.1), some of them around this.
constexpr std::size_t segment_bytes_max = 480;
constexpr std::size_t key_bytes_max = 1024;  // of a device's TPM2B_PUBLIC
constexpr std::size_t name_bytes_max = 128;

// What is behind the control byte; a device's messages come whole.
std::optional<std::string_view> content_of(std::string_view message) {
    if (message.empty() || message.front() != plain) return std::nullopt;
    return message.substr(1);
}

// Up to the next zero byte, which is taken too.
std::optional<std::string_view> take_text(std::string_view& rest) {
    const std::size_t end = rest.find('\0');
    if (end == std::string_view::npos || end == 0 || end > name_bytes_max) return std::nullopt;
    const std::string_view text = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return text;
}

}  // namespace

std::optional<TpmExchange> TpmExchange::begin(std::string_view initial) {
    std::optional<std::string_view> rest = content_of(initial);
    if (!rest) return std::nullopt;
    const auto scope = take_text(*rest);
    const auto registration = scope ? take_text(*rest) : std::nullopt;
    if (!registration || rest->empty() || rest->size() > key_bytes_max) return std::nullopt;
    TpmExchange exchange;
    exchange.question_.id_scope = *scope;
    exchange.question_.registration_id = *registration;
    exchange.question_.endorsement_key = *rest;
    return exchange;
}

TpmExchange::Challenge TpmExchange::hello() const { return {std::string(1, plain)}; }

TpmExchange::Step TpmExchange::receive(std::string_view response) {
    const auto content = content_of(response);
    if (!content) return Broken{};
    switch (stage_) {
        case Stage::storage_root_key:
            if (content->empty() || content->size() > key_bytes_max) return Broken{};
            question_.storage_root_key = *content;
            stage_ = Stage::waiting;
            return Asked{question_};
        case Stage::segments:
            if (!content->empty()) return Broken{};
            return next_segment();
        case Stage::token: stage_ = Stage::waiting; return Answered{std::string(*content)};
        case Stage::waiting: break;
    }
    return Broken{};
}

TpmExchange::Challenge TpmExchange::challenge(std::string_view key) {
    unsent_ = key;
    const std::size_t count =
        std::max<std::size_t>(2, (key.size() + segment_bytes_max - 1) / segment_bytes_max);
    segment_bytes_ = (key.size() + count - 1) / count;
    sequence_ = 0;
    stage_ = Stage::segments;
    return next_segment();
}

TpmExchange::Challenge TpmExchange::next_segment() {
    const std::string part = unsent_.substr(0, segment_bytes_);
    unsent_.erase(0, part.size());
    if (unsent_.empty()) stage_ = Stage::token;
    const auto control = static_cast<std::uint8_t>(segment | (unsent_.empty() ? last : 0) |
                                                   (sequence_++ & sequence_mask));
    return {static_cast<char>(control) + part};
}

}  // namespace twinhub::protocol::amqp
