#include "gateway/mqtt/answers.h"

#include "base/result.h"

namespace twinhub::gateway::mqtt {
namespace {

// Taken slots are dropped when they are many, or none is left: an idle connection holds little.
constexpr std::size_t taken_max = 32;

}  // namespace

std::uint64_t Answers::expect(std::string_view rid) {
    slots_.push_back({std::string(rid), std::nullopt});
    return first_number_ + (slots_.size() - 1 - first_);
}

void Answers::give(std::uint64_t number, Answer answer) {
    CHECK(number >= first_number_);
    const std::size_t at = first_ + static_cast<std::size_t>(number - first_number_);
    CHECK(at < slots_.size());
    slots_[at].answer = std::move(answer);
}

std::optional<Answers::Next> Answers::take() {
    if (first_ == slots_.size() || !slots_[first_].answer) return std::nullopt;
    Next next{std::move(slots_[first_].rid), std::move(*slots_[first_].answer)};
    ++first_;
    ++first_number_;
    if (first_ == slots_.size()) {
        slots_.clear();
        first_ = 0;
    } else if (first_ >= taken_max) {
        slots_.erase(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(first_));
        first_ = 0;
    }
    return next;
}

}  // namespace twinhub::gateway::mqtt
