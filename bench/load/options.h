#pragma once

#include "credentials.h"
#include "drive.h"
#include "tls_stream.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace twinhub::load {

// What the command line says. One struct for all modes: each reads what concerns it.
struct Options {
    Target target;         // port 0: the usual one of the protocol
    bool signs_in = true;  // false: no user name and password (plain Mosquitto)
    std::string connection_string;
    std::uint64_t first = 0;       // number of the first device
    std::uint64_t devices = 1000;  // for REST modes: how many to choose from
    std::size_t connect_at_once = 64;
    std::uint64_t connect_seconds_max = 300;

    DriveOptions drive;
    bool open_loop = false;
    std::string puback_topic;   // QoS 1 publishes instead of twin requests
    std::string request_topic;  // with {id} and {rid}; with response_topic
    std::string get_topic;
    std::string response_topic;
    std::string versions_file;  // what was acknowledged, for `verify`

    double active_share = 0;    // hold
    double settle_seconds = 3;  // hold
    bool amqp = false;          // hold
    unsigned connections = 32;  // rest-get, prepare, verify
    bool twins = false;         // prepare: with an initial twin

    std::string id_scope;     // storm
    double stay_seconds = 0;  // storm

    bool truth = false;             // fleet: the right answers instead of the twins
    std::string query;              // query
    unsigned page_items = 100;      // query
    std::uint16_t rest_port = 443;  // freshness: port is that of MQTT
    std::uint64_t repeats = 0;      // query: so many instead of for some seconds
    std::uint64_t rounds = 1000;    // freshness
    std::string freshness = "all";  // freshness: how the query finds the update

    Requests requests() const;
    DeviceSettings device_settings() const { return DeviceSettings(requests(), signs_in); }
};

// Each prints one line of JSON and returns the exit code: 0 when it could measure (refusals and
// lost connections are in the line), 1 when not.
int run_patch(const Options& options);
int run_connect(const Options& options);
int run_hold(const Options& options);
int run_storm(const Options& options);
int run_rest_get(const Options& options);
int run_prepare(const Options& options);
int run_verify(const Options& options);
int run_print_twins(const Options& options);
int run_fleet(const Options& options);
int run_query(const Options& options);
int run_freshness(const Options& options);

}  // namespace twinhub::load
