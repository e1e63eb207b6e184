#include "apps/config/settings.h"

#include <unistd.h>

#include <cstdlib>

namespace twinhub::apps {
namespace {

constexpr std::uint64_t kib = 1024, mib = 1024 * kib, gib = 1024 * mib;
constexpr std::uint64_t second = 1000, minute = 60 * second, hour = 60 * minute, day = 24 * hour;

const Setting table[] = {
    {"data", &Config::data_folder,
     "Folder of everything that the hub keeps: keys, certificates, twins.", Form::file},
    {"demo", &Config::demo, "Runs a simulated greenhouse fleet inside the server."},
    {"demo_devices", &Config::demo_devices, "Devices of the simulated fleet.", Form::plain, 1,
     10'000},

    {"hub.name", &Config::hub_name,
     "Host name of the hub: what connection strings say and certificates name.", Form::host_name},
    {"hub.aliases", &Config::hub_aliases, "Further host names that clients may use.",
     Form::host_name},

    {"listen.addresses", &Config::listen_addresses,
     "IPv4 and IPv6 addresses of the HTTPS, MQTT and AMQP listeners.", Form::ip_address},
    {"listen.https_port", &Config::https_port,
     "REST, and MQTT and AMQP over WebSocket; the SDKs insist on 443."},
    {"listen.mqtt_port", &Config::mqtt_port, "MQTT over TLS; the SDKs insist on 8883."},
    {"listen.amqp_port", &Config::amqp_port, "AMQP over TLS; the SDKs insist on 5671."},
    {"listen.plain_http_addresses", &Config::plain_http_addresses,
     "Addresses of the unencrypted HTTP listener.", Form::ip_address},
    {"listen.plain_http_port", &Config::plain_http_port,
     "HTTP without TLS, for a proxy in front that ends TLS."},
    {"listen.backlog", &Config::listen_backlog,
     "Connections that may wait to be accepted, a listener.", Form::plain, 1, 65'535},
    {"listen.connections_max", &Config::connections_max,
     "Connections at one time; the metrics listener has 64 of its own.", Form::plain, 1,
     10'000'000},
    {"metrics.address", &Config::metrics_address,
     "Address of the listener for /metrics, /healthz and /readyz.", Form::ip_address},
    {"metrics.port", &Config::metrics_port, "Its port."},
    {"loops", &Config::loops, "Event loops, one thread each; 0 = one a core.", Form::plain, 0, 256},

    {"tls.certificates", &Config::tls_certificates,
     "Server certificates of your own: PEM files, the leaf first, then its chain. None: a private "
     "CA is made at first start.",
     Form::file},
    {"tls.keys", &Config::tls_keys,
     "Their keys, in the same order: PEM files that only you can read.", Form::file},
    {"tls.key_type", &Config::tls_key_type,
     "Kind of the certificates that are made at first start: ecdsa, rsa or both."},
    {"tls.handshake_timeout", &Config::tls_handshake_timeout,
     "How long a client may take to open TLS.", Form::plain, 100, 10 * minute},

    {"auth.device_cas", &Config::device_cas,
     "CA certificates that sign devices' certificates: PEM files, or folders of *.pem, *.crt and "
     "*.cer.",
     Form::file},
    {"auth.policies_file", &Config::policies_file,
     "Shared access policies with their keys; empty = DATA/policies.yaml.", Form::file},
    {"auth.device_sas", &Config::device_sas,
     "Devices may authenticate with keys, not only with certificates."},
    {"auth.module_sas", &Config::module_sas, "Modules may authenticate with keys."},
    {"auth.sas_skew", &Config::sas_skew,
     "Difference of clocks that is forgiven when a token is presented.", Form::plain, 0, day},
    {"auth.sas_grace", &Config::sas_grace, "How long a connection outlives its token.", Form::plain,
     0, day},

    {"provisioning.enabled", &Config::provisioning_enabled,
     "Offers the device provisioning service, on the same listeners."},
    {"provisioning.id_scope", &Config::provisioning_id_scope,
     "What devices know it by, letters and digits; empty = DATA/id_scope, made at first start."},
    {"provisioning.hubs", &Config::provisioning_hubs,
     "Names of this hub that devices are assigned to, each NAME or NAME=WEIGHT; none: its "
     "canonical name."},
    {"provisioning.retry_after", &Config::provisioning_retry_after,
     "How long a device is told to wait before it asks again.", Form::plain, second, minute},
    {"provisioning.hub_patience", &Config::provisioning_hub_patience,
     "How long a device is kept waiting for a linked hub that does not answer before its "
     "registration fails.",
     Form::plain, 0, 60 * minute},
    {"provisioning.registrations_per_second", &Config::provisioning_registrations_per_second,
     "Registrations of all devices together; 0 = no limit."},
    {"provisioning.requests_per_minute", &Config::provisioning_requests_per_minute,
     "Requests of one registration id; 0 = no limit.", Form::plain, 0, 1'000'000},
    {"provisioning.failures_per_minute", &Config::provisioning_failures_per_minute,
     "Refused proofs of one address before it is heard no more for a while; 0 = no limit.",
     Form::plain, 0, 1'000'000},
    {"provisioning.groups_max", &Config::provisioning_groups_max,
     "Enrollment groups; each costs a look at every device without an enrollment of its own.",
     Form::plain, 1, 100'000},
    {"provisioning.registrations_max", &Config::provisioning_registrations_max,
     "Registrations that are remembered.", Form::plain, 1, 1'000'000'000},

    {"mqtt.connect_timeout", &Config::mqtt_connect_timeout,
     "How long a client may take until its CONNECT is whole.", Form::plain, second, 10 * minute},
    {"mqtt.keep_alive_max", &Config::mqtt_keep_alive_max,
     "Longest silence of a connection, whatever keep-alive it asked for.", Form::plain, second,
     1767 * second},
    {"mqtt.session_age", &Config::mqtt_session_age,
     "How long the subscriptions of an absent device are kept.", Form::plain, 0, 366 * day},
    {"mqtt.message_bytes_max", &Config::mqtt_message_bytes_max,
     "Largest message: payload and properties.", Form::bytes, kib, 256 * kib},
    {"mqtt.unanswered_max", &Config::mqtt_unanswered_max,
     "Twin requests of one connection under way before it is read no further.", Form::plain, 1,
     10'000},
    {"mqtt.outbound_bytes_max", &Config::mqtt_outbound_bytes_max,
     "Bytes that wait for a device that does not read, before it is cut off.", Form::bytes,
     64 * kib, gib},
    {"mqtt.outbound_soft_bytes", &Config::mqtt_outbound_soft_bytes,
     "Bytes that wait for a device before it is read no further.", Form::bytes, kib, gib},

    {"amqp.authorise_timeout", &Config::amqp_authorise_timeout,
     "How long a client may take to prove who it is.", Form::plain, second, 10 * minute},
    {"amqp.idle_timeout", &Config::amqp_idle_timeout,
     "Silence after which a client has to say that it is there; twice that ends the connection.",
     Form::plain, second, hour},
    {"amqp.identities_max", &Config::amqp_identities_max,
     "Devices and modules on one connection, and tokens.", Form::plain, 1, 10'000},
    {"amqp.sessions_max", &Config::amqp_sessions_max, "Sessions of one connection.", Form::plain,
     256, 32'767},
    {"amqp.links_max", &Config::amqp_links_max, "Links of one connection.", Form::plain, 16,
     100'000},
    {"amqp.message_bytes_max", &Config::amqp_message_bytes_max,
     "Largest message that a client may send.", Form::bytes, 256 * kib, 16 * mib},
    {"amqp.unanswered_max", &Config::amqp_unanswered_max,
     "Requests of one connection under way before it is read no further.", Form::plain, 1, 10'000},
    {"amqp.waiting_max", &Config::amqp_waiting_max,
     "Messages that wait for a link's credit before it is detached.", Form::plain, 1, 10'000},
    {"amqp.outbound_bytes_max", &Config::amqp_outbound_bytes_max,
     "Bytes that wait for a client that does not read, before it is cut off.", Form::bytes,
     64 * kib, gib},
    {"amqp.outbound_soft_bytes", &Config::amqp_outbound_soft_bytes,
     "Bytes that wait for a client before it is read no further.", Form::bytes, kib, gib},

    {"http.accept_any_api_version", &Config::accept_any_api_version,
     "Takes every well-formed api-version, not only the known ones."},
    {"http.header_bytes_max", &Config::http_header_bytes_max, "Largest head of a request.",
     Form::bytes, kib, mib},
    {"http.body_bytes_max", &Config::http_body_bytes_max, "Largest body of a request.", Form::bytes,
     64 * kib, 64 * mib},
    {"http.request_timeout", &Config::http_request_timeout,
     "How long a client may take to send a request.", Form::plain, second, hour},
    {"http.keep_alive", &Config::http_keep_alive,
     "How long a connection may rest between requests.", Form::plain, second, day},

    {"limits.identities_max", &Config::identities_max,
     "Devices and modules together; 0 = no limit."},
    {"limits.modules_per_device_max", &Config::modules_per_device_max, "Modules of one device.",
     Form::plain, 1, 10'000},
    {"twins.refuse_secrets", &Config::refuse_secrets,
     "Writes of services that hold a key, a token or another credential are refused."},
    {"history.age", &Config::history_age, "Changes younger than this are kept.", Form::plain, 0,
     3660 * day},
    {"history.count", &Config::history_count,
     "So many newest changes of each twin are kept, however old.", Form::plain, 1, 1'000'000},
    {"events.age", &Config::events_age,
     "How long messages and other events that pass by wait for the sinks of their routes.",
     Form::plain, second, 366 * day},
    {"events.bytes_max", &Config::events_bytes_max,
     "What of them may wait on disk; beyond, the oldest are lost.", Form::bytes, mib, 1024 * gib},
    {"sessions.count", &Config::sessions_count,
     "So many newest connections of each device are remembered.", Form::plain, 0, 1'000},
    {"sessions.age", &Config::sessions_age, "Those of them that ended within this.", Form::plain, 0,
     3660 * day},

    {"query.dialect", &Config::query_dialect,
     "Language of queries that name none: azure, or extended, which has more of it."},
    {"query.missing_compares_as", &Config::query_missing_compares_as,
     "What != and NIN say of a key that a twin does not have: undefined (no match) or different."},
    {"query.slow", &Config::query_slow,
     "A page of a query that takes this long is logged, with its plan.", Form::plain, 0, hour},
    {"query.time_max", &Config::query_time_max, "A query that takes longer is refused.",
     Form::plain, 1, hour},
    {"query.budget", &Config::query_budget,
     "Work that the queries of one policy may cause in a minute, over all event loops; 0 = no "
     "limit.",
     Form::plain, 0, day},
    {"query.cursors_max", &Config::query_cursors_max,
     "Answers whose further pages keep showing the moment of the first; beyond, they go on with "
     "what is there then.",
     Form::plain, 1, 100'000},
    {"query.as_of_twins", &Config::query_as_of_twins,
     "Twins that may have changed since the moment of a query AS OF; beyond, it is refused.",
     Form::plain, 1, 100'000'000},
    {"query.as_of_changes", &Config::query_as_of_changes,
     "Changes that may be younger than the moment of a query AS OF; beyond, it is refused.",
     Form::plain, 1, 10'000'000'000},
    {"query.live_max", &Config::query_live_max, "Live queries, over all clients.", Form::plain, 1,
     100'000},
    {"query.live_buffer", &Config::query_live_buffer,
     "Events that wait for the reader of a live query; beyond, it gets a fresh snapshot.",
     Form::bytes, 256 * kib, gib},

    {"jobs.active_max", &Config::jobs_active_max,
     "Scheduled jobs that may wait or run; beyond, a new one is refused.", Form::plain, 1, 10'000},
    {"jobs.running_max", &Config::jobs_running_max, "Jobs that run at once; the others are queued.",
     Form::plain, 1, 1'000},
    {"jobs.kept_max", &Config::jobs_kept_max,
     "Jobs that are remembered; beyond, the oldest that have ended go.", Form::plain, 100,
     1'000'000},
    {"jobs.devices_per_second", &Config::jobs_devices_per_second,
     "Devices that all jobs together change or call in a second; 0 = no limit."},
    {"jobs.methods_at_once", &Config::jobs_methods_at_once, "Devices that one job calls at once.",
     Form::plain, 1, 100'000},
    {"jobs.history_age", &Config::jobs_history_age, "How long ended jobs are remembered.",
     Form::plain, 0, 3660 * day},
    {"jobs.ahead_max", &Config::jobs_ahead_max, "How far ahead a job may be scheduled.",
     Form::plain, 0, 366 * day},

    {"drift.pending_timeout", &Config::drift_pending_timeout,
     "How long a connected device may be silent about a desired property before it is stale.",
     Form::plain, 0, 366 * day},
    {"drift.fresh_for", &Config::drift_fresh_for,
     "How long the word of an absent device counts as news.", Form::plain, 0, 3660 * day},
    {"drift.settle", &Config::drift_settle,
     "How long a property must have drifted before driftChanged tells it.", Form::plain, 0, day},
    {"drift.tolerance", &Config::drift_tolerance,
     "How far a reported number may be from the desired one: 0.5, or 1%."},
    {"drift.exclude", &Config::drift_exclude,
     "Desired properties that nobody watches: patterns of paths like debug or *.log.**."},
    {"drift.strict", &Config::drift_strict, "What devices report and nobody desires is drift."},
    {"drift.edge", &Config::drift_edge,
     "$edgeAgent and $edgeHub answer with lastDesiredVersion and lastDesiredStatus."},
    {"drift.status_sibling", &Config::drift_status_sibling,
     "A text named status beside reported values says that they are being applied, or failed."},
    {"drift.document_ack", &Config::drift_document_ack,
     "Path in the reported properties where devices say which version of desired they have; "
     "empty = nowhere."},
    {"drift.overrides", &Config::drift_overrides,
     "Other rules for paths or for twins with a tag: 'camera.**: pending_timeout=30m', "
     "'tags.site=lab: strict=true' (docs/drift.md)."},
    {"drift.converge_tag", &Config::drift_converge_tag,
     "Path in the tags by whose values times to converge are measured; empty = none."},
    {"drift.series_by", &Config::drift_series_by,
     "Paths like tags.site by whose values the fleet's series is kept; 4 at most, and the 100 "
     "commonest values of each."},

    {"rollouts.kept_max", &Config::rollouts_kept_max,
     "Rollouts that are kept, drafts and those that are over included.", Form::plain, 1, 10'000},
    {"rollouts.devices_max", &Config::rollouts_devices_max, "Devices of one rollout.", Form::plain,
     1, 10'000'000},
    {"rollouts.zone_folder", &Config::rollouts_zone_folder,
     "Where the time zone database is, for maintenance windows (package tzdata)."},
    {"configurations.max", &Config::configurations_max, "Automatic device configurations.",
     Form::plain, 1, 10'000},
    {"configurations.metrics_max", &Config::configurations_metrics_max,
     "Metrics of one configuration, beside the hub's own.", Form::plain, 0, 100},
    {"configurations.metrics_every", &Config::configurations_metrics_every,
     "How often the metrics of configurations are counted.", Form::plain, 1'000, day},
    {"configurations.remove_on_untarget", &Config::configurations_remove_on_untarget,
     "Take away what a configuration set when its condition no longer holds for a twin."},
    {"configurations.remove_on_delete", &Config::configurations_remove_on_delete,
     "The same when the configuration is deleted."},
    {"configurations.strict_content", &Config::configurations_strict_content,
     "Refuse another content for a configuration, instead of keeping the first one."},

    {"messages.per_device_max", &Config::messages_per_device_max,
     "Messages that may wait for one device.", Form::plain, 1, 10'000},
    {"messages.max", &Config::messages_max, "Messages that may wait for all devices together.",
     Form::plain, 1, 100'000'000},
    {"messages.bytes_max", &Config::messages_bytes_max,
     "Largest message to a device: payload and properties.", Form::bytes, kib, 256 * kib},
    {"messages.age", &Config::messages_age,
     "How long a message waits when its sender does not say it.", Form::plain, second, 2 * day},
    {"messages.age_max", &Config::messages_age_max,
     "Longest that a message may wait, whatever its sender says.", Form::plain, second, 30 * day},
    {"messages.lock", &Config::messages_lock,
     "How long a device may hold a message before it is delivered again; feedback the same.",
     Form::plain, second, 10 * minute},
    {"messages.deliveries_max", &Config::messages_deliveries_max,
     "Deliveries in vain after which a message is given up.", Form::plain, 1, 100},
    {"messages.feedback_age", &Config::feedback_age, "How long feedback waits for a reader.",
     Form::plain, second, 2 * day},
    {"messages.feedback_max", &Config::feedback_max,
     "Feedback records that may wait; beyond, the oldest go.", Form::plain, 1, 10'000'000},
    {"methods.calls_max", &Config::method_calls_max, "Method calls that may wait together.",
     Form::plain, 1, 1'000'000},
    {"methods.calls_per_device_max", &Config::method_calls_per_device_max,
     "Method calls that may wait for one device or module.", Form::plain, 1, 10'000},

    {"store.cached_twins_max", &Config::cached_twins_max, "Unchanged twins kept in memory.",
     Form::plain, 0, 1'000'000'000},
    {"store.checkpoint_twins_max", &Config::checkpoint_twins_max,
     "Changed twins of a shard that may live in the log alone.", Form::plain, 1, 10'000'000},
    {"store.checkpoint_age", &Config::checkpoint_age, "How long they may.", Form::plain, 100, day},
    {"store.cache_bytes", &Config::store_cache_bytes, "Memory for blocks read from disk.",
     Form::bytes, mib, 1024 * gib},
    {"store.write_buffer_bytes", &Config::store_write_buffer_bytes,
     "Memory for a table before it is written.", Form::bytes, mib, 16 * gib},
    {"outgoing.ca_file", &Config::outgoing_ca_file,
     "CA certificates (PEM) that the hub's own requests trust beside those of the system.",
     Form::file},
    {"log.level", &Config::log_level, "Least level that is logged: debug, info, warn or error."},
    {"log.format", &Config::log_format, "text or json, to standard error."},
    {"drain_timeout", &Config::drain_timeout, "How long an orderly stop may take.", Form::plain, 0,
     hour},
};

}  // namespace

std::span<const Setting> settings() { return table; }

const Setting* find_setting(std::string_view path) {
    const auto found = std::ranges::find(table, path, &Setting::path);
    return found == std::end(table) ? nullptr : found;
}

std::string Setting::variable() const {
    std::string out = "TWINHUB_";
    for (const char c : path)
        out += c == '.' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    return out;
}

std::string Setting::flag() const {
    std::string out = "--";
    for (const char c : path) out += c == '.' || c == '_' ? '-' : c;
    return out;
}

std::string Config::default_data_folder() {
    if (::geteuid() == 0) return "/var/lib/twinhub";
    if (const char* folder = std::getenv("XDG_DATA_HOME"); folder && *folder == '/')
        return std::string(folder) + "/twinhub";
    if (const char* home = std::getenv("HOME"); home && *home == '/')
        return std::string(home) + "/.local/share/twinhub";
    return "twinhub-data";
}

}  // namespace twinhub::apps
