#include "provisioning/tpm/challenges.h"

#include "base/encoding.h"

#include <algorithm>
#include <utility>

namespace twinhub::provisioning::tpm {

const Challenge* Challenges::open(const std::string& registration, const Keys& keys,
                                  Moment now) const {
    const auto found = by_registration_.find(registration);
    if (found == by_registration_.end()) return nullptr;
    for (const Challenge& challenge : found->second)
        if (!challenge.answered && challenge.ends > now && challenge.keys == keys)
            return &challenge;
    return nullptr;
}

void Challenges::drop_ended(Moment now) {
    while (!ends_.empty() && ends_.begin()->first <= now) {
        const auto found = by_registration_.find(ends_.begin()->second);
        if (found != by_registration_.end()) {
            count_ -= std::erase_if(
                found->second, [now](const Challenge& challenge) { return challenge.ends <= now; });
            if (found->second.empty()) by_registration_.erase(found);
        }
        ends_.erase(ends_.begin());
    }
}

Challenges::Room Challenges::room(const std::string& registration, Moment now) {
    drop_ended(now);
    const auto found = by_registration_.find(registration);
    if (found != by_registration_.end() && found->second.size() >= limits_.of_one_registration)
        return Room::displaces;
    return count_ < limits_.all ? Room::free : Room::none;
}

// The oldest that nobody answered goes first: who has answered is in the middle of something.
const Challenge& Challenges::add(const std::string& registration, Challenge challenge, Moment now) {
    drop_ended(now);
    std::vector<Challenge>& open = by_registration_[registration];
    if (open.size() >= limits_.of_one_registration) {
        const auto oldest = std::ranges::min_element(
            open, {}, [](const Challenge& one) { return std::pair(one.answered, one.ends); });
        const Moment end = oldest->ends;
        open.erase(oldest);
        --count_;
        forget_end(registration, end);
    }
    challenge.ends = now + limits_.answer_within;
    ends_.emplace(challenge.ends, registration);
    ++count_;
    return open.emplace_back(std::move(challenge));
}

const Challenge* Challenges::answered_by(const std::string& registration,
                                         const protocol::sas::Token& token, Moment now) {
    const auto found = by_registration_.find(registration);
    if (found == by_registration_.end()) return nullptr;
    Challenge* signer = nullptr;
    for (Challenge& challenge : found->second)
        if (challenge.ends > now && protocol::sas::signed_by(token, challenge.signing_key))
            signer = &challenge;
    if (signer == nullptr || signer->answered) return signer;
    const Moment end = std::exchange(signer->ends, now + limits_.good_for);
    signer->answered = true;
    ends_.emplace(signer->ends, registration);
    forget_end(registration, end);
    return signer;
}

void Challenges::opened(const std::string& registration, std::string_view signing_key,
                        std::string_view operation) {
    const auto found = by_registration_.find(registration);
    if (found == by_registration_.end()) return;
    for (Challenge& challenge : found->second)
        if (equals_constant_time(challenge.signing_key, signing_key))
            challenge.operation = operation;
}

// Unless another one of the registration ends in the same moment.
void Challenges::forget_end(const std::string& registration, Moment end) {
    const auto found = by_registration_.find(registration);
    if (found == by_registration_.end() ||
        std::ranges::find(found->second, end, &Challenge::ends) == found->second.end())
        ends_.erase({end, registration});
}

}  // namespace twinhub::provisioning::tpm
