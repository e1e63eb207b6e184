#include "options.h"
#include "process_use.h"
#include "report.h"

#include <deque>

namespace twinhub::load {
namespace {

constexpr std::uint64_t turn_ns_max = 50'000'000;

// Devices that connect, subscribe, say goodbye and come again, some at a time.
class Carousel {
public:
    Carousel(Reactor& reactor, Fleet& fleet, std::size_t at_once)
        : reactor_(reactor), at_once_(at_once) {
        fleet.on_connected = [this](MqttDevice& device) {
            ++done_;
            latencies_.add(now_ns() - device.opened_at_ns());
            if (device.was_resumed()) ++resumed_;
            device.stop();
        };
        fleet.on_lost = [this](MqttDevice& device) {
            --running_;
            waiting_.push_back(&device);
        };
        for (const auto& device : fleet.devices()) waiting_.push_back(device.get());
    }

    template <class Condition>
    void turn_while(Condition condition) {
        while (condition()) {
            // Each waiting device once: one that fails at once waits again, for the next turn.
            for (std::size_t left = waiting_.size(); left != 0 && running_ < at_once_; --left)
                next();
            reactor_.turn(now_ns() + turn_ns_max);
        }
    }

    void restart_count() {
        done_ = resumed_ = 0;
        latencies_ = {};
    }
    std::uint64_t done() const { return done_; }
    std::uint64_t resumed() const { return resumed_; }
    const Histogram& latencies() const { return latencies_; }

private:
    void next() {
        MqttDevice& device = *waiting_.front();
        waiting_.pop_front();
        ++running_;
        // Many times round the fleet: other source addresses spare the ports in TIME_WAIT.
        device.start(static_cast<unsigned>(started_++ / 10'000 % 200));
    }

    Reactor& reactor_;
    std::deque<MqttDevice*> waiting_;
    Histogram latencies_;
    std::size_t at_once_;
    std::size_t running_ = 0;
    std::uint64_t started_ = 0;
    std::uint64_t done_ = 0;
    std::uint64_t resumed_ = 0;
};

}  // namespace

int run_connect(const Options& options) {
    Reactor reactor;
    const TlsContext tls(options.target);
    const DeviceSettings settings = options.device_settings();
    Fleet fleet(reactor, tls, settings, options.first, options.devices);
    Carousel carousel(reactor, fleet, options.connect_at_once);

    // Once round at least: a device can only resume what it had before.
    const std::uint64_t warm =
        now_ns() + static_cast<std::uint64_t>(options.drive.warm_up_seconds * 1e9);
    const std::uint64_t give_up = now_ns() + options.connect_seconds_max * 1'000'000'000;
    carousel.turn_while([&] {
        const std::uint64_t now = now_ns();
        const bool round = options.target.resume && carousel.done() < options.devices;
        return (now < warm || round) && now < give_up;
    });
    carousel.restart_count();
    const std::uint64_t began = now_ns();
    const std::uint64_t end = began + static_cast<std::uint64_t>(options.drive.seconds * 1e9);
    const std::uint64_t server_before = cpu_nanoseconds(options.drive.servers);
    const std::uint64_t own_before = own_cpu_nanoseconds();
    carousel.turn_while([&] { return now_ns() < end; });
    const auto server = static_cast<double>(cpu_nanoseconds(options.drive.servers) - server_before);
    const auto own = static_cast<double>(own_cpu_nanoseconds() - own_before);
    const double seconds = static_cast<double>(now_ns() - began) / 1e9;
    const auto done = static_cast<double>(carousel.done());

    JsonLine()
        .add("mode", "connect")
        .add("operations", carousel.done())
        .add("per_second", done / seconds)
        .add("resumed_share", done > 0 ? static_cast<double>(carousel.resumed()) / done : 0)
        .add("connect_ms", carousel.latencies())
        .add("server_cpu_us", done > 0 ? server / 1e3 / done : 0)
        .add("client_cpu_us", done > 0 ? own / 1e3 / done : 0)
        .add("ends", fleet.losses())
        .print();
    return carousel.done() != 0 ? 0 : 1;
}

}  // namespace twinhub::load
