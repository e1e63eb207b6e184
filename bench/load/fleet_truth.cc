#include "fleet_truth.h"

#include "credentials.h"
#include "twin_body.h"
#include "twin_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace twinhub::load {
namespace {

constexpr std::uint64_t asked_site = 3232;  // one of the large ones

bool differs(const DeviceSettingsValues& a, const DeviceSettingsValues& b) {
    return a.firmware != b.firmware || a.mode != b.mode ||
           a.interval_seconds != b.interval_seconds || a.temperature_max != b.temperature_max ||
           a.night_saving != b.night_saving;
}

// Keeps the first rows by the bytes of their ids.
class FirstRows {
public:
    explicit FirstRows(std::vector<FleetTruth::Row>& rows) : rows_(rows) {}

    void add(FleetTruth::Row row) {
        const auto place =
            std::ranges::lower_bound(rows_, row.device, {}, &FleetTruth::Row::device);
        if (place == rows_.end() && rows_.size() == first_rows) return;
        rows_.insert(place, std::move(row));
        if (rows_.size() > first_rows) rows_.pop_back();
    }

private:
    std::vector<FleetTruth::Row>& rows_;
};

}  // namespace

FleetQuestions fleet_questions(std::uint64_t devices) {
    return {.site = site_name(asked_site),
            .site_prefix = chain_prefix(asked_site),
            .region = "emea",
            .firmware = "2.4.1",
            .battery_below = 20,
            .device = device_name(devices / 2)};
}

FleetTruth fleet_truth(std::uint64_t devices) {
    const FleetQuestions asked = fleet_questions(devices);
    FleetTruth truth;
    truth.devices = devices;
    FirstRows first(truth.low_battery_first);
    for (std::uint64_t number = 0; number < devices; ++number) {
        const TwinValues twin = twin_values(number);
        const std::string site = site_name(twin.site);
        const bool in_region = twin.region == asked.region;
        const auto firmware = truth.by_firmware.try_emplace(std::string(twin.reported.firmware));
        ++firmware.first->second;
        truth.at_site += site == asked.site;
        truth.in_region += in_region;
        truth.other_firmware_in_region += in_region && twin.reported.firmware != asked.firmware;
        truth.firmware_drift += twin.reported.firmware != twin.desired.firmware;
        truth.any_drift += differs(twin.desired, twin.reported);
        if (in_region && twin.battery < asked.battery_below) {
            ++truth.low_battery;
            first.add({device_name(number), site, twin.battery});
        }
        if (site.starts_with(asked.site_prefix)) {
            FleetTruth::Group& group = truth.by_zone[zone_name(twin.zone)];
            ++truth.in_chain;
            ++group.count;
            group.battery_sum += twin.battery;
        }
        const TwinParts parts = twin_parts(twin);
        truth.bytes += parts.tags.size() + parts.desired.size() + parts.reported.size();
    }
    return truth;
}

std::string to_json(const FleetQuestions& asked, const FleetTruth& truth) {
    std::string out;
    const auto add = [&](fmt::string_view format, const auto&... values) {
        fmt::vformat_to(std::back_inserter(out), format, fmt::make_format_args(values...));
    };
    // Names of sites, zones and versions need no escapes.
    const auto list = [&](std::string_view name, char open, char close, const auto& values,
                          const auto& write) {
        add("\"{}\":{}", name, open);
        bool first = true;
        for (const auto& value : values) {
            if (!first) out += ',';
            first = false;
            write(value);
        }
        add("{},", close);
    };
    add(R"({{"devices":{},"site":"{}","site_prefix":"{}","region":"{}","firmware":"{}","battery_below":{},"device":"{}",)",
        truth.devices, asked.site, asked.site_prefix, asked.region, asked.firmware,
        asked.battery_below, asked.device);
    add(R"("any_drift":{},"in_region":{},"in_chain":{},"bytes":{},)", truth.any_drift,
        truth.in_region, truth.in_chain, truth.bytes);
    add(R"("Q1":{},"Q2":{},"Q3":{},"Q5":{},"Q6c":{},)", truth.devices, truth.at_site,
        truth.other_firmware_in_region, truth.firmware_drift, truth.low_battery);
    list("Q4", '{', '}', truth.by_firmware,
         [&](const auto& group) { add(R"("{}":{})", group.first, group.second); });
    list("Q6", '[', ']', truth.low_battery_first, [&](const FleetTruth::Row& row) {
        add(R"(["{}","{}",{}])", row.device, row.site, row.battery);
    });
    list("Q8", '{', '}', truth.by_zone, [&](const auto& group) {
        add(R"("{}":[{},{}])", group.first, group.second.count, group.second.battery_sum);
    });
    const TwinParts parts = twin_parts(truth.devices / 2);
    add(R"("Q7":{{"tags":{},"desired":{},"reported":{}}}}})", parts.tags, parts.desired,
        parts.reported);
    return out;
}

}  // namespace twinhub::load
