// What links were let in for: whether it still holds, and when certificates end.
#include "hub/shard.h"

#include <boost/asio/post.hpp>

#include <utility>

namespace twinhub::hub {
namespace {

constexpr std::chrono::milliseconds judging_at_once{1};
constexpr std::chrono::seconds expiry_told_every{15};

std::chrono::sys_days day_of(Instant instant) {
    return std::chrono::floor<std::chrono::days>(instant);
}

}  // namespace

void Shard::renewed(const TwinId& id, const DeviceLink& link, Credential credential) {
    const auto found = links_.find(id);
    if (found == links_.end() || found->second.link != &link) return;
    count_certificate(found->second, -1);
    found->second.credential = std::move(credential);
    count_certificate(found->second, 1);
}

// After a change of the identity: only a link that would not be let in again has to go.
void Shard::end_link_without_credential(const TwinId& id, const Identity& identity) {
    const auto found = links_.find(id);
    if (found == links_.end()) return;
    if (!still_holds(found->second.credential, identity, *parts_.trust.load(), parts_.clock.now()))
        end_link(id, LinkEnd::credentials_changed);
}

void Shard::trust_changed() {
    to_judge_.clear();
    for (const auto& [id, link] : links_)
        if (link.credential.certificate && !link.credential.certificate->chain.empty())
            to_judge_.push_back(id);
    if (!std::exchange(judging_, true)) judge_links();
}

// For a moment at a time: a fleet's worth of chains would hold the loop too long.
void Shard::judge_links() {
    const Moment until = parts_.clock.monotonic() + judging_at_once;
    const auto trust = parts_.trust.load();
    const Instant now = parts_.clock.now();
    while (!to_judge_.empty() && parts_.clock.monotonic() < until) {
        const TwinId id = std::move(to_judge_.front());
        to_judge_.pop_front();
        const auto found = links_.find(id);
        if (found == links_.end() || !found->second.credential.certificate) continue;
        if (still_trusted(*found->second.credential.certificate, *trust, now)) continue;
        parts_.log.info("device.trust_lost", {{"device", id.text()}});
        end_link(id, LinkEnd::credentials_changed);
    }
    judging_ = !to_judge_.empty();
    if (judging_) asio::post(executor_, [this] { judge_links(); });
}

void Shard::count_certificate(const Link& link, int by) {
    if (!link.credential.certificate) return;
    const auto day =
        certificate_days_.try_emplace(day_of(link.credential.certificate->leaf.not_after()), 0)
            .first;
    day->second += by;
    if (day->second == 0) certificate_days_.erase(day);
}

void Shard::tell_expiry(Moment now) {
    if (now < next_expiry_) return;
    next_expiry_ = now + expiry_told_every;
    const std::chrono::sys_days today = day_of(parts_.clock.now());
    for (std::size_t i = 0; i < expiry_horizons.size(); ++i) {
        std::int64_t count = 0;
        for (auto day = certificate_days_.begin();
             day != certificate_days_.end() && day->first <= today + expiry_horizons[i]; ++day)
            count += day->second;
        parts_.metrics.certificates.expiring[i]->Increment(
            static_cast<double>(count - expiring_shown_[i]));
        expiring_shown_[i] = count;
    }
}

}  // namespace twinhub::hub
