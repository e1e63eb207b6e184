#include "gateway/http/event_json.h"
#include "gateway/http/handlers.h"
#include "gateway/http/limits.h"
#include "gateway/http/line_stream.h"

namespace twinhub::gateway::http {
namespace {

class EventLines final : public LineSource {
public:
    EventLines(hub::DeviceEvents& events, std::optional<DeviceId> device)
        : events_(events), device_(std::move(device)) {}

    void start(LineStream& stream) override {
        subscription_ =
            events_.listen(stream.executor(), events_waiting_max,
                           [this, &stream](const std::shared_ptr<const hub::DeviceEvent>& event) {
                               if (device_ && event->id.device != *device_) return;
                               if (!stream.take_place()) return;
                               line_.clear();
                               append_event(line_, *event);
                               stream.put(line_);
                           });
    }

    std::uint64_t lost() const override { return subscription_ ? subscription_->lost() : 0; }

private:
    hub::DeviceEvents& events_;
    std::optional<DeviceId> device_;  // absent: all
    std::string line_;
    std::unique_ptr<hub::DeviceEvents::Subscription> subscription_;
};

}  // namespace

// The device need not exist: it may be created while somebody listens.
Task<Result<>> device_events(Call& call) {
    std::optional<DeviceId> device;
    if (const auto name = call.request.parameter("deviceId"); name && !name->empty()) {
        CO_TRY(device, DeviceId::parse(*name));
    }
    call.reply.lines = std::make_unique<EventLines>(call.hub.device_events(), std::move(device));
    co_return Result<>();
}

}  // namespace twinhub::gateway::http
