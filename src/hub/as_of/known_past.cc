#include "hub/as_of/known_past.h"

#include <algorithm>

namespace twinhub::hub {

void KnownPast::leave_out(fleet::Row row) {
    if (row / 64 >= left_out.size()) left_out.resize(row / 64 + 1);
    left_out[row / 64] |= std::uint64_t{1} << (row % 64);
}

std::unique_ptr<KnownPast> KnownPasts::take(const PastQuestion& question) {
    const auto found = std::ranges::find_if(
        kept_, [&](const Kept& kept) { return kept.past->question == question; });
    if (found == kept_.end()) return nullptr;
    auto past = std::move(found->past);
    kept_.erase(found);
    return past;
}

std::vector<std::unique_ptr<KnownPast>> KnownPasts::keep(std::unique_ptr<KnownPast> past,
                                                         Moment now) {
    std::vector<std::unique_ptr<KnownPast>> gone;
    // Two may have asked at once.
    if (auto same = take(past->question)) gone.push_back(std::move(same));
    if (past->changed.size() > twins_max) {
        gone.push_back(std::move(past));
        return gone;
    }
    kept_.push_back({std::move(past), now});
    while (kept_.size() > moments_max || twins() > twins_max) {
        gone.push_back(std::move(kept_.front().past));
        kept_.erase(kept_.begin());
    }
    return gone;
}

std::vector<std::unique_ptr<KnownPast>> KnownPasts::forget_old(Moment now) {
    std::vector<std::unique_ptr<KnownPast>> gone;
    while (!kept_.empty() && now - kept_.front().used >= age_max) {
        gone.push_back(std::move(kept_.front().past));
        kept_.erase(kept_.begin());
    }
    return gone;
}

std::size_t KnownPasts::twins() const {
    std::size_t count = 0;
    for (const Kept& kept : kept_) count += kept.past->changed.size();
    return count;
}

}  // namespace twinhub::hub
