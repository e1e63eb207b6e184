#pragma once

#include "apps/config/route_config.h"
#include "apps/config/sink_config.h"
#include "base/log.h"
#include "query/plan.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace twinhub::apps {

// Which kinds of server certificate a new data folder gets.
enum class KeyType : std::uint8_t { ecdsa, rsa, both };

// A TCP port: absent = off, 0 = any free one.
using Port = std::optional<std::uint16_t>;

// Everything that an operator may set. This is the one place of the defaults; settings.cc says what
// each is called in the file, in the environment and on the command line, and its range. Paths that
// are not absolute are relative to the folder that the server is started in; empty = the default
// below the data folder.
struct Config {
    // --- the hub ---
    std::string data_folder = default_data_folder();
    std::string hub_name = "localhost";  // canonical host name
    std::vector<std::string> hub_aliases;
    bool demo = false;  // runs a simulated fleet inside
    std::uint64_t demo_devices = 24;

    // --- where it listens ---
    std::vector<std::string> listen_addresses{"0.0.0.0", "::"};
    Port https_port = 443;
    Port mqtt_port = 8883;
    Port amqp_port = 5671;
    std::vector<std::string> plain_http_addresses{"127.0.0.1"};
    Port plain_http_port;
    std::string metrics_address = "127.0.0.1";
    Port metrics_port = 9464;
    std::uint64_t loops = 0;  // event loops; 0 = one a core
    std::uint64_t connections_max = 200'000;
    std::uint64_t listen_backlog = 4096;

    // --- keys and certificates ---
    std::vector<std::string>
        tls_certificates;  // PEM files with chain, leaf first; empty = made at first start
    std::vector<std::string> tls_keys;  // PEM files, in the order of the certificates
    KeyType tls_key_type = KeyType::both;
    std::chrono::milliseconds tls_handshake_timeout{30'000};
    std::vector<std::string> device_cas;  // PEM files, or folders of them
    std::string policies_file;            // empty = DATA/policies.yaml
    bool device_sas = true;               // keys and device-policy tokens accepted from devices
    bool module_sas = true;
    std::chrono::milliseconds sas_skew{300'000};  // clock difference forgiven in a token's expiry
    std::chrono::milliseconds sas_grace{
        300'000};  // from a token's expiry to the end of its connection

    // --- provisioning ---
    bool provisioning_enabled = true;
    std::string provisioning_id_scope;           // empty = DATA/id_scope
    std::vector<std::string> provisioning_hubs;  // NAME or NAME=WEIGHT; none = this hub
    std::chrono::milliseconds provisioning_retry_after{2'000};
    std::uint64_t provisioning_registrations_per_second = 2'000;   // 0 = no limit
    std::uint64_t provisioning_requests_per_minute = 60;           // of one registration id
    std::uint64_t provisioning_failures_per_minute = 30;           // of one address
    std::chrono::milliseconds provisioning_hub_patience{120'000};  // with a silent linked hub
    std::uint64_t provisioning_groups_max = 1'000;
    std::uint64_t provisioning_registrations_max = 10'000'000;

    // --- MQTT ---
    std::chrono::milliseconds mqtt_connect_timeout{30'000};
    std::chrono::milliseconds mqtt_keep_alive_max{1'767'000};
    std::chrono::milliseconds mqtt_session_age{std::chrono::days{7}};
    std::uint64_t mqtt_message_bytes_max = 262'144;
    std::uint64_t mqtt_unanswered_max = 64;           // twin requests of one connection
    std::uint64_t mqtt_outbound_bytes_max = 1 << 20;  // unsent to one device before it is cut off
    std::uint64_t mqtt_outbound_soft_bytes = 256 << 10;  // unsent before its input is paused

    // --- AMQP ---
    std::chrono::milliseconds amqp_authorise_timeout{30'000};
    std::chrono::milliseconds amqp_idle_timeout{240'000};  // told to clients; twice that ends them
    std::uint64_t amqp_identities_max = 1000;              // on one connection
    std::uint64_t amqp_sessions_max = 1024;                // of one connection
    std::uint64_t amqp_links_max = 4096;                   // the same
    std::uint64_t amqp_message_bytes_max = 1 << 20;
    std::uint64_t amqp_unanswered_max = 128;
    std::uint64_t amqp_waiting_max = 100;  // messages of a link without credit
    std::uint64_t amqp_outbound_bytes_max = 1 << 20;
    std::uint64_t amqp_outbound_soft_bytes = 256 << 10;

    // --- HTTP ---
    bool accept_any_api_version = true;
    std::uint64_t http_header_bytes_max = 16 << 10;
    std::uint64_t http_body_bytes_max = 2 << 20;
    std::chrono::milliseconds http_request_timeout{30'000};  // to read one request whole
    std::chrono::milliseconds http_keep_alive{120'000};      // idle between requests

    // --- what the hub holds ---
    std::uint64_t identities_max = 0;  // devices and modules; 0 = no limit
    std::uint64_t modules_per_device_max = 50;
    bool refuse_secrets = true;  // writes of services that hold a credential
    std::chrono::milliseconds history_age{std::chrono::days{30}};
    std::chrono::milliseconds events_age{std::chrono::days{1}};  // of those that wait for routes
    std::uint64_t events_bytes_max = std::uint64_t{1} << 30;
    std::uint64_t history_count = 100;  // newest changes kept of each twin, whatever their age

    // --- queries ---
    query::Dialect query_dialect = query::Dialect::extended;
    query::MissingCompares query_missing_compares_as = query::MissingCompares::undefined;
    std::chrono::milliseconds query_slow{500};
    std::chrono::milliseconds query_time_max{30'000};
    std::chrono::milliseconds query_budget{60'000};  // of a principal, a minute; 0 = no limit
    std::uint64_t query_cursors_max = 256;
    std::uint64_t query_as_of_twins = 200'000;
    std::uint64_t query_as_of_changes = 5'000'000;
    std::uint64_t sessions_count = 50;  // connections remembered of each device
    std::chrono::milliseconds sessions_age{std::chrono::days{30}};
    std::uint64_t query_live_max = 1000;
    std::uint64_t query_live_buffer = std::uint64_t{1} << 20;  // bytes

    // --- jobs ---
    std::uint64_t jobs_active_max = 100;
    std::uint64_t jobs_running_max = 10;
    std::uint64_t jobs_kept_max = 10'000;
    std::uint64_t jobs_devices_per_second = 0;  // of all jobs; 0 = no limit
    std::uint64_t jobs_methods_at_once = 500;
    std::chrono::milliseconds jobs_history_age{std::chrono::days{30}};
    std::chrono::milliseconds jobs_ahead_max{std::chrono::hours{168}};

    // --- drift ---
    std::chrono::milliseconds drift_pending_timeout{300'000};
    std::chrono::milliseconds drift_fresh_for{std::chrono::hours{24}};
    std::chrono::milliseconds drift_settle{0};
    std::string drift_tolerance = "0";
    std::vector<std::string> drift_exclude;
    bool drift_strict = false;
    bool drift_edge = true;
    bool drift_status_sibling = false;
    std::string drift_document_ack;  // a path in reported; empty = none
    std::vector<std::string> drift_overrides;
    std::string drift_converge_tag;            // a path in tags; empty = none
    std::vector<std::string> drift_series_by;  // paths below tags or properties

    // --- rollouts ---
    std::uint64_t rollouts_kept_max = 100;
    std::uint64_t rollouts_devices_max = 1'000'000;
    std::string rollouts_zone_folder = "/usr/share/zoneinfo";

    // --- automatic configurations ---
    std::uint64_t configurations_max = 100;
    std::uint64_t configurations_metrics_max = 5;
    std::chrono::milliseconds configurations_metrics_every{std::chrono::minutes{5}};
    bool configurations_remove_on_untarget = true;
    bool configurations_remove_on_delete = false;
    bool configurations_strict_content = false;

    // --- messages to devices, methods ---
    std::uint64_t messages_per_device_max = 50;
    std::uint64_t messages_max = 1'000'000;        // over all devices
    std::uint64_t messages_bytes_max = 64 * 1024;  // one message: payload and properties
    std::chrono::milliseconds messages_age{std::chrono::hours{1}};  // when their senders do not say
    std::chrono::milliseconds messages_age_max{std::chrono::hours{48}};
    std::chrono::milliseconds messages_lock{60'000};
    std::uint64_t messages_deliveries_max = 10;  // in vain
    std::chrono::milliseconds feedback_age{std::chrono::hours{1}};
    std::uint64_t feedback_max = 50'000;
    std::uint64_t method_calls_max = 5'000;
    std::uint64_t method_calls_per_device_max = 20;

    // --- store ---
    std::uint64_t cached_twins_max = 100'000;     // unchanged twins kept in memory
    std::uint64_t checkpoint_twins_max = 20'000;  // changed twins of a shard not yet written whole
    std::chrono::milliseconds checkpoint_age{5'000};
    std::uint64_t store_cache_bytes = 256 << 20;        // blocks read from disk
    std::uint64_t store_write_buffer_bytes = 64 << 20;  // a table in memory

    // --- what goes out ---
    std::string outgoing_ca_file;  // PEM, trusted beside the system's CAs; empty = those alone
    std::vector<SinkConfig> sinks;
    std::vector<RouteConfig> routes;

    // --- operations ---
    LogLevel log_level = LogLevel::info;
    Log::Format log_format = Log::Format::text;
    std::chrono::milliseconds drain_timeout{30'000};

    // /var/lib/twinhub for root, else $XDG_DATA_HOME/twinhub or ~/.local/share/twinhub.
    static std::string default_data_folder();

    // Paths that follow from the data folder.
    std::filesystem::path data() const { return data_folder; }
    std::filesystem::path policies_path() const {
        return policies_file.empty() ? data() / "policies.yaml"
                                     : std::filesystem::path(policies_file);
    }
    std::filesystem::path id_scope_path() const { return data() / "id_scope"; }
    std::filesystem::path evidence_key_path() const { return data() / "evidence.key"; }
    std::filesystem::path evidence_public_path() const { return data() / "evidence.pub"; }
    std::filesystem::path pid_path() const { return data() / "twinhub.pid"; }
    std::filesystem::path store_path() const { return data() / "store"; }

    friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace twinhub::apps
