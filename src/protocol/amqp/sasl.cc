#include "protocol/amqp/sasl.h"

#include "protocol/amqp/value.h"

#include <vector>

namespace twinhub::protocol::amqp {
namespace {

constexpr std::size_t frame_header_bytes = 8;
constexpr std::size_t sasl_frame_bytes_max = 8192;  // a PLAIN password is a token
constexpr std::uint64_t mechanisms_code = 0x40, init_code = 0x41, challenge_code = 0x42,
                        response_code = 0x43, outcome_code = 0x44;

std::unexpected<Error> malformed(const char* what) {
    return failure(Code::format_invalid, std::string("The SASL exchange is malformed: ") + what);
}

void put_frame(std::string& out, std::uint64_t code, std::string_view items, std::size_t count) {
    std::string body("\0", 1);
    append(body, Value::of_ulong(code));
    append_list(body, items, count);
    const std::size_t size = frame_header_bytes + body.size();
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift);
    out += std::string_view("\2\1\0\0", 4);  // data offset 2, type SASL
    out += body;
}

// A frame from the front of `bytes`, as a reader behind its header; nothing until it is there
// whole.
Result<std::optional<Reader>> take_frame(std::string_view& bytes) {
    if (bytes.size() < frame_header_bytes) return std::nullopt;
    std::size_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size = (size << 8) | static_cast<std::uint8_t>(bytes[i]);
    const std::size_t offset = std::size_t{static_cast<std::uint8_t>(bytes[4])} * 4;
    if (size > sasl_frame_bytes_max || offset < frame_header_bytes || offset > size ||
        bytes[5] != 1)
        return malformed("not a SASL frame");
    if (bytes.size() < size) return std::nullopt;
    const Reader reader(bytes.substr(offset, size - offset), performative_values_max);
    bytes.remove_prefix(size);
    return reader;
}

}  // namespace

void SaslServer::begin(std::string& out) const {
    std::vector<std::string_view> offered{"MSSBCBS", "ANONYMOUS", "PLAIN"};
    if (offer_.external) offered.emplace_back("EXTERNAL");
    if (offer_.tpm) offered.emplace_back("TPM");
    // An array of symbols: size, count, constructor, elements.
    std::string elements;
    for (const std::string_view name : offered) {
        elements += static_cast<char>(name.size());
        elements += name;
    }
    std::string items;
    items += '\xe0';
    items += static_cast<char>(elements.size() + 2);
    items += static_cast<char>(offered.size());
    items += '\xa3';
    items += elements;
    out += sasl_header;
    put_frame(out, mechanisms_code, items, 1);
}

Result<SaslServer::Step> SaslServer::receive(std::string_view& bytes, std::string& out) const {
    TRY(std::optional<Reader> frame, take_frame(bytes));
    if (!frame) return Waiting{};
    Reader& reader = *frame;
    TRY(const std::uint64_t code, reader.descriptor());
    if (code != init_code) return malformed("sasl-init expected");
    TRY(const Reader::Items items, reader.list());
    if (items.count == 0) return malformed("no mechanism");
    Reader inside(items.bytes);
    TRY(const Value mechanism, inside.value());
    Value response;
    if (items.count > 1) {
        TRY(response, inside.value());
    }
    const std::string_view name = text_of(mechanism).value_or("");
    if (name == "MSSBCBS" || name == "ANONYMOUS" || (name == "EXTERNAL" && offer_.external)) {
        decide(SaslOutcome::ok, out);
        return Succeeded{};
    }
    if (name == "PLAIN")
        if (auto plain = parse_plain(response.bytes)) return std::move(*plain);
    if (name == "TPM" && offer_.tpm)
        if (auto exchange = TpmExchange::begin(response.bytes)) return *std::move(exchange);
    decide(SaslOutcome::auth, out);
    return Failed{};
}

void SaslServer::challenge(std::string_view bytes, std::string& out) {
    std::string items;
    append(items, Value::of_binary(bytes));
    put_frame(out, challenge_code, items, 1);
}

Result<std::optional<std::string>> SaslServer::response(std::string_view& bytes) {
    TRY(std::optional<Reader> frame, take_frame(bytes));
    if (!frame) return std::nullopt;
    TRY(const std::uint64_t code, frame->descriptor());
    if (code != response_code) return malformed("sasl-response expected");
    TRY(const Reader::Items items, frame->list());
    if (items.count == 0) return malformed("no response");
    TRY(Value value, Reader(items.bytes).value());
    return std::move(value.bytes);
}

void SaslServer::decide(SaslOutcome outcome, std::string& out) {
    std::string items;
    append(items,
           Value{.type = Type::ubyte, .number = static_cast<std::uint8_t>(outcome), .bytes = {}});
    put_frame(out, outcome_code, items, 1);
}

std::optional<PlainCredentials> parse_plain(std::string_view response) {
    const std::size_t first = response.find('\0');
    if (first == std::string_view::npos) return std::nullopt;
    const std::size_t second = response.find('\0', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    PlainCredentials plain{.user = std::string(response.substr(first + 1, second - first - 1)),
                           .password = std::string(response.substr(second + 1))};
    if (plain.user.empty()) return std::nullopt;
    return plain;
}

}  // namespace twinhub::protocol::amqp
