#include "x509/seal.h"

#include "base/encoding.h"
#include "base/json.h"
#include "base/json_members.h"

namespace twinhub::x509 {
namespace {

// What is signed: no other text of this hub looks like it.
std::string statement(std::string_view kind, std::string_view hash) {
    return "twinhub seal 1\n" + std::string(kind) + "\n" + std::string(hash) + "\n";
}

}  // namespace

void append_seal(std::string& text, std::string_view kind, const SigningKey& key) {
    const std::string hash = hex_encode(sha256(text));
    const json::object seal{{"kind", kind},
                            {"sha256", hash},
                            {"key", key.verifying().id()},
                            {"signature", base64_encode(key.sign(statement(kind, hash)))}};
    append_json(text, json::value(json::object{{"seal", seal}}));
    text += '\n';
}

Result<Seal> check_seal(std::string_view text, const VerifyingKey& key) {
    std::string_view line = text;
    if (line.ends_with('\n')) line.remove_suffix(1);
    const std::size_t last = line.rfind('\n');
    const std::string_view sealed = last == std::string_view::npos ? "" : text.substr(0, last + 1);
    const auto parsed = parse_json(line.substr(sealed.size()));
    const json::value* const found =
        parsed && parsed->is_object() ? parsed->get_object().if_contains("seal") : nullptr;
    if (found == nullptr || !found->is_object())
        return failure(Code::format_invalid,
                       "The last line is no seal: this is no sealed export, or its end is missing");
    Seal seal{text_in(*found, "kind"), text_in(*found, "key"), sealed};
    if (seal.key_id != key.id())
        return failure(Code::unauthorized, "It was sealed with the key " + seal.key_id +
                                               ", this is the key " + key.id());
    const std::string hash = text_in(*found, "sha256");
    const auto signature = base64_decode(text_in(*found, "signature"));
    if (!signature || !key.verifies(statement(seal.kind, hash), *signature))
        return failure(Code::unauthorized, "The signature of the seal does not hold");
    if (hash != hex_encode(sha256(sealed)))
        return failure(Code::unauthorized, "The lines are not those that were sealed");
    return seal;
}

}  // namespace twinhub::x509
