#include "options.h"
#include "report.h"
#include "rest_work.h"

#include <fmt/format.h>

#include <array>

namespace twinhub::load {
namespace {

constexpr std::uint64_t turn_ns_max = 50'000'000;
constexpr std::uint64_t silence_ns_max = 20'000'000'000;  // then a round counts as unanswered

// A number that one device reported, and how a query finds it again.
struct Round {
    std::string_view device;
    std::uint64_t value = 0;
    std::uint64_t before = 0;  // the device's number until now; 0: it had none
};

struct Form {
    std::string_view name;
    std::string (*query)(const Round&);
    bool (*fresh)(const Round&, std::string_view answer);
};

bool holds_value(const Round& round, std::string_view answer) {
    return answer.find(fmt::format(R"("round":{}}})", round.value)) != std::string_view::npos ||
           answer.find(fmt::format(R"("round":{},)", round.value)) != std::string_view::npos;
}

constexpr std::array<Form, 4> forms{{
    {.name = "column",
     .query =
         [](const Round& round) {
             return fmt::format(
                 "SELECT COUNT() AS n FROM devices WHERE properties.reported.freshness.round = {}",
                 round.value);
         },
     .fresh = [](const Round&, std::string_view answer) { return answer == R"([{"n":1}])"; }},
    // What is no longer so must not be found either.
    {.name = "column",
     .query =
         [](const Round& round) {
             return fmt::format(
                 "SELECT COUNT() AS n FROM devices WHERE properties.reported.freshness.round = {}",
                 round.before);
         },
     .fresh = [](const Round&, std::string_view answer) { return answer == R"([{"n":0}])"; }},
    {.name = "projection",
     .query =
         [](const Round& round) {
             return fmt::format(
                 "SELECT properties.reported.freshness.round FROM devices WHERE "
                 "deviceId = '{}'",
                 round.device);
         },
     .fresh = holds_value},
    {.name = "twin",
     .query =
         [](const Round& round) {
             return fmt::format("SELECT * FROM devices WHERE deviceId = '{}'", round.device);
         },
     .fresh = holds_value},
}};

// Each device reports, waits for the answer, asks, looks, and reports again.
class Freshness final : public HttpOwner {
public:
    Freshness(Reactor& reactor, const TlsContext& rest, Fleet& fleet, const Options& options)
        : reactor_(reactor), fleet_(fleet), options_(options), token_(service_token(options)) {
        for (const Form& form : forms)
            if (options.freshness == "all" || options.freshness == form.name)
                forms_.push_back(&form);
        for (const auto& device : fleet.devices()) {
            by_device_[device.get()] = lanes_.size();
            Lane& lane = lanes_.emplace_back();
            lane.device = device.get();
            lane.round.device = device->id();
            lane.client = std::make_unique<HttpClient>(reactor, rest, *this);
            lane.client->number = lanes_.size() - 1;
        }
        fleet.on_answered = [this](MqttDevice& device, RequestKind, std::uint64_t,
                                   const Answer& answer) {
            acknowledged(lanes_[by_device_.at(&device)], answer);
        };
        fleet.on_lost = [this](MqttDevice&) { ++errors_["device lost"]; };
    }
    ~Freshness() override {
        fleet_.on_answered = {};
        fleet_.on_lost = {};
    }
    Freshness(const Freshness&) = delete;
    Freshness& operator=(const Freshness&) = delete;

    int run() {
        // Numbers of another run may be in the fleet: these begin behind them.
        next_value_ = now_ns() / 1000 % (1ULL << 50);
        for (Lane& lane : lanes_) lane.client->open();
        last_sign_ = now_ns();
        const std::uint64_t began = last_sign_;
        while (running_ != 0 || began_rounds_ == 0) {
            reactor_.turn(now_ns() + turn_ns_max);
            if (now_ns() - last_sign_ > silence_ns_max) break;
        }
        if (running_ != 0) errors_["unanswered"] += running_;
        JsonLine()
            .add("mode", "freshness")
            .add("devices", static_cast<std::uint64_t>(lanes_.size()))
            .add("rounds", rounds_)
            .add("misses", misses_)
            .add("seconds", static_cast<double>(now_ns() - began) / 1e9)
            .add("report_ms", reports_)
            .add("query_ms", queries_)
            .add("errors", errors_)
            .print();
        return rounds_ != 0 && misses_ == 0 && errors_.empty() ? 0 : 1;
    }

private:
    struct Lane {
        MqttDevice* device = nullptr;
        std::unique_ptr<HttpClient> client;
        const Form* form = nullptr;
        Round round;
        std::uint64_t reported_at = 0;
    };

    void report(Lane& lane) {
        if (began_rounds_ >= options_.rounds || !lane.device->is_connected()) return;
        lane.form = forms_[began_rounds_++ % forms_.size()];
        lane.round.before = lane.round.value;
        lane.round.value = ++next_value_;
        lane.reported_at = now_ns();
        lane.device->report(fmt::format(R"({{"freshness":{{"round":{}}}}})", lane.round.value),
                            lane.reported_at);
        lane.device->flush();
        ++running_;
    }

    void acknowledged(Lane& lane, const Answer& answer) {
        last_sign_ = now_ns();
        if (answer.status >= 300) {
            ++errors_["report status " + std::to_string(answer.status)];
            --running_;
            return;
        }
        reports_.add(last_sign_ - lane.reported_at);
        lane.client->request(query_path, token_, query_body(lane.form->query(lane.round)),
                             "x-query-dialect: extended\r\n");
        lane.client->since_ns = now_ns();
        lane.client->flush();
    }

    void connected(HttpClient& client) override { report(lanes_[client.number]); }

    void answered(HttpClient& client, unsigned status, std::string_view body) override {
        Lane& lane = lanes_[client.number];
        last_sign_ = now_ns();
        queries_.add(last_sign_ - client.since_ns);
        --running_;
        if (status != 200) {
            ++errors_["query status " + std::to_string(status)];
        } else {
            ++rounds_;
            misses_ += !lane.form->fresh(lane.round, body);
        }
        report(lane);
    }

    void lost(HttpClient&, std::string_view why) override {
        ++errors_[std::string(why)];
        if (running_ != 0) --running_;
    }

    Reactor& reactor_;
    Fleet& fleet_;
    const Options& options_;
    std::string token_;
    std::vector<const Form*> forms_;
    std::vector<Lane> lanes_;
    std::map<const MqttDevice*, std::size_t> by_device_;
    std::map<std::string, std::uint64_t> errors_;
    Histogram reports_;
    Histogram queries_;
    std::uint64_t next_value_ = 0;
    std::uint64_t began_rounds_ = 0;
    std::uint64_t rounds_ = 0;
    std::uint64_t misses_ = 0;
    std::uint64_t running_ = 0;
    std::uint64_t last_sign_ = 0;
};

}  // namespace

int run_freshness(const Options& options) {
    Reactor reactor;
    const TlsContext mqtt(options.target);
    Target service = options.target;
    service.port = options.rest_port;
    const TlsContext rest(service);
    const DeviceSettings settings = options.device_settings();
    Fleet fleet(reactor, mqtt, settings, options.first, options.devices);
    if (fleet.connect_all(options.connect_at_once, options.connect_seconds_max) == 0) {
        JsonLine().add("mode", "freshness").add("losses", fleet.losses()).print();
        return 1;
    }
    return Freshness(reactor, rest, fleet, options).run();
}

}  // namespace twinhub::load
