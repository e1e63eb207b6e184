#include "gateway/sinks/webhook_sink.h"

#include "base/encoding.h"
#include "gateway/http/event_json.h"
#include "protocol/sas/token.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace twinhub::gateway {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds pause_min{1'000};
constexpr milliseconds pause_max{60'000};
constexpr milliseconds asked_pause_max{300'000};

}  // namespace

milliseconds retry_pause(std::uint32_t failures, std::optional<std::chrono::seconds> asked,
                         std::uint64_t chance) {
    const milliseconds full = std::min(pause_min * (1u << std::min(failures - 1, 6u)), pause_max);
    const auto off =
        static_cast<std::int64_t>(chance % static_cast<std::uint64_t>(full.count() / 2 + 1));
    const milliseconds pause = full - milliseconds(off);
    if (!asked) return pause;
    return std::max(pause, std::min<milliseconds>(*asked, asked_pause_max));
}

bool is_refused_for_good(int status) {
    return status == 400 || status == 413 || status == 415 || status == 422;
}

std::string webhook_signature(std::string_view secret, std::string_view timestamp,
                              std::string_view body) {
    const std::string text = fmt::format("{}.{}", timestamp, body);
    return "sha256=" + hex_encode(protocol::sas::hmac_sha256(secret, text));
}

WebhookSink::WebhookSink(WebhookSinkOptions options, Post post, SinkSeams seams)
    : options_(std::move(options)),
      post_(std::move(post)),
      seams_(std::move(seams)),
      journal_(options_.name, seams_.metrics, seams_.log),
      pause_(seams_.executor, seams_.deadlines) {}

void WebhookSink::start() {
    subscription_ = seams_.events.listen(
        seams_.executor, sink_events_on_their_way_max,
        [this](const std::shared_ptr<const hub::DeviceEvent>& event) { take(*event); });
}

void WebhookSink::take(const hub::DeviceEvent& event) {
    journal_.look_at(*subscription_, now());
    if (bytes_ + event.payload.size() >= options_.buffer_bytes_max)
        return journal_.turned_away(1, now());
    std::string text;
    http::append_event(text, event);
    bytes_ += text.size();
    queue_.push_back(std::move(text));
    journal_.taken();
    if (sending_) return;
    const bool is_full =
        queue_.size() >= options_.batch_messages_max || bytes_ >= options_.batch_bytes_max;
    if (is_full || finishing_ || options_.delay.count() == 0) send();
    else if (!scheduled()) seams_.deadlines.schedule(*this, now() + options_.delay);
}

void WebhookSink::expired(Moment) { send(); }

void WebhookSink::send() {
    cancel();
    if (sending_ || stopped_ || queue_.empty()) return;
    sending_ = true;
    asio::co_spawn(seams_.executor, send_all(shared_from_this()), asio::detached);
}

WebhookSink::Batch WebhookSink::next_batch() {
    Batch batch{.id = seams_.random.uuid(), .body = "[", .messages = 0};
    while (!queue_.empty() && batch.messages < options_.batch_messages_max) {
        const std::string& message = queue_.front();
        if (batch.messages != 0 &&
            batch.body.size() + message.size() + 2 > options_.batch_bytes_max)
            break;
        if (batch.messages != 0) batch.body += ',';
        batch.body += message;
        bytes_ -= message.size();
        ++batch.messages;
        queue_.pop_front();
    }
    batch.body += ']';
    return batch;
}

OutgoingHeaders WebhookSink::headers_of(const Batch& batch) const {
    const std::string timestamp = std::to_string(
        std::chrono::duration_cast<std::chrono::seconds>(seams_.clock.now().time_since_epoch())
            .count());
    OutgoingHeaders headers{{"Content-Type", "application/json; charset=utf-8"},
                            {"x-twinhub-hub", options_.hub},
                            {"x-twinhub-batch", batch.id},
                            {"x-twinhub-timestamp", timestamp}};
    if (!options_.secret.empty())
        headers.emplace_back("x-twinhub-signature",
                             webhook_signature(options_.secret, timestamp, batch.body));
    return headers;
}

Task<> WebhookSink::send_all(std::shared_ptr<WebhookSink> self) {
    while (!queue_.empty() && !stopped_) {
        Batch batch = next_batch();
        co_await hand_over(std::move(batch));
    }
    sending_ = false;
}

Task<> WebhookSink::hand_over(Batch batch) {
    const Moment until = now() + options_.retry_for;
    for (std::uint32_t failures = 1;; ++failures) {
        const auto answer = co_await post_(options_.url, headers_of(batch), batch.body);
        if (answer && answer->is_success()) {
            journal_.handed(batch.messages);
            co_return;
        }
        const std::string what =
            answer ? fmt::format("{} answered with status {}", options_.url.shown(), answer->status)
                   : answer.error().message;
        journal_.failed(what, now());
        const bool for_good = answer && is_refused_for_good(answer->status);
        const auto asked = answer ? answer->retry_after : std::nullopt;
        const Moment again = now() + retry_pause(failures, asked, seams_.random.number());
        if (for_good || finishing_ || stopped_ || again > until) {
            journal_.gave_up(batch.messages,
                             for_good                 ? "the receiver refused them"
                             : finishing_ || stopped_ ? "the server stopped"
                                                      : "the receiver took too long to come back",
                             now());
            co_return;
        }
        co_await pause_.until(again);
    }
}

void WebhookSink::finish() {
    finishing_ = true;
    pause_.wake();
    send();
}

void WebhookSink::stop() {
    if (std::exchange(stopped_, true)) return;
    subscription_.reset();
    cancel();
    pause_.wake();
    journal_.gave_up(queue_.size(), "the server stopped", now());
    queue_.clear();
    bytes_ = 0;
}

}  // namespace twinhub::gateway
