#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::load {

// The questions that are measured, with what they are asked about. bench/peers/fleet_queries.mjs
// has their texts in each language.
struct FleetQuestions {
    std::string site;            // Q2: 0.13 % of a large fleet
    std::string site_prefix;     // Q8: 2.8 %
    std::string_view region;     // Q3, Q6: 20 %
    std::string_view firmware;   // Q3
    unsigned battery_below = 0;  // Q6: a fifth
    std::string device;          // Q7
};

// The right answers, counted while generating, by nothing that any database has a part in.
struct FleetTruth {
    struct Group {
        std::uint64_t count = 0;
        std::uint64_t battery_sum = 0;
    };
    struct Row {
        std::string device;
        std::string site;
        unsigned battery = 0;
        friend bool operator==(const Row&, const Row&) = default;
    };

    std::uint64_t devices = 0;                                      // Q1
    std::uint64_t at_site = 0;                                      // Q2
    std::uint64_t other_firmware_in_region = 0;                     // Q3
    std::map<std::string, std::uint64_t, std::less<>> by_firmware;  // Q4, of reported
    std::uint64_t firmware_drift = 0;                               // Q5
    std::vector<Row> low_battery_first;                             // Q6: by device id, byte order
    std::uint64_t low_battery = 0;                                  // Q6 as a count
    std::map<std::string, Group, std::less<>> by_zone;              // Q8, of the chain
    std::uint64_t any_drift = 0;
    std::uint64_t in_region = 0;
    std::uint64_t in_chain = 0;
    std::uint64_t bytes = 0;  // of all twins as JSON
};
inline constexpr std::size_t first_rows = 100;

FleetQuestions fleet_questions(std::uint64_t devices);
// Of the devices 0 up to and without `devices`.
FleetTruth fleet_truth(std::uint64_t devices);

// Both as one object of JSON, with the whole twin for Q7.
std::string to_json(const FleetQuestions& questions, const FleetTruth& truth);

}  // namespace twinhub::load
