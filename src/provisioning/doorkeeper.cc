#include "provisioning/doorkeeper.h"

#include "base/ids.h"

#include <algorithm>
#include <cmath>

namespace twinhub::provisioning {
namespace {

constexpr double burst_seconds = 2;  // of all registrations
constexpr double free_failures = 3;  // answered at once: a person who mistypes
constexpr std::chrono::milliseconds first_delay{250};
constexpr std::chrono::milliseconds delay_max{8'000};  // clients give up after 30 seconds

std::chrono::seconds whole_seconds(std::chrono::milliseconds time) {
    return std::max(std::chrono::seconds{1}, std::chrono::ceil<std::chrono::seconds>(time));
}

}  // namespace

Buckets::Buckets(double per_second, double burst, std::uint64_t seed)
    : per_second_(per_second),
      burst_(burst),
      seed_(seed),
      buckets_(bucket_count, Bucket{burst, Moment{}}) {}

std::size_t Buckets::place_of(std::string_view name) const {
    return ((stable_hash(name) ^ seed_) * 0x9E3779B97F4A7C15ULL >> 32) % bucket_count;
}

double Buckets::tokens_at(const Bucket& bucket, Moment now) const {
    const double seconds = std::chrono::duration<double>(now - bucket.at).count();
    return std::min(burst_, bucket.tokens + std::max(0.0, seconds) * per_second_);
}

std::optional<std::chrono::milliseconds> Buckets::take(std::string_view name, Moment now) {
    Bucket& bucket = buckets_[place_of(name)];
    const double tokens = tokens_at(bucket, now);
    if (tokens < 1)
        return std::chrono::milliseconds(
            static_cast<std::int64_t>(std::ceil((1 - tokens) / per_second_ * 1000)));
    bucket = {tokens - 1, now};
    return std::nullopt;
}

double Buckets::missing(std::string_view name, Moment now) const {
    return burst_ - tokens_at(buckets_[place_of(name)], now);
}

Doorkeeper::Doorkeeper(const Rates& rates, Random& random)
    : rates_(rates),
      all_(rates.registrations_per_second, rates.registrations_per_second * burst_seconds,
           random.number()),
      registrations_(rates.requests_per_minute / 60, rates.requests_per_minute, random.number()),
      failures_(rates.failures_per_minute / 60, rates.failures_per_minute, random.number()) {}

std::optional<Doorkeeper::Wait> Doorkeeper::admit(std::string_view address, bool registers,
                                                  Moment now) {
    const std::lock_guard lock(mutex_);
    if (rates_.failures_per_minute > 0) {
        const double left = rates_.failures_per_minute - failures_.missing(address, now);
        if (left < 1)
            return Wait{Limit::address,
                        whole_seconds(std::chrono::milliseconds(static_cast<std::int64_t>(
                            (1 - left) * 60'000 / rates_.failures_per_minute)))};
    }
    if (registers && rates_.registrations_per_second > 0)
        if (const auto wait = all_.take({}, now)) return Wait{Limit::all, whole_seconds(*wait)};
    return std::nullopt;
}

std::optional<Doorkeeper::Wait> Doorkeeper::admit_proved(std::string_view registration,
                                                         Moment now) {
    if (rates_.requests_per_minute <= 0) return std::nullopt;
    const std::lock_guard lock(mutex_);
    if (const auto wait = registrations_.take(registration, now))
        return Wait{Limit::registration, whole_seconds(*wait)};
    return std::nullopt;
}

std::chrono::milliseconds Doorkeeper::failed(std::string_view address, Moment now) {
    if (rates_.failures_per_minute <= 0) return std::chrono::milliseconds{0};
    const std::lock_guard lock(mutex_);
    (void)failures_.take(address, now);
    const double beyond = failures_.missing(address, now) - free_failures;
    if (beyond <= 0) return std::chrono::milliseconds{0};
    const double delay = static_cast<double>(first_delay.count()) * std::exp2(beyond - 1);
    return std::chrono::milliseconds(
        static_cast<std::int64_t>(std::min(delay, static_cast<double>(delay_max.count()))));
}

}  // namespace twinhub::provisioning
