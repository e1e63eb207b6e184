#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace twinhub::protocol::amqp {

// Who a device with a TPM says that it is: raw bytes, nothing of it proved.
struct TpmQuestion {
    std::string id_scope;
    std::string registration_id;
    std::string endorsement_key;   // TPM2B_PUBLIC
    std::string storage_root_key;  // the same
};

// The SASL mechanism TPM of the provisioning service, as Microsoft's device clients speak it. Every
// message begins with a control byte:
//
//   device                                                service
//   init      00 scope 00 registration id 00 endorsement key
//                                                         challenge  00
//   response  00 storage root key
//                                                         challenge  80 first half of the key
//   response  00
//                                                         challenge  C1 second half of the key
//   response  00 token
//
// In a control byte of the service, bit 7 says that there is a segment, bit 6 that it is the last
// one, and the lowest two count. The Java client takes just two segments, in this numbering; the
// others take any number. Bytes in, what to do out; no I/O.
class TpmExchange {
public:
    // `initial`: the initial response. Nothing when it is not that.
    static std::optional<TpmExchange> begin(std::string_view initial);

    struct Challenge {  // to be sent
        std::string bytes;
    };
    struct Asked {  // call challenge() when it is known
        TpmQuestion question;
    };
    struct Answered {  // the owner decides
        std::string token;
    };
    struct Broken {};
    using Step = std::variant<Challenge, Asked, Answered, Broken>;

    // The first challenge.
    Challenge hello() const;
    // The device's next response.
    Step receive(std::string_view response);
    // The key that the device has to sign with, as it takes it in: its first segment.
    Challenge challenge(std::string_view key);

private:
    enum class Stage : std::uint8_t { storage_root_key, waiting, segments, token };

    Challenge next_segment();

    Stage stage_ = Stage::storage_root_key;
    TpmQuestion question_;
    std::string unsent_;
    std::size_t segment_bytes_ = 0;
    std::uint8_t sequence_ = 0;
};

}  // namespace twinhub::protocol::amqp
