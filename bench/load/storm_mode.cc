#include "options.h"
#include "process_use.h"
#include "provisioning_device.h"
#include "report.h"

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace twinhub::load {
namespace {

constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000;
constexpr std::uint64_t turn_ns_max = 20'000'000;
constexpr std::uint64_t ports_per_source = 20'000;  // of the 28,232 ephemeral ports

// New devices that all come at once: each registers itself, goes to the hub that it is told, and
// stays there. What fails is tried again, as devices do.
class Storm final : public ProvisioningOwner {
public:
    Storm(Reactor& reactor, const TlsContext& tls, Fleet& fleet, const Options& options)
        : reactor_(reactor), fleet_(fleet), options_(options) {
        for (std::uint64_t index = 0; index < options.devices; ++index) {
            registrations_.push_back(std::make_unique<ProvisioningDevice>(
                reactor, tls, *this, options.id_scope, options.first + index));
            coming_.push_back({index, Errand::registration});
        }
        began_.resize(options.devices);
        fleet.on_connected = [this](MqttDevice&) {
            --busy_;
            arrivals_.add(now_ns() - storm_began_);
        };
        fleet.on_lost = [this](MqttDevice& device) {
            if (!device.is_connected()) --busy_;
            again_.emplace(now_ns() + retry_ns, Visit{index_of(device), Errand::hub});
        };
    }

    void run() {
        storm_began_ = now_ns();
        const std::uint64_t give_up =
            storm_began_ + options_.connect_seconds_max * nanoseconds_per_second;
        while (fleet_.connected_count() < options_.devices && now_ns() < give_up) {
            const std::uint64_t now = now_ns();
            for (auto due = waiting_.begin(); due != waiting_.end() && due->first <= now;
                 due = waiting_.erase(due))
                if (due->second->is_open()) due->second->ask_again();
            for (auto due = again_.begin(); due != again_.end() && due->first <= now;
                 due = again_.erase(due))
                coming_.push_back(due->second);
            while (!coming_.empty() && busy_ < options_.connect_at_once) {
                visit(coming_.front());
                coming_.pop_front();
            }
            reactor_.turn(now_ns() + turn_ns_max);
        }
        seconds_ = static_cast<double>(now_ns() - storm_began_) / 1e9;
    }

    double seconds() const { return seconds_; }
    std::uint64_t registered() const { return registered_; }
    const Histogram& registrations() const { return registration_times_; }
    const Histogram& arrivals() const { return arrivals_; }
    const std::map<std::string, std::uint64_t>& failures() const { return failures_; }

private:
    enum class Errand : std::uint8_t { registration, hub };
    struct Visit {
        std::uint64_t index;
        Errand errand;
    };
    static constexpr std::uint64_t retry_ns = nanoseconds_per_second;

    std::uint64_t index_of(const ProvisioningDevice& device) const {
        return device.number() - options_.first;
    }
    std::uint64_t index_of(const MqttDevice& device) const {
        return device.number() - options_.first;
    }

    void visit(Visit visit) {
        ++busy_;
        const auto source = static_cast<unsigned>(visit.index / ports_per_source);
        if (visit.errand == Errand::hub) return fleet_.devices()[visit.index]->start(source);
        if (began_[visit.index] == 0) began_[visit.index] = now_ns();
        registrations_[visit.index]->open(source);
    }

    // One that waits to be told costs the hub nothing: another may come meanwhile.
    void asked_to_wait(ProvisioningDevice& device, std::uint64_t seconds) override {
        waiting_.emplace(now_ns() + seconds * nanoseconds_per_second, &device);
        if (told_to_wait_.insert(&device).second) --busy_;
    }

    void assigned(ProvisioningDevice& device, std::string_view) override {
        const std::uint64_t index = index_of(device);
        ++registered_;
        registration_times_.add(now_ns() - began_[index]);
        if (told_to_wait_.erase(&device) == 0) --busy_;
        assigned_.insert(&device);
        device.stop();
        coming_.push_back({index, Errand::hub});
    }

    void lost(ProvisioningDevice& device, std::string_view why) override {
        if (assigned_.contains(&device)) return;  // it said goodbye
        ++failures_[std::string(why)];
        if (told_to_wait_.erase(&device) == 0) --busy_;
        again_.emplace(now_ns() + retry_ns, Visit{index_of(device), Errand::registration});
    }

    Reactor& reactor_;
    Fleet& fleet_;
    const Options& options_;
    std::vector<std::unique_ptr<ProvisioningDevice>> registrations_;
    std::vector<std::uint64_t> began_;
    std::deque<Visit> coming_;
    std::multimap<std::uint64_t, Visit> again_;
    std::multimap<std::uint64_t, ProvisioningDevice*> waiting_;
    std::set<const ProvisioningDevice*> told_to_wait_;
    std::set<const ProvisioningDevice*> assigned_;
    std::map<std::string, std::uint64_t> failures_;
    Histogram registration_times_;
    Histogram arrivals_;
    std::size_t busy_ = 0;
    std::uint64_t registered_ = 0;
    std::uint64_t storm_began_ = 0;
    double seconds_ = 0;
};

}  // namespace

int run_storm(const Options& options) {
    Reactor reactor;
    const TlsContext tls(options.target);
    const DeviceSettings settings = options.device_settings();
    Fleet fleet(reactor, tls, settings, options.first, options.devices);
    Storm storm(reactor, tls, fleet, options);
    const std::uint64_t server_before = cpu_nanoseconds(options.drive.servers);
    const std::uint64_t own_before = own_cpu_nanoseconds();
    storm.run();
    const auto server = static_cast<double>(cpu_nanoseconds(options.drive.servers) - server_before);
    const auto own = static_cast<double>(own_cpu_nanoseconds() - own_before);
    const auto devices = static_cast<double>(options.devices);
    reactor.idle(options.stay_seconds);
    JsonLine()
        .add("mode", "storm")
        .add("devices", options.devices)
        .add("registered", storm.registered())
        .add("connected", static_cast<std::uint64_t>(fleet.connected_count()))
        .add("seconds", storm.seconds())
        .add("registration_ms", storm.registrations())
        .add("arrival_ms", storm.arrivals())
        .add("server_cpu_us", server / 1e3 / devices)
        .add("client_cpu_us", own / 1e3 / devices)
        .add("failures", storm.failures())
        .add("losses", fleet.losses())
        .print();
    return fleet.connected_count() == options.devices ? 0 : 1;
}

}  // namespace twinhub::load
