#include "apps/provisioning_seams.h"

#include "base/encoding.h"
#include "hub/hub.h"

#include <fmt/format.h>

namespace twinhub::apps {
namespace {

// Who allocates devices by itself is asked over HTTPS.
Task<Result<std::string>> ask_allocation(ServingLoop& loop, std::string url, std::string body) {
    CO_TRY(gateway::Url address, gateway::parse_https_url(url));
    gateway::OutgoingHeaders headers{{"Content-Type", "application/json; charset=utf-8"}};
    CO_TRY(gateway::OutgoingAnswer answer,
           co_await loop.outgoing->post(std::move(address), std::move(headers), std::move(body)));
    if (!answer.is_success())
        co_return failure(
            Code::unavailable,
            fmt::format("The custom allocation answered with status {}", answer.status));
    co_return std::move(answer.body);
}

// Hubs elsewhere that devices are assigned to.
Task<Result<provisioning::HubAnswer>> ask_hub(ServingLoop& loop, provisioning::HubRequest request) {
    gateway::OutgoingRequest out{.method = std::move(request.method),
                                 .url = {.host = ascii_lower(request.host),
                                         .port = request.port,
                                         .target = std::move(request.target)},
                                 .headers = std::move(request.headers),
                                 .body = std::move(request.body)};
    CO_TRY(gateway::OutgoingAnswer answer, co_await loop.to_hubs->send(std::move(out)));
    co_return provisioning::HubAnswer{.status = answer.status, .body = std::move(answer.body)};
}

Task<bool> wait(ServingLoop& loop, Moment until) {
    if (loop.is_ending) co_return false;
    const auto pause = loop.pauses.emplace(loop.pauses.end(), loop.get_executor(), loop.deadlines);
    co_await pause->until(until);
    loop.pauses.erase(pause);
    co_return !loop.is_ending;
}

}  // namespace

provisioning::Provisioning::Seams provisioning_seams(
    hub::Hub& hub, const std::vector<std::unique_ptr<ServingLoop>>& loops) {
    provisioning::Provisioning::Seams seams;
    seams.authorities.trusted = [&hub] { return hub.trust(); };
    seams.authorities.named = [&hub](std::string_view name) -> std::optional<x509::Certificate> {
        const auto authority = hub.certificates().get(name);
        if (!authority || !(*authority)->is_verified()) return std::nullopt;
        return (*authority)->certificate;
    };
    seams.webhook = [&loops](std::size_t loop, std::string url, std::string body) {
        return ask_allocation(*loops[loop], std::move(url), std::move(body));
    };
    seams.ask_hub = [&loops](std::size_t loop, provisioning::HubRequest request) {
        return ask_hub(*loops[loop], std::move(request));
    };
    seams.wait = [&hub, &loops](std::size_t loop, std::chrono::milliseconds time) {
        return wait(*loops[loop], hub.clock().monotonic() + time);
    };
    return seams;
}

}  // namespace twinhub::apps
