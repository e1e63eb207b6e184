#include "base/json.h"
#include "base/json_members.h"
#include "gateway/http/event_stream.h"
#include "gateway/http/handlers.h"
#include "gateway/http/limits.h"
#include "gateway/http/line_stream.h"
#include "gateway/http/query_refusal.h"
#include "hub/live_queries.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace twinhub::gateway::http {
namespace {

using Events = std::vector<hub::LiveEvent>;

// Carries events from the hub to a client as fast as that takes them. What it does not take stays
// with the hub, which has a limit for it.
class LiveFeed {
public:
    LiveFeed(std::unique_ptr<hub::LiveReader> reader, Events first)
        : reader_(std::move(reader)), first_(std::move(first)) {}

    void start(std::shared_ptr<LiveFeed> self, LineStream& stream) {
        stream_ = &stream;
        asio::co_spawn(stream.executor(), run(std::move(self)), asio::detached);
    }
    void stop() {
        stream_ = nullptr;
        reader_->stop();
    }
    void tick() {
        std::string data = "{";
        if (!token_.empty()) {
            data += "\"token\":";
            append_json_string(data, token_);
        }
        stream_->put(framed_event("tick", token_, data + '}'));
    }

private:
    static Task<> run(std::shared_ptr<LiveFeed> self) {
        self->token_ = self->reader_->is_resumed() ? self->reader_->token() : std::string();
        self->put(std::exchange(self->first_, {}));
        while (self->stream_ != nullptr) {
            if (!self->stream_->has_room()) {
                co_await self->room();
                continue;
            }
            Result<Events> events = co_await self->reader_->next(live_event_bytes);
            if (self->stream_ == nullptr) co_return;
            if (events) {
                self->put(*events);
                continue;
            }
            self->stream_->put(framed_event("error", {}, error_data(events.error())));
            self->stream_->end();
            co_return;
        }
    }
    Task<> room() {
        return asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
            [this](auto handler) {
                stream_->wait_for_room([h = std::move(handler)]() mutable { std::move(h)(); });
            },
            asio::use_awaitable);
    }
    void put(const Events& events) {
        for (const hub::LiveEvent& event : events) {
            stream_->put(framed_event(name_of(event.kind), event.token, event.data));
            token_ = event.token;
        }
    }

    std::unique_ptr<hub::LiveReader> reader_;
    Events first_;
    LineStream* stream_ = nullptr;  // nullptr: it is gone
    std::string token_;             // of the newest event that was put
};

class LiveEvents final : public LineSource {
public:
    explicit LiveEvents(std::shared_ptr<LiveFeed> feed) : feed_(std::move(feed)) {}
    ~LiveEvents() override { feed_->stop(); }

    void start(LineStream& stream) override { feed_->start(feed_, stream); }
    std::uint64_t lost() const override { return 0; }
    std::string_view content_type() const override { return "text/event-stream"; }
    void heartbeat(LineStream&) override { feed_->tick(); }
    bool has_own_limit() const override { return true; }

private:
    std::shared_ptr<LiveFeed> feed_;
};

}  // namespace

Task<Result<>> subscribe_query(Call& call) {
    CO_TRY(const json::object body, json_object(call));
    hub::LiveRequest request;
    CO_TRY(request.plan, query_of(call, body));
    CO_TRY(const auto resume, text_member(body, "resume"));
    request.principal = call.principal.name;
    if (const auto last = call.request.field(Field::last_event_id)) request.resume = *last;
    else if (resume) request.resume = *resume;
    CO_TRY(auto reader, call.hub.live_queries().open(std::move(request)));

    // A snapshot that cannot be had is better told by a status than by an event.
    Events first;
    if (!reader->is_resumed()) {
        Result<Events> events = co_await reader->next(live_event_bytes);
        if (!events)
            co_return std::unexpected(
                query_not_answered(call.reply, std::move(events).error(), false));
        first = std::move(*events);
    }
    call.reply.lines = std::make_unique<LiveEvents>(
        std::make_shared<LiveFeed>(std::move(reader), std::move(first)));
    co_return Result<>();
}

}  // namespace twinhub::gateway::http
