#include "apps/server.h"

#include "apps/door_settings.h"
#include "apps/keys/certificate.h"
#include "apps/provisioning_seams.h"
#include "apps/provisioning_settings.h"
#include "apps/routes.h"
#include "apps/serving_loop.h"
#include "apps/sinks.h"
#include "apps/store_figures.h"
#include "gateway/amqp/context.h"
#include "gateway/connection_limit.h"
#include "gateway/http/connection.h"
#include "gateway/http/context.h"
#include "gateway/listener.h"
#include "gateway/mqtt/context.h"
#include "gateway/ops/ops_door.h"
#include "hub/hub.h"
#include "provisioning/provisioning.h"
#include "store/committer.h"
#include "store/rocksdb/rocksdb_engine.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <thread>

namespace twinhub::apps {

namespace amqp = gateway::amqp;
namespace http = gateway::http;
namespace mqtt = gateway::mqtt;
using namespace std::chrono_literals;

namespace {

constexpr auto tick_every = 50ms;
constexpr std::size_t pool_threads_min = 2;
constexpr std::size_t ops_connections_max = 64;  // of their own: a full hub still says how it is
constexpr int settle_rounds_max = 10'000;

// Connections are descriptors: take all that the system grants.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::vector<gateway::ServerCertificate> tls_certificates(const KeyMaterial& keys) {
    std::vector<gateway::ServerCertificate> certificates;
    for (const ServerCertificate& certificate : keys.certificates)
        certificates.push_back({certificate.chain_pem, certificate.key_pem});
    return certificates;
}

// When the first of the server's certificates ends, in seconds since 1970.
double first_end(const KeyMaterial& keys) {
    Instant first = Instant::max();
    for (const ServerCertificate& certificate : keys.certificates)
        if (const auto parsed = parse_certificates(certificate.chain_pem))
            first = std::min(first, expires_at(*parsed->front()));
    return std::chrono::duration<double>(first.time_since_epoch()).count();
}

// The operations listener has a loop of its own: it answers while the hub starts, and when all
// others are busy.
struct OpsLoop : DoorLoop {
    OpsLoop(Moment now, gateway::OpsAnswers answers, const Clock& clock)
        : DoorLoop(now), door(std::move(answers), deadlines, clock) {}

    void stop_doors() {
        stop_accepting();
        door.stop();
    }

    gateway::OpsDoor door;
};

}  // namespace

struct Server::Parts {
    Parts(const Config& chosen, const Clock& time, Random& chance, Log& to)
        : config(chosen),
          clock(time),
          random(chance),
          log(to),
          hub_metrics(registry),
          mqtt_metrics(registry),
          amqp_metrics(registry),
          http_metrics(registry),
          listener_metrics(registry),
          sink_metrics(registry),
          route_metrics(registry),
          provisioning_metrics(registry),
          limit(config.connections_max, &listener_metrics.open) {}
    ~Parts();

    Result<> serve_operations();
    Result<> open_store();
    Result<> open_ways_out();
    Result<> open_provisioning(const std::string& id_scope);
    Result<> listen();
    using Socket = std::shared_ptr<gateway::ListeningSocket>;
    Result<> open_listener(const std::vector<std::string>& addresses, const Port& port,
                           std::uint16_t& got, const std::function<void(const Socket&)>& add);
    void add_acceptor(DoorLoop& loop, const Socket& socket, gateway::SharedTls* certificates,
                      gateway::ConnectionLimit& places, gateway::Acceptor::Accepted accepted);
    template <class Also>
    void keep_time(DoorLoop& loop, Also also);
    void run();
    void stop_accepting_and_drain();
    void empty_sinks(Moment until);
    void join();
    void settle();
    gateway::OpsAnswer ops_answer(std::string_view path);

    Config config;
    const Clock& clock;
    Random& random;
    Log& log;
    prometheus::Registry registry;
    hub::Metrics hub_metrics;
    mqtt::MqttMetrics mqtt_metrics;
    amqp::AmqpMetrics amqp_metrics;
    http::HttpMetrics http_metrics;
    gateway::ListenerMetrics listener_metrics;
    gateway::SinkMetrics sink_metrics;
    gateway::RouteMetrics route_metrics;
    provisioning::Metrics provisioning_metrics;
    gateway::SharedTls tls;
    gateway::ConnectionLimit limit;
    gateway::ConnectionLimit ops_limit{ops_connections_max};
    std::shared_ptr<const x509::SigningKey> evidence_key;
    Ports ports;
    hub::StartProgress start;
    std::atomic<bool> opened = false;  // store and hub are there
    std::atomic<bool> ready = false;   // devices may come
    std::unique_ptr<OpsLoop> ops;
    std::unique_ptr<store::Engine> engine;
    Loop pool{static_cast<int>(pool_threads_min)};
    std::optional<asio::executor_work_guard<Loop::executor_type>> pool_work{pool.get_executor()};
    std::vector<std::unique_ptr<ServingLoop>> loops;
    std::unique_ptr<hub::Hub> hub;
    std::unique_ptr<provisioning::Provisioning> provisioning;  // or nothing, when it is off
    std::vector<std::jthread> pool_threads_running;
    std::vector<std::jthread> threads;
    std::jthread ops_thread;
    bool stopped = false;
};

Result<> Server::Parts::open_store() {
    store::RocksDbOptions options;
    options.hub = config.hub_name;
    options.cache_bytes = config.store_cache_bytes;
    options.write_buffer_bytes = config.store_write_buffer_bytes;
    TRY(engine, store::open_rocksdb(config.store_path(), options));
    const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
    const std::size_t count = config.loops != 0 ? config.loops : cores;
    // A start has work for all cores.
    for (std::size_t i = 0; i < std::max(pool_threads_min, std::min(count, cores)); ++i)
        pool_threads_running.emplace_back([this] { pool.run(); });
    std::vector<Executor> executors;
    for (std::size_t i = 0; i < count; ++i) {
        loops.push_back(std::make_unique<ServingLoop>(clock.monotonic()));
        executors.emplace_back(loops.back()->get_executor());
    }
    TRY(hub, hub::Hub::open(hub_settings(config),
                            hub::Seams{.engine = *engine,
                                       .clock = clock,
                                       .random = random,
                                       .log = log,
                                       .metrics = hub_metrics,
                                       .loops = std::move(executors),
                                       .pool = pool.get_executor()},
                            start));
    opened = true;
    return {};
}

void Server::Parts::add_acceptor(DoorLoop& loop, const Socket& socket,
                                 gateway::SharedTls* certificates, gateway::ConnectionLimit& places,
                                 gateway::Acceptor::Accepted accepted) {
    loop.acceptors.push_back(std::make_unique<gateway::Acceptor>(
        loop.get_executor(), socket, certificates, loop.deadlines, clock, log, places,
        listener_metrics, gateway::Acceptor::Settings{.handshake = config.tls_handshake_timeout},
        std::move(accepted)));
}

// The first address says which port, when any will do.
Result<> Server::Parts::open_listener(const std::vector<std::string>& addresses, const Port& port,
                                      std::uint16_t& got,
                                      const std::function<void(const Socket&)>& add) {
    if (!port) return {};
    std::uint16_t wanted = *port;
    for (const std::string& address : addresses) {
        auto socket = gateway::ListeningSocket::open(address, wanted,
                                                     static_cast<int>(config.listen_backlog));
        // A machine without IPv6 still serves.
        if (!socket && address == "::" && addresses.size() > 1) {
            log.warn("listener.skipped",
                     {{"address", address}, {"reason", socket.error().message}});
            continue;
        }
        TRY_VOID(socket);
        wanted = got = (*socket)->port();
        add(*socket);
    }
    return {};
}

// Before anything else: a long start can be watched.
Result<> Server::Parts::serve_operations() {
    ops = std::make_unique<OpsLoop>(
        clock.monotonic(), [this](std::string_view path) { return ops_answer(path); }, clock);
    TRY_VOID(open_listener({config.metrics_address}, config.metrics_port, ports.metrics,
                           [this](const Socket& socket) {
                               add_acceptor(*ops, socket, nullptr, ops_limit,
                                            [this](std::unique_ptr<gateway::Transport> transport) {
                                                ops->door.serve(std::move(transport));
                                            });
                           }));
    keep_time(*ops, [] {});
    ops_thread = std::jthread([this] { ops->run(); });
    return {};
}

// The hub's own requests, and the sinks; each sink lives on one loop, all routes on the last.
Result<> Server::Parts::open_ways_out() {
    TRY(const gateway::ClientTrust trust,
        gateway::make_trust(config.outgoing_ca_file, gateway::SystemAuthorities::always));
    for (const auto& loop : loops) loop->open_ways_out(trust, clock);
    for (std::size_t i = 0; i < config.sinks.size(); ++i) {
        if (is_of_a_route(config, config.sinks[i])) continue;
        ServingLoop& loop = *loops[i % loops.size()];
        const gateway::SinkSeams seams{.events = hub->device_events(),
                                       .executor = loop.get_executor(),
                                       .pool = pool.get_executor(),
                                       .deadlines = loop.deadlines,
                                       .clock = clock,
                                       .random = random,
                                       .log = log,
                                       .metrics = sink_metrics};
        TRY(auto sink, make_sink(config.sinks[i], config.hub_name, *loop.outgoing, seams));
        asio::post(loop, [sink] { sink->start(); });
        loop.sinks.push_back(std::move(sink));
    }
    ServingLoop& last = *loops.back();
    const gateway::RouteSeams seams{.executor = last.get_executor(),
                                    .deadlines = last.deadlines,
                                    .clock = clock,
                                    .random = random,
                                    .log = log,
                                    .metrics = route_metrics};
    TRY(last.routes, make_routes(config, {*hub, *last.outgoing, pool.get_executor()}, seams));
    asio::post(last, [&last] { last.routes->start(); });
    return {};
}

Result<> Server::Parts::open_provisioning(const std::string& id_scope) {
    if (!config.provisioning_enabled) return {};
    TRY(provisioning::Settings settings, provisioning_settings(config, id_scope));
    TRY(provisioning,
        provisioning::Provisioning::open(std::move(settings), *hub, provisioning_metrics,
                                         provisioning_seams(*hub, loops)));
    log.info("provisioning.open", {{"id_scope", id_scope}});
    return {};
}

Result<> Server::Parts::listen() {
    std::vector<mqtt::MqttContext*> all;
    std::vector<amqp::AmqpContext*> all_amqp;
    http::HttpSettings settings = http_settings(config);
    settings.evidence_key = evidence_key;
    for (std::size_t i = 0; i < loops.size(); ++i) {
        ServingLoop& loop = *loops[i];
        loop.mqtt = std::make_unique<mqtt::MqttContext>(*hub, hub->shards().at(i), loop.deadlines,
                                                        mqtt_metrics, mqtt_settings(config),
                                                        provisioning.get());
        all.push_back(loop.mqtt.get());
        loop.amqp = std::make_unique<amqp::AmqpContext>(*hub, hub->shards().at(i), loop.deadlines,
                                                        amqp_metrics, amqp_settings(config),
                                                        provisioning.get());
        all_amqp.push_back(loop.amqp.get());
        loop.http = std::make_unique<http::HttpContext>(
            *hub, loop.deadlines, http_metrics, settings,
            [&door = *loop.mqtt](std::unique_ptr<gateway::Transport> transport) {
                door.serve(std::move(transport));
            },
            device_gate(config), provisioning.get());
        loop.http->show_routes(*loops.back()->routes);
        loop.http->serve_amqp([&door = *loop.amqp](std::unique_ptr<gateway::Transport> transport) {
            door.serve(std::move(transport));
        });
    }
    for (const auto& loop : loops) {
        loop->mqtt->introduce(all);
        loop->amqp->introduce(all_amqp);
    }

    const auto mqtt_door = [this](const Socket& socket) {
        for (const auto& loop : loops)
            add_acceptor(*loop, socket, &tls, limit,
                         [&here = *loop](std::unique_ptr<gateway::Transport> transport) {
                             here.mqtt->serve(std::move(transport));
                         });
    };
    const auto amqp_door = [this](const Socket& socket) {
        for (const auto& loop : loops)
            add_acceptor(*loop, socket, &tls, limit,
                         [&here = *loop](std::unique_ptr<gateway::Transport> transport) {
                             here.amqp->serve(std::move(transport));
                         });
    };
    const auto http_door = [this](gateway::SharedTls* certificates) {
        return [this, certificates](const Socket& socket) {
            for (const auto& loop : loops)
                add_acceptor(*loop, socket, certificates, limit,
                             [&here = *loop](std::unique_ptr<gateway::Transport> transport) {
                                 asio::co_spawn(here,
                                                http::serve_http(std::move(transport), *here.http),
                                                asio::detached);
                             });
        };
    };
    TRY_VOID(open_listener(config.listen_addresses, config.mqtt_port, ports.mqtt, mqtt_door));
    TRY_VOID(open_listener(config.listen_addresses, config.amqp_port, ports.amqp, amqp_door));
    TRY_VOID(
        open_listener(config.listen_addresses, config.https_port, ports.https, http_door(&tls)));
    return open_listener(config.plain_http_addresses, config.plain_http_port, ports.plain_http,
                         http_door(nullptr));
}

// What has to happen now and then on a loop: its deadlines, and whatever else.
template <class Also>
void Server::Parts::keep_time(DoorLoop& loop, Also also) {
    loop.ticker.expires_after(tick_every);
    loop.ticker.async_wait([this, &loop, also](const boost::system::error_code& error) {
        if (error) return;
        also();
        loop.deadlines.advance(clock.monotonic());
        keep_time(loop, also);
    });
}

void Server::Parts::run() {
    for (std::size_t i = 0; i < loops.size(); ++i) {
        keep_time(*loops[i], [this, i] { hub->tick(i); });
        threads.emplace_back([&context = *loops[i]] { context.run(); });
    }
}

gateway::OpsAnswer Server::Parts::ops_answer(std::string_view path) {
    if (path == "/metrics") {
        gateway::OpsAnswer answer{
            .status = 200, .content_type = "text/plain; version=0.0.4; charset=utf-8", .body = {}};
        std::vector<prometheus::MetricFamily> figures = registry.Collect();
        if (opened)
            std::ranges::move(store_figures(engine->statistics()), std::back_inserter(figures));
        answer.body = prometheus::TextSerializer().Serialize(figures);
        return answer;
    }
    if (path == "/healthz") return {.status = 200, .body = "ok\n"};
    if (path == "/readyz") {
        if (!opened)
            return {.status = 503,
                    .body = fmt::format("starting: {} of {} twins read\n", start.read.load(),
                                        start.twins.load())};
        const bool writable = !engine->statistics().writes_failed && hub->accepts_writes();
        if (ready && writable) return {.status = 200, .body = "ready\n"};
        return {.status = 503,
                .body = writable ? "not ready\n"
                                 : "the store takes no writes: is the disk full? "
                                   "If this stays so with space on it, restart the hub\n"};
    }
    return {.status = 404, .body = "try /metrics, /healthz or /readyz\n"};
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Result<std::unique_ptr<Server>> Server::start(const Config& config, const KeyMaterial& keys,
                                              const Clock& clock, Random& random, Log& log) {
    raise_descriptor_limit();
    std::unique_ptr<Server> server(new Server(std::make_unique<Parts>(config, clock, random, log)));
    Parts& parts = *server->parts_;
    const Moment began = clock.monotonic();
    TRY_VOID(parts.serve_operations());
    TRY_VOID(parts.open_store());
    TRY_VOID(server->reload(keys));
    TRY_VOID(parts.open_ways_out());
    TRY_VOID(parts.open_provisioning(keys.id_scope));
    if (keys.evidence_key)
        parts.evidence_key = std::make_shared<const x509::SigningKey>(*keys.evidence_key);
    TRY_VOID(parts.listen());
    parts.run();
    parts.ready = true;
    log.info("server.ready",
             {{"hub", config.hub_name},
              {"https_port", parts.ports.https},
              {"mqtt_port", parts.ports.mqtt},
              {"amqp_port", parts.ports.amqp},
              {"metrics_port", parts.ports.metrics},
              {"loops", parts.loops.size()},
              {"start_milliseconds",
               std::chrono::duration_cast<std::chrono::milliseconds>(clock.monotonic() - began)
                   .count()}});
    return server;
}

Result<> Server::reload(const KeyMaterial& keys) {
    TRY(auto tls, gateway::TlsContext::create(tls_certificates(keys)));
    TRY_VOID(parts_->hub->certificates().set_files(keys.device_cas));
    parts_->tls.store(std::move(tls));
    parts_->hub_metrics.certificates.server_ends.Set(first_end(keys));
    parts_->hub->set_policies(std::make_shared<const hub::Policies>(keys.policies));
    return {};
}

// The orderly end, in its time: no new connection, no new request, answers to those under way, and
// every change on disk.
void Server::Parts::stop_accepting_and_drain() {
    for (const auto& loop : loops) asio::post(*loop, [&here = *loop] { here.stop_doors(); });
    hub->end_waits();
    const Moment until = clock.monotonic() + config.drain_timeout;
    while (limit.open() != 0 && clock.monotonic() < until - config.drain_timeout / 2)
        std::this_thread::sleep_for(5ms);
    const auto drained = asio::co_spawn(*loops.front(), hub->drain(), asio::use_future);
    if (drained.wait_for(until - clock.monotonic()) != std::future_status::ready)
        log.warn("server.drain_timeout", {{"milliseconds", config.drain_timeout.count()}});
    empty_sinks(until);
}

// What devices sent last is handed over, if that works at once.
void Server::Parts::empty_sinks(Moment until) {
    std::vector<std::shared_ptr<gateway::Sink>> sinks;
    for (const auto& loop : loops) {
        sinks.insert(sinks.end(), loop->sinks.begin(), loop->sinks.end());
        asio::post(*loop, [&here = *loop] {
            for (const auto& sink : here.sinks) sink->finish();
            if (here.routes) here.routes->finish();
        });
    }
    const auto is_empty = [](const auto& sink) { return sink->waiting() == 0; };
    const auto all_empty = [&] {
        const auto& routes = loops.back()->routes;
        return std::ranges::all_of(sinks, is_empty) && (!routes || routes->is_finished());
    };
    while (!all_empty() && clock.monotonic() < until) std::this_thread::sleep_for(5ms);
}

// From here on there is one thread.
void Server::Parts::join() {
    for (const auto& loop : loops) {
        loop->work.reset();
        loop->stop();
    }
    threads.clear();
    if (ops) ops->stop();
    if (ops_thread.joinable()) ops_thread.join();
    pool_work.reset();  // what waits for the disk is let finish
    pool_threads_running.clear();
}

// Lets everything that is still under way come to its own end, as an operation that failed if it
// must be: a coroutine that waits for the disk, the store or another loop refers to all of them.
void Server::Parts::settle() {
    if (hub) hub->committer().stop();  // answers all it was given; refuses what comes
    for (const auto& loop : loops) {
        loop->ticker.cancel();
        loop->stop_doors();
        loop->stop_sinks();
    }
    if (ops) ops->stop_doors();
    std::size_t ran = 1;
    for (int round = 0; ran != 0 && round < settle_rounds_max; ++round) {
        ran = 0;
        for (const auto& loop : loops) {
            loop->restart();
            ran += loop->poll();
        }
        pool.restart();
        ran += pool.poll();
    }
}

// The order in which things go. After settle() little is left in the loops and in the hub, but what
// is left may be a coroutine that stands on the doors and on its loop, and a coroutine is unwound
// by its own loop even when another one lets go of it. So: all loops discard what they hold, while
// everything else still stands; then the hub goes, with what waited in it; what that sent back to
// the loops is discarded too; then the doors, and last the loops themselves.
Server::Parts::~Parts() {
    const auto discard = [this] {
        discard_all(loops);
        pool.discard();
        discard_all(loops);
    };
    for (const auto& loop : loops) {
        loop->acceptors.clear();
        loop->stop_sinks();  // they listen to the hub
    }
    discard();
    for (const auto& loop : loops) loop->routes.reset();  // they listen to it, too
    provisioning.reset();
    hub.reset();
    discard();
    loops.clear();
    if (!ops) return;
    ops->acceptors.clear();
    ops->discard();
}

void Server::stop() {
    Parts& parts = *parts_;
    if (parts.stopped) return;
    parts.stopped = true;
    parts.ready = false;
    const bool began = !parts.threads.empty();
    if (began) parts.stop_accepting_and_drain();
    parts.join();
    parts.settle();
    if (parts.engine) (void)parts.engine->flush();
    if (began) parts.log.info("server.stopped");
}

Server::~Server() {
    if (parts_) stop();
}

const Server::Ports& Server::ports() const { return parts_->ports; }

}  // namespace twinhub::apps
