#include "apps/door_settings.h"

#include "apps/config/drift_config.h"

namespace twinhub::apps {

namespace amqp = gateway::amqp;
namespace http = gateway::http;
namespace mqtt = gateway::mqtt;

hub::Settings hub_settings(const Config& config) {
    hub::Settings settings;
    settings.name = config.hub_name;
    settings.aliases = config.hub_aliases;
    settings.identities_max = config.identities_max;
    settings.modules_per_device_max = static_cast<std::uint32_t>(config.modules_per_device_max);
    settings.history_age = config.history_age;
    settings.history_count = static_cast<std::uint32_t>(config.history_count);
    settings.session_age = config.mqtt_session_age;
    settings.cached_twins_max = config.cached_twins_max;
    settings.checkpoint_twins_max = static_cast<std::uint32_t>(config.checkpoint_twins_max);
    settings.checkpoint_age = config.checkpoint_age;
    settings.refuse_secrets = config.refuse_secrets;
    settings.device_sas = config.device_sas;
    settings.module_sas = config.module_sas;
    settings.query_options = {.dialect = config.query_dialect,
                              .missing = config.query_missing_compares_as};
    settings.query_slow = config.query_slow;
    settings.drift = drift_policy(config).value_or(twin::drift::Policy{});  // checked when loaded
    settings.converge_tag = config.drift_converge_tag;
    settings.series.by = config.drift_series_by;
    settings.rollouts = {.kept_max = static_cast<std::uint32_t>(config.rollouts_kept_max),
                         .devices_max = config.rollouts_devices_max,
                         .zone_folder = config.rollouts_zone_folder};
    settings.configurations = {
        .count_max = static_cast<std::uint32_t>(config.configurations_max),
        .metrics_max = static_cast<std::uint32_t>(config.configurations_metrics_max),
        .metrics_every = config.configurations_metrics_every,
        .remove_on_untarget = config.configurations_remove_on_untarget,
        .remove_on_delete = config.configurations_remove_on_delete,
        .strict_content = config.configurations_strict_content};
    settings.query_time_max = config.query_time_max;
    settings.query_budget = config.query_budget;
    settings.as_of.twins_max = config.query_as_of_twins;
    settings.as_of.changes_max = config.query_as_of_changes;
    settings.connections.sessions_max = static_cast<std::uint32_t>(config.sessions_count);
    settings.connections.sessions_age = config.sessions_age;
    settings.live_queries_max = static_cast<std::uint32_t>(config.query_live_max);
    settings.live_query_bytes_max = config.query_live_buffer;
    settings.messages_per_device_max = static_cast<std::uint32_t>(config.messages_per_device_max);
    settings.messages_max = config.messages_max;
    settings.message_bytes_max = static_cast<std::uint32_t>(config.messages_bytes_max);
    settings.message_age = config.messages_age;
    settings.message_age_max = config.messages_age_max;
    settings.message_lock = config.messages_lock;
    settings.message_deliveries_max = static_cast<std::uint32_t>(config.messages_deliveries_max);
    settings.feedback_age = config.feedback_age;
    settings.feedback_max = static_cast<std::uint32_t>(config.feedback_max);
    settings.method_calls_max = static_cast<std::uint32_t>(config.method_calls_max);
    settings.method_calls_per_device_max =
        static_cast<std::uint32_t>(config.method_calls_per_device_max);
    settings.jobs = {.active_max = static_cast<std::uint32_t>(config.jobs_active_max),
                     .running_max = static_cast<std::uint32_t>(config.jobs_running_max),
                     .kept_max = static_cast<std::uint32_t>(config.jobs_kept_max),
                     .devices_per_second = static_cast<double>(config.jobs_devices_per_second),
                     .methods_at_once = static_cast<std::uint32_t>(config.jobs_methods_at_once),
                     .history_age = config.jobs_history_age,
                     .ahead_max = config.jobs_ahead_max};
    settings.query_cursors_max = static_cast<std::uint32_t>(config.query_cursors_max);
    return settings;
}

gateway::DeviceGate device_gate(const Config& config) {
    return {.device_sas = config.device_sas,
            .module_sas = config.module_sas,
            .sas_skew = std::chrono::duration_cast<std::chrono::seconds>(config.sas_skew)};
}

mqtt::MqttSettings mqtt_settings(const Config& config) {
    mqtt::MqttSettings settings;
    settings.limits.connect_within =
        std::chrono::duration_cast<std::chrono::seconds>(config.mqtt_connect_timeout);
    settings.limits.keep_alive =
        std::chrono::duration_cast<std::chrono::seconds>(config.mqtt_keep_alive_max);
    settings.limits.message_bytes = config.mqtt_message_bytes_max;
    settings.limits.unanswered = static_cast<std::uint32_t>(config.mqtt_unanswered_max);
    settings.unsent_pause_bytes = config.mqtt_outbound_soft_bytes;
    settings.unsent_close_bytes = config.mqtt_outbound_bytes_max;
    settings.sas_grace = std::chrono::duration_cast<std::chrono::seconds>(config.sas_grace);
    settings.gate = device_gate(config);
    return settings;
}

amqp::AmqpSettings amqp_settings(const Config& config) {
    const auto seconds = [](std::chrono::milliseconds time) {
        return std::chrono::duration_cast<std::chrono::seconds>(time);
    };
    amqp::AmqpSettings settings;
    settings.limits.sessions = static_cast<std::uint16_t>(config.amqp_sessions_max);
    settings.limits.links = static_cast<std::uint32_t>(config.amqp_links_max);
    settings.limits.message_bytes = config.amqp_message_bytes_max;
    settings.limits.incomplete_bytes = 4 * config.amqp_message_bytes_max;
    settings.limits.idle = config.amqp_idle_timeout;
    settings.identities_max = config.amqp_identities_max;
    settings.unanswered_max = config.amqp_unanswered_max;
    settings.waiting_max = config.amqp_waiting_max;
    settings.unsent_pause_bytes = config.amqp_outbound_soft_bytes;
    settings.unsent_close_bytes = config.amqp_outbound_bytes_max;
    settings.authorise_within = seconds(config.amqp_authorise_timeout);
    settings.sas_grace = seconds(config.sas_grace);
    settings.gate = device_gate(config);
    return settings;
}

http::HttpSettings http_settings(const Config& config) {
    http::HttpSettings settings;
    settings.accept_any_api_version = config.accept_any_api_version;
    settings.limits.header_bytes_max = config.http_header_bytes_max;
    settings.limits.body_bytes_max = config.http_body_bytes_max;
    settings.limits.header = settings.limits.first_byte =
        std::chrono::duration_cast<std::chrono::seconds>(config.http_request_timeout);
    settings.limits.idle = std::chrono::duration_cast<std::chrono::seconds>(config.http_keep_alive);
    return settings;
}

}  // namespace twinhub::apps
