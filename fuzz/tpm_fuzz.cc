// The public keys that devices show of their TPMs, and the SASL exchange that brings them.
#include "base/random.h"
#include "base/result.h"
#include "protocol/amqp/tpm_exchange.h"
#include "provisioning/limits.h"
#include "provisioning/tpm/activation.h"

#include <cstddef>
#include <cstdint>

using namespace twinhub;
using provisioning::tpm::KeyRole;
using provisioning::tpm::PublicKey;

namespace {

// A key that is taken is one that something can be wrapped for, or is told that it is none.
void wrap_for(const PublicKey& key) {
    static SystemRandom random;
    const auto blob = provisioning::tpm::wrap_signing_key(
        {key, key}, std::string(provisioning::tpm::signing_key_bytes, 'k'), "scope", random);
    if (blob) CHECK(blob->size() < 960);
    else CHECK(blob.error().code == Code::argument_invalid);
}

void exchange(std::string_view text) {
    using protocol::amqp::TpmExchange;
    auto begun = TpmExchange::begin(text);
    if (!begun) return;
    const auto step = begun->receive(text);
    const auto* asked = std::get_if<TpmExchange::Asked>(&step);
    if (asked == nullptr) return;
    CHECK(text.find(asked->question.endorsement_key) != std::string_view::npos);
    (void)begun->challenge(text);
    while (std::holds_alternative<TpmExchange::Challenge>(begun->receive({"\0", 1}))) {}
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto endorsement = provisioning::tpm::parse_public(text, KeyRole::endorsement);
    const auto storage_root = provisioning::tpm::parse_public(text, KeyRole::storage_root);
    if (endorsement) {
        CHECK(text.size() <= provisioning::tpm_key_bytes_max);
        CHECK(endorsement->modulus.size() == 256 && endorsement->name.size() == 34);
        wrap_for(*endorsement);
    }
    if (storage_root) CHECK(endorsement && *endorsement == *storage_root);
    exchange(text);
    return 0;
}
