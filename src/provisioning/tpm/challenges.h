#pragma once

#include "base/time.h"
#include "protocol/sas/token.h"
#include "provisioning/tpm/activation.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace twinhub::provisioning::tpm {

// A question that one TPM can answer: a key that was made for it, and what the key came wrapped in.
// Whoever signs with that key has the TPM.
struct Challenge {
    Keys keys;
    std::string signing_key;
    std::string blob;       // as it was sent; the same question gets it again
    std::string operation;  // the registration that it opened; empty until there was one
    bool answered = false;
    Moment ends{};
};

// How long and how many.
struct ChallengeLimits {
    std::chrono::seconds answer_within{300};  // TPMs are slow, people restart devices
    // From the answer on, so that the same token asks what became of the registration.
    std::chrono::seconds good_for{3600};
    std::size_t of_one_registration = 4;
    std::size_t all = 10'000;  // of a loop; about 2 KB each
};

// The challenges that are open, by registration id. State without a clock: callers say when it is.
class Challenges {
public:
    explicit Challenges(ChallengeLimits limits = {}) : limits_(limits) {}

    // The open one for these keys that nobody has answered, or nullptr.
    const Challenge* open(const std::string& registration, const Keys& keys, Moment now) const;

    enum class Room : std::uint8_t {
        free,
        displaces,  // an unanswered one of the same registration has to go for it
        none,       // too many are open
    };
    Room room(const std::string& registration, Moment now);
    // Only when there is room; the challenge ends `answer_within` from now.
    const Challenge& add(const std::string& registration, Challenge challenge, Moment now);

    // The one whose key signed the token, which thereby is answered; or nullptr. Valid until the
    // next add.
    const Challenge* answered_by(const std::string& registration, const protocol::sas::Token& token,
                                 Moment now);

    // The challenge of that key has opened a registration.
    void opened(const std::string& registration, std::string_view signing_key,
                std::string_view operation);

    std::size_t size() const { return count_; }

private:
    using End = std::pair<Moment, std::string>;
    void drop_ended(Moment now);
    void forget_end(const std::string& registration, Moment end);

    ChallengeLimits limits_;
    std::unordered_map<std::string, std::vector<Challenge>> by_registration_;
    std::set<End> ends_;  // when to look again, and where
    std::size_t count_ = 0;
};

}  // namespace twinhub::provisioning::tpm
