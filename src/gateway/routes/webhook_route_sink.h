#pragma once

#include "base/clock.h"
#include "gateway/outgoing/outgoing.h"
#include "gateway/routes/route_sink.h"

#include <functional>
#include <memory>
#include <string>

namespace twinhub::gateway {

// How events are written where there is a choice: an array of them, each alone as one JSON object,
// or each alone with its attributes beside its data.
enum class EventFormat : std::uint8_t { batch, structured, binary };

struct WebhookRouteOptions {
    Url url;
    std::string secret;  // signs each request; empty: none does
    std::string hub;     // its name
    EventFormat format = EventFormat::batch;
    std::size_t events_max = 100;  // of a request
    std::size_t bytes_max = 256 << 10;
};

// Posts CloudEvents to a server. It has them when it answers with a 2xx; a redirect is not
// followed. Requests are signed as those of device messages are (webhook_signature).
class WebhookRouteSink final : public RouteSink {
public:
    using Post = std::function<Task<Result<OutgoingAnswer>>(Url, OutgoingHeaders, std::string)>;

    WebhookRouteSink(WebhookRouteOptions options, Post post, const Clock& clock)
        : options_(std::move(options)), post_(std::move(post)), clock_(clock) {}

    Task<Handed> deliver(EventBatch events) override;
    std::size_t events_max() const override {
        return options_.format == EventFormat::batch ? options_.events_max : 1;
    }
    std::size_t bytes_max() const override { return options_.bytes_max; }
    void stop() override {}  // the connections are those of Outgoing, which is stopped

private:
    Task<Handed> post(std::string body, OutgoingHeaders headers);

    const WebhookRouteOptions options_;
    Post post_;
    const Clock& clock_;
};

// Whether the same request would be refused for ever: a 4xx but those that ask for patience (408,
// 425, 429) and those that an operator mends at the receiver (401, 403, 404, 405, 407).
bool is_refused_by(int status);

}  // namespace twinhub::gateway
