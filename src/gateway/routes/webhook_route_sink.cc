#include "gateway/routes/webhook_route_sink.h"

#include "base/encoding.h"
#include "gateway/routes/cloud_event.h"
#include "gateway/sinks/webhook_sink.h"

#include <fmt/format.h>

namespace twinhub::gateway {
namespace {

std::string batch_body(const std::vector<hub::HubEvent>& events, std::string_view hub) {
    std::string body = "[";
    for (const hub::HubEvent& event : events) {
        if (body.size() > 1) body += ',';
        append_cloud_event(body, event, hub);
    }
    return body += ']';
}

// The HTTP binding escapes in headers what is not printable ASCII, and spaces, quotes and %.
std::string header_value(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = c > ' ' && c <= '~' && c != '"' && c != '%';
        if (plain) out += c;
        else out += percent_encode(std::string_view(&c, 1));
    }
    return out;
}

}  // namespace

bool is_refused_by(int status) {
    switch (status) {
        case 401:
        case 403:
        case 404:
        case 405:
        case 407:
        case 408:
        case 425:
        case 429: return false;
        default: return status >= 400 && status < 500;
    }
}

Task<Handed> WebhookRouteSink::deliver(EventBatch events) {
    switch (options_.format) {
        case EventFormat::batch: {
            OutgoingHeaders headers{
                {"Content-Type", "application/cloudevents-batch+json; charset=utf-8"}};
            co_return co_await post(batch_body(*events, options_.hub), std::move(headers));
        }
        case EventFormat::structured:
            for (const hub::HubEvent& event : *events) {
                OutgoingHeaders headers{
                    {"Content-Type", "application/cloudevents+json; charset=utf-8"}};
                std::string body;
                append_cloud_event(body, event, options_.hub);
                Handed handed = co_await post(std::move(body), std::move(headers));
                if (handed.outcome != Handed::Outcome::done) co_return handed;
            }
            break;
        case EventFormat::binary:
            for (const hub::HubEvent& event : *events) {
                OutgoingHeaders headers = cloud_event_attributes(event, options_.hub, "ce-");
                for (auto& [name, value] : headers) value = header_value(value);
                headers.emplace_back("Content-Type", "application/json");
                Handed handed = co_await post(cloud_event_data(event), std::move(headers));
                if (handed.outcome != Handed::Outcome::done) co_return handed;
            }
            break;
    }
    co_return Handed{};
}

Task<Handed> WebhookRouteSink::post(std::string body, OutgoingHeaders headers) {
    const std::string timestamp = std::to_string(
        std::chrono::duration_cast<std::chrono::seconds>(clock_.now().time_since_epoch()).count());
    headers.emplace_back("x-twinhub-hub", options_.hub);
    headers.emplace_back("x-twinhub-timestamp", timestamp);
    if (!options_.secret.empty())
        headers.emplace_back("x-twinhub-signature",
                             webhook_signature(options_.secret, timestamp, body));
    const auto answer = co_await post_(options_.url, std::move(headers), std::move(body));
    if (!answer) co_return Handed::again(answer.error().message);
    if (answer->is_success()) co_return Handed{};
    std::string what =
        fmt::format("{} answered with status {}", options_.url.shown(), answer->status);
    if (is_refused_by(answer->status)) co_return Handed::refused(std::move(what));
    Handed handed = Handed::again(std::move(what));
    handed.wait = answer->retry_after;
    co_return handed;
}

}  // namespace twinhub::gateway
