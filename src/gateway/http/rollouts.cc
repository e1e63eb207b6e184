// Changes of a fleet in waves (docs/rollouts.md).
#include "hub/rollouts/rollouts.h"

#include "base/json_members.h"
#include "base/twin_id.h"
#include "gateway/http/handlers.h"
#include "gateway/http/line_stream.h"
#include "gateway/http/rollout_json.h"

#include <charconv>

namespace twinhub::gateway::http {
namespace {

constexpr std::size_t devices_default = 100;
constexpr std::size_t devices_max = 1000;
constexpr std::size_t reason_bytes_max = 1024;
constexpr std::chrono::seconds look_every{1};

std::string name_in(const Call& call) {
    return std::string(segment_of(call.route, call.request, "{any}"));
}

hub::RolloutAsker asker_of(Call& call) {
    return {.principal = call.principal.name, .wanted = call.watch_client()};
}

void show(Reply& reply, const hub::RolloutView& view) {
    append_json(reply.body, rollout_json(view));
    reply.add_field("Cache-Control", "no-store");
}

Result<std::optional<std::uint64_t>> number_of(const Call& call, std::string_view name,
                                               std::uint64_t most) {
    const auto text = call.request.parameter(name);
    if (!text) return std::optional<std::uint64_t>{};
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc() || end != text->data() + text->size() || number == 0 || number > most)
        return failure(Code::argument_invalid,
                       "It must be a number from 1 to " + std::to_string(most), std::string(name));
    return std::optional(number);
}

// Tells of a rollout whenever it looks otherwise, once a second at most, as server-sent events.
class RolloutLines final : public LineSource, private Deadline {
public:
    RolloutLines(hub::Hub& hub, Deadlines& deadlines, std::string name)
        : hub_(hub), deadlines_(deadlines), name_(std::move(name)) {}
    ~RolloutLines() override { cancel(); }

    void start(LineStream& stream) override {
        stream_ = &stream;
        look();
    }
    std::uint64_t lost() const override { return 0; }
    std::string_view content_type() const override { return "text/event-stream"; }
    void heartbeat(LineStream& stream) override { stream.put(":"); }

private:
    void expired(Moment) override { look(); }
    void look() {
        const auto view = hub_.rollouts().get(name_);
        if (!view) {
            stream_->put("event: removed\ndata: {}\n");
            return stream_->end();
        }
        // A client that does not keep up gets the newest one when it does.
        if ((*view)->number != shown_ && stream_->has_room()) {
            shown_ = (*view)->number;
            std::string event = "event: rollout\nid: " + std::to_string(shown_) + "\ndata: ";
            append_json(event, rollout_json(**view));
            event += '\n';
            stream_->put(event);
        }
        deadlines_.schedule(*this, hub_.clock().monotonic() + look_every);
    }

    hub::Hub& hub_;
    Deadlines& deadlines_;
    std::string name_;
    LineStream* stream_ = nullptr;
    std::uint64_t shown_ = 0;
};

}  // namespace

Task<Result<>> plan_rollout(Call& call) {
    CO_TRY(const json::object body, json_object(call));
    CO_TRY(hub::RolloutDocument document, hub::parse_rollout(body));
    CO_TRY(const hub::RolloutPlan plan,
           co_await call.hub.rollouts().plan(std::move(document), asker_of(call)));
    append_json(call.reply.body, plan_json(plan));
    call.reply.add_field("Cache-Control", "no-store");
    co_return Result<>();
}

Task<Result<>> list_rollouts(Call& call) {
    json::array all;
    for (const hub::RolloutPtr& view : call.hub.rollouts().list())
        all.push_back(rollout_summary_json(*view));
    append_json(call.reply.body, json::object{{"rollouts", std::move(all)}});
    call.reply.add_field("Cache-Control", "no-store");
    co_return Result<>();
}

Task<Result<>> get_rollout(Call& call) {
    CO_TRY(const hub::RolloutPtr view, call.hub.rollouts().get(name_in(call)));
    show(call.reply, *view);
    co_return Result<>();
}

Task<Result<>> put_rollout(Call& call) {
    CO_TRY(const json::object body, json_object(call));
    CO_TRY(auto plan, text_member(body, "plan"));
    if (!plan)
        co_return failure(Code::argument_null, "The plan is missing: POST /rollouts/plan gives one",
                          "plan");
    CO_TRY(const hub::RolloutPtr view,
           co_await call.hub.rollouts().put(name_in(call), std::move(*plan), author_of(call)));
    show(call.reply, *view);
    co_return Result<>();
}

Task<Result<>> delete_rollout(Call& call) {
    CO_TRY_VOID(co_await call.hub.rollouts().remove(name_in(call)));
    call.reply.status = 204;
    co_return Result<>();
}

Task<Result<>> act_on_rollout(Call& call) {
    const auto action = hub::rollout_action_of(segment_of(call.route, call.request, "{action}"));
    if (!action)
        co_return failure(Code::not_found,
                          "A rollout can start, pause, resume, abort and rollback");
    hub::Rollouts::Order order{.action = *action, .confirm = {}, .author = author_of(call)};
    if (!call.request.body.empty()) {
        CO_TRY(const json::object body, json_object(call));
        CO_TRY(auto reason, text_member(body, "reason"));
        CO_TRY(auto confirm, text_member(body, "confirm"));
        if (reason && reason->size() > reason_bytes_max)
            co_return failure(Code::argument_invalid, "The reason is too long", "reason");
        order.author.reason = std::move(reason).value_or("");
        order.confirm = std::move(confirm).value_or("");
    }
    CO_TRY(const hub::RolloutPtr view,
           co_await call.hub.rollouts().act(name_in(call), std::move(order)));
    show(call.reply, *view);
    co_return Result<>();
}

Task<Result<>> rollout_devices(Call& call) {
    hub::RolloutPart::Wanted wanted;
    wanted.state = call.request.parameter("state").value_or("");
    CO_TRY(const auto wave, number_of(call, "wave", hub::rollout_waves_max));
    if (wave) wanted.wave = static_cast<std::uint32_t>(*wave - 1);
    CO_TRY(const auto limit, number_of(call, "limit", devices_max));
    wanted.limit = limit.value_or(devices_default);
    if (const auto after = call.request.parameter("after")) {
        CO_TRY(wanted.after, parse_twin_id(*after));
    }
    CO_TRY(const hub::RolloutDevicePage page,
           co_await call.hub.rollouts().devices(name_in(call), std::move(wanted)));
    append_json(call.reply.body, devices_json(page));
    call.reply.add_field("Cache-Control", "no-store");
    co_return Result<>();
}

Task<Result<>> stream_rollout(Call& call) {
    std::string name = name_in(call);
    const auto view = call.hub.rollouts().get(name);
    if (!view) co_return std::unexpected(view.error());
    call.reply.lines = std::make_unique<RolloutLines>(call.hub, call.deadlines, std::move(name));
    co_return Result<>();
}

}  // namespace twinhub::gateway::http
