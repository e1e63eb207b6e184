#include "hub/methods/method_calls.h"

#include "base/json.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

using std::chrono::seconds;

// Spec service-api 10.1, device-protocols 3.1.
constexpr std::size_t payload_bytes_max = 128 * 1024;
constexpr std::size_t name_bytes_max = 128;
constexpr std::size_t json_depth_max = 64;
constexpr seconds response_min{5};
constexpr seconds response_max{300};
constexpr seconds connect_max{300};

bool is_method_name(std::string_view name) {
    return !name.empty() && name.size() <= name_bytes_max && std::ranges::all_of(name, [](char c) {
        return c > ' ' && c <= '~' &&
               std::string_view("$()<>@,;:\\\"/[]?={}").find(c) == std::string_view::npos;
    });
}

Error not_online(const TwinId& id, bool connected, std::string_view name) {
    return Error{Code::device_not_online,
                 connected ? "'" + id.text() + "' is connected, but does not take the method '" +
                                 std::string(name) + "'"
                           : "'" + id.text() + "' is not connected",
                 {}};
}

Error stopping() { return Error{Code::unavailable, "The hub is stopping", {}}; }

}  // namespace

Result<> MethodCalls::check(const MethodCall& call) {
    if (!is_method_name(call.name))
        return failure(Code::argument_invalid,
                       "A method's name is 1 to 128 characters of printable ASCII without spaces "
                       "and $()<>@,;:\\\"/[]?={}",
                       "methodName");
    if (call.response_timeout < response_min || call.response_timeout > response_max)
        return failure(Code::argument_invalid, "The response timeout must be from 5 to 300 seconds",
                       "responseTimeoutInSeconds");
    if (call.connect_timeout < seconds{0} || call.connect_timeout > connect_max)
        return failure(Code::argument_invalid, "The connect timeout must be from 0 to 300 seconds",
                       "connectTimeoutInSeconds");
    if (call.connect_timeout > call.response_timeout)
        return failure(Code::argument_invalid,
                       "The connect timeout must not be longer than the response timeout",
                       "connectTimeoutInSeconds");
    if (call.payload.size() > payload_bytes_max)
        return failure(Code::message_too_large,
                       "The payload of a method must not be larger than 128 KB", "payload");
    return {};
}

void MethodCalls::invoke(const TwinId& id, MethodCall call, Done done) {
    if (stopped_) return done(std::unexpected(stopping()));
    const auto of_this = of_identity_.find(id);
    const std::size_t hub_share =
        std::max<std::size_t>(1, parts_.settings.method_calls_max / parts_.shards);
    if (waiting_.size() >= hub_share ||
        (of_this != of_identity_.end() &&
         of_this->second.size() >= parts_.settings.method_calls_per_device_max)) {
        parts_.metrics.method_ended(Metrics::MethodOutcome::refused);
        return done(failure(Code::throttled, "Too many method calls wait already"));
    }
    DeviceLink* const link = parts_.taker(id, call.name);
    if (link == nullptr && call.connect_timeout == seconds{0}) {
        parts_.metrics.method_ended(Metrics::MethodOutcome::not_online);
        return done(std::unexpected(not_online(id, parts_.connected(id), call.name)));
    }
    const std::uint64_t number = ++last_number_;
    const Moment deadline = parts_.clock.monotonic() + call.connect_timeout;
    waiting_.emplace(number, Waiting{id, std::move(call), false, deadline, std::move(done)});
    of_identity_[id].push_back(number);
    parts_.metrics.method_calls_waiting.Increment();
    if (link != nullptr) send(number, *link);
}

void MethodCalls::send(std::uint64_t number, DeviceLink& link) {
    Waiting& waiting = waiting_.at(number);
    waiting.sent = true;
    waiting.deadline = parts_.clock.monotonic() + waiting.call.response_timeout;
    // The call may be over before the link returns.
    const std::string name = waiting.call.name;
    const std::string payload = std::exchange(waiting.call.payload, {});
    link.invoke(number, name, payload);
}

void MethodCalls::taken_changed(const TwinId& id) {
    const auto found = of_identity_.find(id);
    if (found == of_identity_.end()) return;
    const std::vector<std::uint64_t> numbers = found->second;
    for (const std::uint64_t number : numbers) {
        const auto waiting = waiting_.find(number);
        if (waiting == waiting_.end() || waiting->second.sent) continue;
        if (DeviceLink* const link = parts_.taker(id, waiting->second.call.name))
            send(number, *link);
    }
}

void MethodCalls::answered(const TwinId& id, std::uint64_t number, int status,
                           std::string_view payload) {
    const auto found = waiting_.find(number);
    if (found == waiting_.end() || found->second.id != id || !found->second.sent)
        return parts_.metrics.method_answers_dropped.Increment();
    MethodResult result{.status = status};
    if (payload.size() > payload_bytes_max)
        return finish(
            number, Metrics::MethodOutcome::bad_answer,
            failure(Code::device_answer_invalid, "The device's answer is larger than 128 KB"));
    const bool blank = payload.find_first_not_of(" \t\r\n") == std::string_view::npos;
    if (!blank) {
        const auto value = parse_json(payload, {payload_bytes_max, json_depth_max});
        if (!value)
            return finish(number, Metrics::MethodOutcome::bad_answer,
                          failure(Code::device_answer_invalid,
                                  "The device's answer is not JSON: " + value.error().message));
        result.payload.clear();
        append_json(result.payload, *value);
    }
    finish(number, Metrics::MethodOutcome::answered, std::move(result));
}

void MethodCalls::gone(const TwinId& id, const Error& why) {
    const auto found = of_identity_.find(id);
    if (found == of_identity_.end()) return;
    const std::vector<std::uint64_t> numbers = found->second;
    for (const std::uint64_t number : numbers)
        finish(number, Metrics::MethodOutcome::not_online, std::unexpected(why));
}

void MethodCalls::finish(std::uint64_t number, Metrics::MethodOutcome outcome,
                         Result<MethodResult> result) {
    auto ended = waiting_.extract(number);
    if (ended.empty()) return;
    Waiting& call = ended.mapped();
    const auto found = of_identity_.find(call.id);
    std::erase(found->second, number);
    if (found->second.empty()) of_identity_.erase(found);
    parts_.metrics.method_calls_waiting.Decrement();
    parts_.metrics.method_ended(outcome);
    call.done(std::move(result));
}

void MethodCalls::stop() {
    stopped_ = true;
    while (!waiting_.empty())
        finish(waiting_.begin()->first, Metrics::MethodOutcome::refused,
               std::unexpected(stopping()));
}

void MethodCalls::tick() {
    const Moment now = parts_.clock.monotonic();
    std::vector<std::uint64_t> over;
    for (const auto& [number, call] : waiting_)
        if (now >= call.deadline || !call.call.wanted()) over.push_back(number);
    for (const std::uint64_t number : over) {
        const auto found = waiting_.find(number);
        if (found == waiting_.end()) continue;
        const Waiting& call = found->second;
        if (now < call.deadline)
            finish(number, Metrics::MethodOutcome::unwanted,
                   failure(Code::timeout, "Nobody waits for the answer any more"));
        else if (call.sent)
            finish(number, Metrics::MethodOutcome::timed_out,
                   failure(Code::gateway_timeout,
                           "'" + call.id.text() + "' did not answer within " +
                               std::to_string(call.call.response_timeout.count()) + " seconds"));
        else
            finish(number, Metrics::MethodOutcome::not_online,
                   std::unexpected(not_online(call.id, parts_.connected(call.id), call.call.name)));
    }
}

}  // namespace twinhub::hub
