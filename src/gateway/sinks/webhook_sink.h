#pragma once

#include "gateway/outgoing/outgoing.h"
#include "gateway/pause.h"
#include "gateway/sinks/sink.h"
#include "gateway/sinks/sink_journal.h"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace twinhub::gateway {

struct WebhookSinkOptions {
    std::string name;
    Url url;
    std::string secret;  // signs each request; empty: none does
    std::string hub;     // its name, said in a header
    std::size_t batch_messages_max = 100;
    std::size_t batch_bytes_max = 256 << 10;  // one larger message goes alone
    std::chrono::milliseconds delay{1000};    // that a message waits for others, at most
    std::chrono::milliseconds retry_for{std::chrono::minutes{10}};
    std::size_t buffer_bytes_max = 16 << 20;
};

// How long to wait before attempt number `failures` + 1: doubling from a second to a minute, at
// least as long as the receiver asked for (within five minutes), with `chance` taking off up to a
// half.
std::chrono::milliseconds retry_pause(std::uint32_t failures,
                                      std::optional<std::chrono::seconds> asked,
                                      std::uint64_t chance);

// Whether the same batch would be refused for ever: 400, 413, 415, 422.
bool is_refused_for_good(int status);

// "sha256=HEX": HMAC-SHA256 of "TIMESTAMP.BODY" by the secret.
std::string webhook_signature(std::string_view secret, std::string_view timestamp,
                              std::string_view body);

// Sends messages in batches, one request after the other: a JSON array of them in the form of GET
// /twinhub/device-events. A batch that fails is sent again, the same but for its timestamp, until
// its time is over; meanwhile others wait behind it.
class WebhookSink final : public Sink,
                          public std::enable_shared_from_this<WebhookSink>,
                          private Deadline {
public:
    using Post = std::function<Task<Result<OutgoingAnswer>>(Url, OutgoingHeaders, std::string)>;

    WebhookSink(WebhookSinkOptions options, Post post, SinkSeams seams);

    void start() override;
    void finish() override;
    void stop() override;
    std::size_t waiting() const override { return journal_.waiting(); }

private:
    struct Batch {
        std::string id;
        std::string body;
        std::size_t messages = 0;
    };

    void take(const hub::DeviceEvent& event);
    void send();
    void expired(Moment now) override;
    Batch next_batch();
    Task<> send_all(std::shared_ptr<WebhookSink> self);
    Task<> hand_over(Batch batch);
    OutgoingHeaders headers_of(const Batch& batch) const;
    Moment now() const { return seams_.clock.monotonic(); }

    const WebhookSinkOptions options_;
    Post post_;
    SinkSeams seams_;
    SinkJournal journal_;
    Pause pause_;
    std::deque<std::string> queue_;  // each a message as JSON
    std::size_t bytes_ = 0;          // of the queue
    std::unique_ptr<hub::DeviceEvents::Subscription> subscription_;
    bool sending_ = false;
    bool finishing_ = false;
    bool stopped_ = false;
};

}  // namespace twinhub::gateway
