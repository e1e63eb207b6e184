#pragma once

#include "base/json.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>

namespace twinhub::apps {

// What kind of device one is, for its whole life.
enum class Character : std::uint8_t { prompt, late, wandering, refusing };

struct Shares {
    double late = 0.15;     // take twenty times as long, and say so first
    double offline = 0.15;  // go away and come back
    double refuse = 0.05;   // do not take new firmware
};

// Spreads the characters over a fleet: the same seed gives the same fleet.
Character character_of(std::size_t number, const Shares& shares, std::uint64_t seed);

// A greenhouse sensor without its connection: desired properties in, reports out. Pure but for its
// own random numbers.
class Sensor {
public:
    Sensor(Character character, std::uint64_t seed);

    Character character() const { return character_; }

    // The twin as the device's GET gives it. True when something is to be applied.
    bool load(const json::object& twin);
    // A desired notification, `$version` within. An older one than is known is dropped.
    bool want(const json::object& patch);

    // What a late device says at once: 202, in progress. Nothing for the others.
    std::optional<json::object> begin() const;
    // Applies the newest wishes once, and gives the report with its acknowledgements (spec
    // twin-document 15.1). Counts what was refused.
    json::object apply();

    json::object first_report();  // what it is, after switching on
    json::object pulse();         // the battery, a little lower

    std::chrono::milliseconds delay(std::chrono::milliseconds typical);  // until a wish is applied
    std::chrono::milliseconds around(
        std::chrono::milliseconds typical);  // half to one and a half of it

    std::uint64_t refused() const { return refused_; }

private:
    json::object acknowledge(std::string_view name, const json::value& wish);

    Character character_;
    std::mt19937_64 chance_;
    json::object actual_;        // what is in effect, by property
    json::object wanted_;        // not applied yet
    std::uint64_t version_ = 0;  // of the newest desired seen
    double battery_ = 100;
    std::uint64_t refused_ = 0;
};

}  // namespace twinhub::apps
