#pragma once

#include "hub/configurations/settings.h"
#include "hub/connections/settings.h"
#include "hub/history/settings.h"
#include "hub/jobs/settings.h"
#include "hub/rollouts/settings.h"
#include "hub/series/settings.h"
#include "query/compile.h"
#include "twin/drift/policy.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace twinhub::hub {

// Everything about a hub that an operator may set; limits are those of the specification by
// default.
struct Settings {
    std::string name = "localhost";    // canonical host name
    std::vector<std::string> aliases;  // further host names, ASCII-case-insensitive
    std::uint64_t identities_max = 0;  // devices + modules; 0 = no limit
    std::uint32_t modules_per_device_max = 50;
    std::chrono::milliseconds history_age =
        std::chrono::hours{30 * 24};    // changes younger than this are kept,
    std::uint32_t history_count = 100;  // and so are the newest so many of each twin
    std::chrono::milliseconds session_age =
        std::chrono::hours{7 * 24};          // clean-session-0 subscriptions of an absent device
    std::size_t cached_twins_max = 100'000;  // clean twins kept in memory over all shards
    std::uint32_t checkpoint_twins_max = 20'000;  // changed twins not yet written whole, a shard
    std::chrono::milliseconds checkpoint_age{5'000};  // how long a change may live in the log alone
    std::chrono::milliseconds query_time_max{30'000};  // a query that takes longer is refused
    // What all queries of one principal may work within a minute, over all loops; 0 = no limit.
    std::chrono::milliseconds query_budget{60'000};
    std::uint32_t query_cursors_max = 256;  // answers that wait for their next page
    std::uint32_t live_queries_max = 1000;  // spec query-language 11
    // What may wait for the reader of a live query; beyond, it begins anew.
    std::uint64_t live_query_bytes_max = std::uint64_t{1} << 20;
    // Messages to devices (spec service-api 10.2): how many may wait for one device and for all of
    // them, how large one may be with its properties, how long it lives when its sender does not
    // say it and at most, how long a receiver holds it, how often it is delivered in vain.
    std::uint32_t messages_per_device_max = 50;
    std::uint64_t messages_max = 1'000'000;
    std::uint32_t message_bytes_max = 64 * 1024;
    std::chrono::milliseconds message_age = std::chrono::hours{1};
    std::chrono::milliseconds message_age_max = std::chrono::hours{48};
    std::chrono::milliseconds message_lock = std::chrono::seconds{60};
    std::uint32_t message_deliveries_max = 10;
    std::chrono::milliseconds feedback_age = std::chrono::hours{1};
    std::uint32_t feedback_max = 50'000;  // records that wait for their reader
    // Method calls that wait for a device (spec service-api 10.1).
    std::uint32_t method_calls_max = 5'000;
    std::uint32_t method_calls_per_device_max = 20;
    bool refuse_secrets = true;  // in what services write (twin/secrets)
    bool device_sas = true;      // device keys and device-policy tokens accepted
    bool module_sas = true;
    query::Options query_options;               // how queries are read that do not say it
    std::chrono::milliseconds query_slow{500};  // pages that take this long are logged
    twin::drift::Policy drift;                  // when a device is how far from what is desired
    ConfigurationSettings configurations;
    ConnectionSettings connections;
    AsOfSettings as_of;
    std::string converge_tag;  // by whose values times to converge are measured; "": none
    JobSettings jobs;
    RolloutSettings rollouts;
    SeriesSettings series;
};

}  // namespace twinhub::hub
