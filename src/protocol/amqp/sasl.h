#pragma once

#include "base/result.h"
#include "protocol/amqp/tpm_exchange.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace twinhub::protocol::amqp {

// The eight bytes that begin a layer.
inline constexpr std::string_view amqp_header{"AMQP\0\1\0\0", 8};
inline constexpr std::string_view sasl_header{"AMQP\3\1\0\0", 8};

// Name and password of a PLAIN exchange.
struct PlainCredentials {
    std::string user;
    std::string password;
};

// How an exchange ends (AMQP 1.0 part 5, section 5.3.3.6): clients take the last one for a reason
// to come again.
enum class SaslOutcome : std::uint8_t { ok = 0, auth = 1, sys_temp = 4 };

// The SASL layer of a server (AMQP 1.0 part 5, section 5.3): bytes behind the SASL header in,
// frames out. Spec device-protocols 4.1: MSSBCBS and ANONYMOUS always succeed and grant nothing,
// EXTERNAL stands for the client's certificate, PLAIN and TPM are decided by the owner.
class SaslServer {
public:
    // What is offered besides: EXTERNAL to who showed a certificate, TPM where devices are
    // provisioned.
    struct Offer {
        bool external = false;
        bool tpm = false;
    };
    explicit SaslServer(Offer offer) : offer_(offer) {}

    // Header and mechanisms, as an answer to the client's header.
    void begin(std::string& out) const;

    struct Waiting {};    // more bytes are needed
    struct Succeeded {};  // the outcome is written
    struct Failed {};     // the outcome is written; close
    using Step = std::variant<Waiting, Succeeded, Failed, PlainCredentials, TpmExchange>;
    // Takes at most one frame from the front of `bytes`. Errors: format_invalid.
    Result<Step> receive(std::string_view& bytes, std::string& out) const;
    // The owner's answer to PLAIN, or to the token that TPM ends with.
    static void decide(SaslOutcome outcome, std::string& out);

    // What TPM says and hears: a challenge's frame, and the next response, if it is there whole.
    // Errors: format_invalid.
    static void challenge(std::string_view bytes, std::string& out);
    static Result<std::optional<std::string>> response(std::string_view& bytes);

private:
    Offer offer_;
};

// `authzid 00 authcid 00 password`. Nothing when it is not that.
std::optional<PlainCredentials> parse_plain(std::string_view response);

}  // namespace twinhub::protocol::amqp
