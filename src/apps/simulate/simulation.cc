#include "apps/simulate/simulation.h"

#include "apps/simulate/device.h"
#include "apps/simulate/enroll.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include <future>
#include <thread>

namespace twinhub::apps {
namespace {

constexpr auto token_lifetime = std::chrono::hours{1};
constexpr auto pulse_every = std::chrono::seconds{30};
constexpr auto away_for = std::chrono::seconds{25};  // typical absence of a wandering device
constexpr auto stays_for = std::chrono::seconds{45};
constexpr auto retry_after = std::chrono::seconds{3};
constexpr auto start_spread = std::chrono::milliseconds{20};  // between the first connects
constexpr auto ready = asio::as_tuple(asio::use_awaitable);

gateway::ServerEndpoint endpoint_of(const SimulationOptions& options, DeviceTransport transport) {
    switch (transport) {
        case DeviceTransport::mqtt: return options.mqtt;
        case DeviceTransport::amqp: return options.amqp;
        case DeviceTransport::mqtt_ws:
        case DeviceTransport::amqp_ws: break;
    }
    return options.target.endpoint;
}

struct Counts {
    std::size_t online = 0, away = 0, busy = 0;
    std::uint64_t wishes = 0, applied = 0, refused = 0, reports = 0, failures = 0;
    std::string last_failure;
};

struct Fleet {
    SimulationOptions options;
    asio::io_context loop{1};
    gateway::ClientTrust trust;
    SystemClock clock;
    Counts counts;
    bool stopping = false;
    std::size_t living = 0;  // devices whose coroutine runs
};

// One simulated device: its sensor, and its connections one after the other. Runs on the fleet's
// loop; what it spawned ends soon after stop().
class Device : public std::enable_shared_from_this<Device> {
public:
    Device(Fleet& fleet, std::size_t number, Enrolled enrolled)
        : fleet_(fleet),
          login_(std::move(enrolled.login)),
          registration_(std::move(enrolled.registration)),
          sensor_(character_of(number, fleet.options.shares, fleet.options.seed),
                  fleet.options.seed * 7919 + number),
          transport_(fleet.options.transports[number % fleet.options.transports.size()]),
          number_(number),
          pause_(fleet.loop),
          pulse_(fleet.loop),
          apply_(fleet.loop) {}

    Task<> live() {
        const auto self = shared_from_this();
        ++fleet_.living;
        co_await rest(start_spread * static_cast<int>(number_));
        while (!fleet_.stopping) {
            if (registration_ && !co_await find_hub()) {
                co_await rest(retry_after);
                continue;
            }
            co_await connect_once();
            if (fleet_.stopping) break;
            const bool goes_away = sensor_.character() == Character::wandering && was_online_;
            if (goes_away) ++fleet_.counts.away;
            co_await rest(sensor_.around(goes_away ? away_for : retry_after));
            if (goes_away) --fleet_.counts.away;
        }
        --fleet_.living;
    }

    void stop() {
        if (client_ && online_) client_->goodbye();
        else if (client_) client_->close();
        for (asio::steady_timer* timer : {&pause_, &pulse_, &apply_}) timer->cancel();
    }

private:
    Task<> rest(std::chrono::milliseconds time) {
        if (fleet_.stopping) co_return;
        pause_.expires_after(time);
        co_await pause_.async_wait(ready);
    }

    std::uint64_t token_expiry() const {
        const auto at =
            std::chrono::floor<std::chrono::seconds>(fleet_.clock.now() + token_lifetime);
        return static_cast<std::uint64_t>(at.time_since_epoch().count());
    }

    // Asks the provisioning service; once it knows its hub it stays there.
    Task<bool> find_hub() {
        const bool over_socket =
            transport_ == DeviceTransport::mqtt_ws || transport_ == DeviceTransport::amqp_ws;
        const DeviceTransport way = over_socket ? DeviceTransport::mqtt_ws : DeviceTransport::mqtt;
        gateway::ServerEndpoint endpoint = fleet_.options.provisioning->endpoint;
        if (!over_socket) endpoint.port = fleet_.options.mqtt.port;
        auto stream = make_stream(way, fleet_.loop.get_executor(), fleet_.trust);
        Registration registration = *registration_;
        auto assigned =
            co_await provision(fleet_.loop.get_executor(), std::move(stream), std::move(endpoint),
                               std::move(registration), token_expiry());
        if (!assigned) {
            note_failure(assigned.error());
            co_return false;
        }
        login_.host = std::move(assigned->hub);
        login_.id.device = std::move(assigned->device);
        registration_.reset();
        co_return true;
    }

    Task<> connect_once() {
        was_online_ = false;
        DeviceEvents events{
            .answer = [this](int status, std::string_view rid,
                             std::string_view body) { take_answer(status, rid, body); },
            .desired = [this](const json::object& patch) { take_desired(patch); }};
        client_ = make_device_client(transport_, fleet_.loop.get_executor(), fleet_.trust,
                                     std::move(events));
        gateway::ServerEndpoint endpoint = endpoint_of(fleet_.options, transport_);
        const auto opened = co_await client_->open(std::move(endpoint), login_, token_expiry());
        if (!opened) {
            note_failure(opened.error());
        } else if (!fleet_.stopping) {
            was_online_ = online_ = true;
            ++fleet_.counts.online;
            client_->get_twin("get");
            asio::co_spawn(fleet_.loop, beat(), asio::detached);
            const auto ended = co_await client_->run();
            --fleet_.counts.online;
            online_ = false;
            pulse_.cancel();
            if (!fleet_.stopping && !leaving_) note_failure(ended.error());
        }
        leaving_ = false;
        client_->close();
    }

    // While connected: the battery every now and then, and a wandering device leaves one day.
    Task<> beat() {
        const auto self = shared_from_this();
        const auto client = client_;
        const auto leaves_at = std::chrono::steady_clock::now() + sensor_.around(stays_for);
        while (!fleet_.stopping) {
            pulse_.expires_after(sensor_.around(pulse_every));
            const auto [cancelled] = co_await pulse_.async_wait(ready);
            if (cancelled || client != client_) co_return;
            if (sensor_.character() == Character::wandering &&
                std::chrono::steady_clock::now() >= leaves_at) {
                leaving_ = true;
                client->goodbye();
                co_return;
            }
            client->ping();
            report(sensor_.pulse());
        }
    }

    void take_answer(int status, std::string_view rid, std::string_view body) {
        if (status >= 400) {
            note_failure(
                {Code::internal,
                 fmt::format("{}: a request was refused with {}", login_.id.text(), status),
                 {}});
        } else if (rid == "get") {
            const auto twin = parse_json(body);
            if (!twin || !twin->is_object()) return;
            const bool wants = sensor_.load(twin->get_object());
            const json::value* reported = twin->get_object().if_contains("reported");
            if (!reported || !reported->is_object() || !reported->get_object().contains("battery"))
                report(sensor_.first_report());
            if (wants) begin_applying();
        }
    }

    void take_desired(const json::object& patch) {
        if (sensor_.want(patch)) begin_applying();
    }

    void begin_applying() {
        ++fleet_.counts.wishes;
        if (const auto words = sensor_.begin()) report(*words);
        if (std::exchange(applying_, true)) return;  // takes the newest when it is its time
        asio::co_spawn(fleet_.loop, apply_later(), asio::detached);
    }

    Task<> apply_later() {
        const auto self = shared_from_this();
        ++fleet_.counts.busy;
        apply_.expires_after(sensor_.delay(fleet_.options.delay));
        co_await apply_.async_wait(ready);
        --fleet_.counts.busy;
        applying_ = false;
        // Off the net it applies nothing: it reads its twin anew when it is back.
        if (fleet_.stopping || !online_) co_return;
        const std::uint64_t refused_before = sensor_.refused();
        report(sensor_.apply());
        if (sensor_.refused() == refused_before) ++fleet_.counts.applied;
        else ++fleet_.counts.refused;
    }

    void report(const json::object& patch) {
        if (patch.empty() || !online_) return;
        ++fleet_.counts.reports;
        client_->report(std::to_string(++rid_), patch);
    }

    void note_failure(const Error& error) {
        if (fleet_.stopping) return;
        ++fleet_.counts.failures;
        fleet_.counts.last_failure = error.message;
    }

    Fleet& fleet_;
    DeviceLogin login_;
    std::optional<Registration> registration_;  // until its hub is known
    Sensor sensor_;
    DeviceTransport transport_;
    std::size_t number_;
    asio::steady_timer pause_, pulse_, apply_;
    std::shared_ptr<DeviceClient> client_;
    bool was_online_ = false, online_ = false, leaving_ = false, applying_ = false;
    std::uint64_t rid_ = 0;
};

std::string summary(const Counts& counts, std::size_t devices) {
    std::string line = fmt::format(
        "{} devices: {} online, {} away | wishes {}: {} applied, {} refused, {} under way | {} "
        "reports",
        devices, counts.online, counts.away, counts.wishes, counts.applied, counts.refused,
        counts.busy, counts.reports);
    // Why some are missing, as long as some are.
    if (counts.online + counts.away < devices && !counts.last_failure.empty())
        line += fmt::format(" | {} failures, last: {}", counts.failures, counts.last_failure);
    return line;
}

}  // namespace

struct Simulation::Impl {
    Fleet fleet;
    std::vector<std::shared_ptr<Device>> devices;
    std::atomic<bool> stopped{false};
    std::promise<Result<>> ended;
    std::future<Result<>> end = ended.get_future();
    std::thread thread;

    Result<> run() {
        TRY(fleet.trust, gateway::make_trust(fleet.options.target.ca_file));
        TRY(const std::vector<Enrolled> logins,
            enroll(fleet.options, fleet.clock, [this] { return stopped.load(); }));
        for (std::size_t i = 0; i < logins.size(); ++i) {
            devices.push_back(std::make_shared<Device>(fleet, i, logins[i]));
            asio::co_spawn(fleet.loop, devices.back()->live(), asio::detached);
        }
        asio::co_spawn(fleet.loop, say_and_watch(), asio::detached);
        fleet.loop.run();
        return {};
    }

    // Tells how it goes, and ends every device when the simulation is to stop.
    Task<> say_and_watch() {
        asio::steady_timer timer(fleet.loop);
        auto say_at = std::chrono::steady_clock::now();
        while (!stopped) {
            if (fleet.options.say && std::chrono::steady_clock::now() >= say_at) {
                fleet.options.say(summary(fleet.counts, devices.size()));
                say_at += fleet.options.say_every;
            }
            timer.expires_after(std::chrono::milliseconds{100});
            co_await timer.async_wait(ready);
        }
        fleet.stopping = true;
        for (const auto& device : devices) device->stop();
        // A hub that does not take the goodbye must not hold us.
        for (int i = 0; i < 20 && fleet.living != 0; ++i) {
            timer.expires_after(std::chrono::milliseconds{100});
            co_await timer.async_wait(ready);
        }
        fleet.loop.stop();
    }
};

Simulation::Simulation(SimulationOptions options) : impl_(std::make_unique<Impl>()) {
    impl_->fleet.options = std::move(options);
    impl_->thread = std::thread([impl = impl_.get()] { impl->ended.set_value(impl->run()); });
}

Simulation::~Simulation() { stop(); }

void Simulation::stop() {
    impl_->stopped = true;
    if (impl_->thread.joinable()) impl_->thread.join();
}

bool Simulation::wait_for(std::chrono::milliseconds time) {
    return impl_->end.wait_for(time) == std::future_status::ready;
}

Result<> Simulation::wait() { return impl_->end.get(); }

std::string device_name(const SimulationOptions& options, std::size_t number) {
    const json::object tags = device_tags(number);
    return fmt::format("{}-{}-zone{}-{:02}", options.prefix,
                       std::string_view(tags.at("site").get_string()), tags.at("zone").get_int64(),
                       number / 12 + 1);
}

json::object device_tags(std::size_t number) {
    static constexpr std::string_view sites[] = {"north", "south", "west"};
    return {{"site", sites[number % 3]},
            {"zone", static_cast<std::int64_t>(number / 3 % 4 + 1)},
            {"kind", "climate-sensor"}};
}

}  // namespace twinhub::apps
