#pragma once

#include "base/random.h"
#include "base/time.h"

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

namespace twinhub::provisioning {

// How often what may happen.
struct Rates {
    double registrations_per_second = 2'000;  // of all devices together; 0 = no limit
    double requests_per_minute = 60;  // of one registration id that proved itself; 0 = no limit
    double failures_per_minute = 30;  // of one address; 0 = no limit
};

// Token buckets by the hash of a name. There are so many and no more: names that share a bucket
// share its tokens, and nobody outside knows which do.
class Buckets {
public:
    Buckets(double per_second, double burst, std::uint64_t seed);
    // Takes one token; otherwise how long until there will be one.
    std::optional<std::chrono::milliseconds> take(std::string_view name, Moment now);
    double missing(std::string_view name, Moment now) const;  // how many tokens are gone

private:
    struct Bucket {
        double tokens = 0;
        Moment at{};
    };
    static constexpr std::size_t bucket_count = 8192;
    std::size_t place_of(std::string_view name) const;
    double tokens_at(const Bucket& bucket, Moment now) const;

    double per_second_;
    double burst_;
    std::uint64_t seed_;
    std::vector<Bucket> buckets_;
};

// Keeps strangers from guessing and devices from storming. A failure costs its address a token, and
// the more are gone the longer an answer is held back; an address that has none left is turned away
// unheard. Nobody can lock out a registration id by failing in its name. Safe on any thread.
class Doorkeeper {
public:
    Doorkeeper(const Rates& rates, Random& random);

    enum class Limit : std::uint8_t { address, all, registration };
    struct Wait {
        Limit limit = Limit::all;
        std::chrono::seconds retry_after{1};
    };
    // Before anything is looked at; `registers`: it asks for an assignment.
    std::optional<Wait> admit(std::string_view address, bool registers, Moment now);
    // Once the registration id has proved itself.
    std::optional<Wait> admit_proved(std::string_view registration, Moment now);
    // Notes a failed proof: how long its answer is held back.
    std::chrono::milliseconds failed(std::string_view address, Moment now);

private:
    Rates rates_;
    std::mutex mutex_;
    Buckets all_;
    Buckets registrations_;
    Buckets failures_;
};

}  // namespace twinhub::provisioning
