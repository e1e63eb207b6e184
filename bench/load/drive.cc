#include "drive.h"

#include "process_use.h"

#include <algorithm>
#include <cmath>
#include <memory>

namespace twinhub::load {
namespace {

constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000;
constexpr std::uint64_t turn_ns_max = 50'000'000;
constexpr std::uint64_t drain_ns_max = 5 * nanoseconds_per_second;

std::uint64_t nanoseconds(double seconds) {
    return static_cast<std::uint64_t>(std::llround(seconds * 1e9));
}

class Drive {
public:
    Drive(Reactor& reactor, Fleet& fleet, std::size_t active, const DriveOptions& options,
          Measured& measured)
        : reactor_(reactor), fleet_(fleet), options_(options), measured_(measured) {
        for (std::size_t index = 0; index < active; ++index)
            if (fleet.devices()[index]->is_connected())
                active_.push_back(fleet.devices()[index].get());
        fleet.on_answered = [this](MqttDevice& device, RequestKind kind, std::uint64_t since,
                                   const Answer& answer) { answered(device, kind, since, answer); };
        fleet.on_lost = [this](MqttDevice&) { ++measured_.lost; };
    }
    ~Drive() {
        fleet_.on_answered = {};
        fleet_.on_lost = {};
    }
    Drive(const Drive&) = delete;
    Drive& operator=(const Drive&) = delete;

    void run() {
        if (active_.empty()) return;
        begin_ = now_ns() + nanoseconds(options_.warm_up_seconds);
        end_ = begin_ + nanoseconds(options_.seconds);
        next_send_ = now_ns();
        if (options_.rate <= 0) fill_pipelines();
        until(begin_);
        measuring_ = true;
        const std::uint64_t started = now_ns();
        const std::uint64_t server_before = cpu_nanoseconds(options_.servers);
        const std::uint64_t own_before = own_cpu_nanoseconds();
        until(end_);
        // What fell due while the last turn ran was due all the same.
        if (options_.rate > 0) send_due();
        measuring_ = options_.rate > 0;
        // Gone servers count as 0, so that a run that ends with a kill has no CPU figure.
        const std::uint64_t server_after = cpu_nanoseconds(options_.servers);
        measured_.server_cpu_ns =
            server_after > server_before ? static_cast<double>(server_after - server_before) : 0;
        measured_.own_cpu_ns = static_cast<double>(own_cpu_nanoseconds() - own_before);
        measured_.seconds = static_cast<double>(now_ns() - started) / 1e9;
        drain();
    }

private:
    bool alive() const { return measured_.lost < active_.size(); }

    void fill_pipelines() {
        for (MqttDevice* const device : active_) {
            for (unsigned count = 0; count < options_.pipeline; ++count) send(*device, now_ns());
            device->flush();
        }
    }

    void until(std::uint64_t moment) {
        while (alive() && now_ns() < moment) {
            if (options_.rate > 0) send_due();
            reactor_.turn(std::min(
                {moment, now_ns() + turn_ns_max, options_.rate > 0 ? next_send_ : moment}));
        }
    }

    // Requests of the n-th arrival go to the n-th device in turn, however late the answers are.
    void send_due() {
        const std::uint64_t now = now_ns();
        const auto interval = static_cast<std::uint64_t>(1e9 / options_.rate);
        while (next_send_ <= now && next_send_ < end_) {
            MqttDevice& device = *active_[cursor_++ % active_.size()];
            if (device.is_connected()) {
                send(device, next_send_);
                device.flush();
            } else if (measuring_) {
                ++measured_.unanswered;
            }
            next_send_ += interval;
        }
        if (next_send_ >= end_) next_send_ = end_ + drain_ns_max;
    }

    void send(MqttDevice& device, std::uint64_t since) {
        get_debt_ += options_.get_share;
        const bool gets = get_debt_ >= 1;
        if (gets) get_debt_ -= 1;
        device.request(gets ? RequestKind::get : RequestKind::patch, since);
    }

    void answered(MqttDevice& device, RequestKind kind, std::uint64_t since, const Answer& answer) {
        const std::uint64_t now = now_ns();
        // Open loop: what was due inside the window counts, whenever its answer comes.
        const bool counts = options_.rate > 0 ? since >= begin_ && since < end_ : measuring_;
        if (counts) {
            if (answer.status >= 300) {
                ++measured_.refused[answer.status];
            } else {
                (kind == RequestKind::get ? measured_.gets : measured_.patches).add(now - since);
            }
        }
        if (options_.rate <= 0 && now < end_) send(device, now);
    }

    void drain() {
        const std::uint64_t give_up = now_ns() + drain_ns_max;
        while (alive() && now_ns() < give_up && in_flight() != 0)
            reactor_.turn(now_ns() + turn_ns_max / 10);
        measured_.unanswered += in_flight();
    }

    std::uint64_t in_flight() const {
        std::uint64_t sum = 0;
        for (const MqttDevice* const device : active_) sum += device->in_flight();
        return sum;
    }

    Reactor& reactor_;
    Fleet& fleet_;
    const DriveOptions& options_;
    Measured& measured_;
    std::vector<MqttDevice*> active_;
    std::uint64_t begin_ = 0;
    std::uint64_t end_ = 0;
    std::uint64_t next_send_ = 0;
    std::size_t cursor_ = 0;
    double get_debt_ = 0;
    bool measuring_ = false;
};

// Every active device sends its whole reported section once, as devices do when they start.
void report_whole(Reactor& reactor, Fleet& fleet, std::size_t active) {
    std::size_t waiting = 0;
    fleet.on_answered = [&](MqttDevice&, RequestKind, std::uint64_t, const Answer&) { --waiting; };
    for (std::size_t index = 0; index < active; ++index) {
        MqttDevice& device = *fleet.devices()[index];
        if (!device.is_connected()) continue;
        device.request_whole_report();
        device.flush();
        ++waiting;
    }
    const std::uint64_t give_up = now_ns() + 60 * nanoseconds_per_second;
    while (waiting != 0 && now_ns() < give_up) reactor.turn(now_ns() + turn_ns_max);
    fleet.on_answered = {};
}

}  // namespace

Measured drive(Reactor& reactor, Fleet& fleet, std::size_t active, const DriveOptions& options) {
    Measured measured;
    if (options.whole_report_first) report_whole(reactor, fleet, active);
    Drive(reactor, fleet, active, options, measured).run();
    return measured;
}

}  // namespace twinhub::load
