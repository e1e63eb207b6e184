#include "apps/routes.h"

#include "apps/keys/secret_file.h"
#include "apps/sinks.h"
#include "gateway/routes/file_route_sink.h"
#include "gateway/routes/kafka_sink.h"
#include "gateway/routes/mqtt_sink.h"
#include "gateway/routes/webhook_route_sink.h"
#include "hub/configurations/configurations.h"
#include "hub/events/event_log.h"
#include "hub/events/feed_reader.h"
#include "hub/events/log_reader.h"
#include "hub/events/route_cursors.h"
#include "hub/jobs/jobs.h"
#include "hub/rollouts/rollouts.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace twinhub::apps {
namespace {

using gateway::EventFormat;
using SinkPtr = std::shared_ptr<gateway::RouteSink>;

EventFormat format_of(const SinkConfig& config, EventFormat usual) {
    if (config.format == "batch") return EventFormat::batch;
    if (config.format == "structured") return EventFormat::structured;
    if (config.format == "binary") return EventFormat::binary;
    return usual;
}

Result<std::string> read_password(const SinkConfig& config) {
    if (config.password_file.empty()) return std::string();
    TRY(std::string password, read_secret_file(config.password_file));
    while (password.ends_with('\n') || password.ends_with('\r')) password.pop_back();
    return password;
}

std::string client_id_of(const SinkConfig& config, const std::string& hub) {
    return config.client_id.empty() ? fmt::format("twinhub-{}-{}", hub, config.name)
                                    : config.client_id;
}

// Makes each sink once, however many routes go to it.
class SinkMaker {
public:
    SinkMaker(const Config& config, const RouteGround& ground, const gateway::RouteSeams& seams,
              gateway::Routes& routes)
        : config_(config), ground_(ground), seams_(seams), routes_(routes) {}

    Result<SinkPtr> named(const std::string& name) {
        if (const auto found = made_.find(name); found != made_.end()) return found->second;
        const auto item = std::ranges::find(config_.sinks, name, &SinkConfig::name);
        if (item == config_.sinks.end())
            return failure(Code::argument_invalid, fmt::format("There is no sink '{}'", name));
        TRY(SinkPtr sink, make(*item));
        return keep(name, std::move(sink));
    }

    // The last resort of a route.
    SinkPtr grave_of(const std::string& route) {
        const std::string path = (config_.data() / "dead-letters" / (route + ".jsonl")).string();
        return keep("\n" + path,
                    std::make_shared<gateway::FileRouteSink>(
                        gateway::FileRouteOptions{.path = path,
                                                  .limits = {.age_max = std::chrono::days{3660}},
                                                  .hub = config_.hub_name,
                                                  .makes_folder = true},
                        ground_.pool, seams_.clock));
    }

private:
    SinkPtr keep(const std::string& name, SinkPtr sink) {
        routes_.keep(sink);
        return made_.emplace(name, std::move(sink)).first->second;
    }

    Result<SinkPtr> make(const SinkConfig& item) const {
        switch (item.kind) {
            case SinkKind::file:
                return std::make_shared<gateway::FileRouteSink>(
                    gateway::FileRouteOptions{
                        .path = item.path,
                        .limits = {.bytes_max = item.file_bytes_max,
                                   .age_max = item.file_age_max,
                                   .files_max = static_cast<std::uint32_t>(item.files_max)},
                        .hub = config_.hub_name},
                    ground_.pool, seams_.clock);
            case SinkKind::webhook: return webhook(item);
            case SinkKind::kafka: return kafka(item);
            case SinkKind::mqtt: return mqtt(item);
        }
        return failure(Code::internal, "A sink of no kind");
    }

    Result<SinkPtr> webhook(const SinkConfig& item) const {
        gateway::WebhookRouteOptions options{.url = {},
                                             .secret = {},
                                             .hub = config_.hub_name,
                                             .format = format_of(item, EventFormat::batch),
                                             .events_max = item.batch_messages_max,
                                             .bytes_max = item.batch_bytes_max};
        TRY(options.url, gateway::parse_https_url(item.url));
        TRY(options.secret, read_secret(item));
        const auto post = [&outgoing = ground_.outgoing](gateway::Url url,
                                                         gateway::OutgoingHeaders headers,
                                                         std::string body) {
            return outgoing.post(std::move(url), std::move(headers), std::move(body));
        };
        return std::make_shared<gateway::WebhookRouteSink>(std::move(options), post, seams_.clock);
    }

    Result<SinkPtr> kafka(const SinkConfig& item) const {
        gateway::KafkaOptions options{.brokers = item.brokers,
                                      .topic = item.topic,
                                      .hub = config_.hub_name,
                                      .client_id = client_id_of(item, config_.hub_name),
                                      .format = format_of(item, EventFormat::structured),
                                      .tls = item.tls == "on",
                                      .ca_file = item.ca_file,
                                      .user_name = item.user_name};
        if (!item.sasl.empty()) options.sasl = item.sasl;
        TRY(options.password, read_password(item));
        auto sink = gateway::KafkaSink::open(std::move(options), seams_.executor);
        if (!sink)
            return failure(Code::argument_invalid,
                           fmt::format("The sink '{}': {}", item.name, sink.error().message));
        return SinkPtr(*std::move(sink));
    }

    Result<SinkPtr> mqtt(const SinkConfig& item) const {
        const bool tls = item.tls == "on";
        const auto address = split_address(item.address, tls ? 8883 : 1883);
        if (!address) return failure(Code::argument_invalid, "The address of a broker is wrong");
        gateway::MqttSinkOptions options{.host = address->host,
                                         .port = address->port,
                                         .is_v5 = item.version == "5",
                                         .topic = item.topic,
                                         .hub = config_.hub_name,
                                         .client_id = client_id_of(item, config_.hub_name),
                                         .format = format_of(item, EventFormat::structured),
                                         .tls = tls,
                                         .ca_file = item.ca_file,
                                         .user_name = item.user_name};
        TRY(options.password, read_password(item));
        return std::make_shared<gateway::MqttSink>(std::move(options), seams_.executor,
                                                   ground_.pool, seams_.deadlines, seams_.clock);
    }

    const Config& config_;
    const RouteGround& ground_;
    const gateway::RouteSeams& seams_;
    gateway::Routes& routes_;
    std::map<std::string, SinkPtr> made_;
};

// What no route hears is not written down.
void hear_what_routes_hear(hub::EventLog& log, hub::Hub& hub, const Config& config) {
    const std::pair<hub::EventSource, hub::DeviceEvents*> buses[]{
        {hub::EventSource::messages, &hub.device_events()},
        {hub::EventSource::connection, &hub.connection_events()},
        {hub::EventSource::drift, &hub.drift_events()},
        {hub::EventSource::rollouts, &hub.rollouts().events()},
        {hub::EventSource::jobs, &hub.jobs().events()},
        {hub::EventSource::configurations, &hub.configurations().events()}};
    for (const auto& [source, bus] : buses)
        if (std::ranges::any_of(config.routes, [source](const RouteConfig& route) {
                return route.settings.enabled &&
                       std::ranges::find(route.settings.sources, source) !=
                           route.settings.sources.end();
            }))
            log.hear(source, *bus);
}

}  // namespace

bool is_of_a_route(const Config& config, const SinkConfig& sink) {
    return std::ranges::any_of(config.routes, [&](const RouteConfig& route) {
        return route.settings.sink == sink.name || route.settings.dead_letter == sink.name;
    });
}

Result<std::unique_ptr<gateway::Routes>> make_routes(const Config& config,
                                                     const RouteGround& ground,
                                                     const gateway::RouteSeams& seams) {
    hub::Hub& hub = ground.hub;
    TRY(const auto log,
        hub::EventLog::open(hub, seams.executor,
                            {.age = std::chrono::duration_cast<Ticks>(config.events_age),
                             .bytes = config.events_bytes_max}));
    auto routes = std::make_unique<gateway::Routes>(log, seams);
    hear_what_routes_hear(*log, hub, config);
    SinkMaker sinks(config, ground, seams, *routes);
    TRY(const auto cursors, hub::RouteCursors::open(hub, seams.executor));
    for (const RouteConfig& item : config.routes) {
        TRY(hub::Route made, hub::Route::make(item.settings));
        const auto route = std::make_shared<const hub::Route>(std::move(made));
        if (!item.settings.enabled) {
            routes->add_disabled(route);
            continue;
        }
        TRY(SinkPtr sink, sinks.named(item.settings.sink));
        std::vector<SinkPtr> graves;
        if (!item.settings.dead_letter.empty()) {
            TRY(SinkPtr grave, sinks.named(item.settings.dead_letter));
            graves.push_back(std::move(grave));
        }
        graves.push_back(sinks.grave_of(item.settings.name));
        gateway::RouteReaders readers;
        if (route->is_recorded())
            readers.changes =
                std::make_unique<hub::FeedReader>(hub, seams.executor, cursors, route);
        if (route->is_passing())
            readers.events = std::make_unique<hub::LogReader>(hub, log, cursors, route);
        routes->add(route, std::move(readers), std::move(sink), std::move(graves),
                    {.attempts_max = static_cast<std::uint32_t>(item.attempts_max),
                     .from_oldest = item.from_oldest});
    }
    return routes;
}

}  // namespace twinhub::apps
