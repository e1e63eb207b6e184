#include "base/encoding.h"
#include "gateway/http/change_json.h"
#include "gateway/http/event_json.h"
#include "gateway/http/event_stream.h"
#include "gateway/http/handlers.h"
#include "gateway/http/history_json.h"
#include "gateway/http/limits.h"
#include "gateway/http/line_stream.h"
#include "hub/changes/twin_condition.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace twinhub::gateway::http {
namespace {

using Order = hub::ChangesRequest::Order;
using hub::ChangeCursor;

constexpr std::size_t changes_page_default = 100;
constexpr std::size_t changes_page_max = 1000;
constexpr std::size_t reads_a_page_max = 10;  // each of which looks at many changes

// Carries changes from the store to a client as fast as that takes them. Nothing of them waits
// anywhere but in the store: a client that was let go comes back with its last cursor.
class ChangeFeed {
public:
    struct Manner {
        bool events = false;                 // server-sent events, not lines
        std::optional<std::uint64_t> limit;  // ends behind so many changes
    };
    ChangeFeed(hub::Hub& hub, hub::ChangesRequest request, hub::ChangesPage first, Manner manner)
        : hub_(hub), request_(std::move(request)), first_(std::move(first)), manner_(manner) {}

    void start(std::shared_ptr<ChangeFeed> self, LineStream& stream) {
        stream_ = &stream;
        subscription_ = hub_.changes().listen(stream.executor(), [this] {
            if (wake_) std::exchange(wake_, nullptr)();
        });
        if (const auto& twin = request_.filter.twin; twin && shows_drift_)
            drift_ = hub_.drift_events().listen(
                stream.executor(), events_waiting_max,
                [this, twin = *twin](const std::shared_ptr<const hub::DeviceEvent>& event) {
                    if (event->id == twin) put_drift(*event);
                });
        asio::co_spawn(stream.executor(), run(std::move(self)), asio::detached);
    }
    void stop() {
        stream_ = nullptr;
        drift_.reset();
        subscription_.reset();
        wake_ = nullptr;
    }
    void show_drift() { shows_drift_ = true; }
    std::string_view content_type() const {
        return manner_.events ? "text/event-stream" : "application/x-ndjson";
    }
    // Where a client goes on that has had everything until now.
    void put_progress() { put("tick", text(request_.from), progress_line(text(request_.from))); }

private:
    static Task<> run(std::shared_ptr<ChangeFeed> self) {
        self->put_progress();
        bool goes_on = self->put(std::exchange(self->first_, {}));
        while (goes_on && self->stream_ != nullptr) {
            if (!self->stream_->has_room()) {
                co_await self->room();
                continue;
            }
            if (self->request_.from >= self->hub_.changes().newest()) {
                co_await self->news();
                continue;
            }
            Result<hub::ChangesPage> page = co_await self->hub_.changes().read(self->request_);
            if (self->stream_ == nullptr) co_return;
            if (!page) self->put("error", {}, error_data(page.error()));
            goes_on = page && self->put(*page);
        }
        if (self->stream_ != nullptr) self->stream_->end();
    }
    Task<> room() {
        return asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
            [this](auto handler) {
                stream_->wait_for_room([h = std::move(handler)]() mutable { std::move(h)(); });
            },
            asio::use_awaitable);
    }
    Task<> news() {
        return asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
            [this](auto handler) {
                wake_ = [h = std::move(handler)]() mutable { std::move(h)(); };
            },
            asio::use_awaitable);
    }

    std::string text(const ChangeCursor& cursor) const { return hub_.changes().text(cursor); }

    // False: the stream has come to its end.
    bool put(const hub::ChangesPage& page) {
        for (const hub::FeedChange& change : page.changes) {
            if (manner_.limit && put_++ >= *manner_.limit) return false;
            const std::string cursor = text(change.after);
            line_.clear();
            const Result<> made =
                append_feed_change(line_, cursor, change, request_.filter.content);
            if (!made) {
                put("error", {}, error_data(made.error()));
                return false;
            }
            put("change", cursor, line_);
            request_.from = change.after;
        }
        request_.from = page.next;
        return !manner_.limit || put_ < *manner_.limit;
    }
    void put(std::string_view name, std::string_view id, std::string_view data) {
        stream_->put(manner_.events ? framed_event(name, id, data) : std::string(data));
    }
    // Passing by: what does not come through is not kept anywhere.
    void put_drift(const hub::DeviceEvent& event) {
        if (stream_ == nullptr || !stream_->has_room()) return;
        std::string line = event.payload;
        if (!manner_.events) line = R"({"event":"driftChanged","drift":)" + line + '}';
        put("drift", {}, line);
    }

    hub::Hub& hub_;
    hub::ChangesRequest request_;
    hub::ChangesPage first_;
    Manner manner_;
    bool shows_drift_ = false;
    std::uint64_t put_ = 0;
    std::string line_;
    LineStream* stream_ = nullptr;  // nullptr: it is gone
    std::unique_ptr<hub::Changes::Subscription> subscription_;
    std::unique_ptr<hub::DeviceEvents::Subscription> drift_;
    std::move_only_function<void()> wake_;  // waits for something newer
};

class ChangeLines final : public LineSource {
public:
    explicit ChangeLines(std::shared_ptr<ChangeFeed> feed) : feed_(std::move(feed)) {}
    ~ChangeLines() override { feed_->stop(); }

    void start(LineStream& stream) override { feed_->start(feed_, stream); }
    std::uint64_t lost() const override { return 0; }
    std::string_view content_type() const override { return feed_->content_type(); }
    void heartbeat(LineStream&) override { feed_->put_progress(); }

private:
    std::shared_ptr<ChangeFeed> feed_;
};

bool wants_events(const Call& call) {
    const std::string accepted = ascii_lower(call.request.field(Field::accept).value_or(""));
    return accepted.find("text/event-stream") != std::string::npos;
}

Result<bool> flag(const Call& call, std::string_view name) {
    const auto text = call.request.parameter(name);
    if (!text || text->empty() || *text == "0" || *text == "false") return false;
    if (*text == "1" || *text == "true") return true;
    return failure(Code::argument_invalid, "It takes 1 or 0", std::string(name));
}

// A cursor, "oldest", "now", a time or how long ago.
Task<Result<ChangeCursor>> place(const Call& call, std::string text, std::string where) {
    const hub::Changes& changes = call.hub.changes();
    if (text == "now") co_return co_await changes.end();
    if (text == "oldest") co_return co_await changes.oldest();
    const bool is_time = text.find_first_of("-:") != std::string::npos;
    if (!is_time) {
        auto cursor = changes.parse(text);
        if (!cursor) cursor.error().where = where;
        co_return cursor;
    }
    CO_TRY(const Instant time, past_time(text, call.hub.clock().now(), where));
    co_return co_await changes.at(time);
}

Result<> read_filter(const Call& call, hub::ChangesRequest& request) {
    request.filter.content.author = call.request.parameter("author").value_or("");
    request.filter.content.path = call.request.parameter("path").value_or("");
    if (const auto part = call.request.parameter("part")) {
        TRY(request.filter.content.part, hub::parse_history_part(*part));
    }
    if (const auto cause = call.request.parameter("cause"); cause && !cause->empty()) {
        TRY(request.filter.cause, hub::parse_cause(*cause));
    }
    if (const auto device = call.request.parameter("device"); device && !device->empty()) {
        TRY(request.filter.device, DeviceId::parse(*device));
    }
    if (const auto where = call.request.parameter("where"); where && !where->empty()) {
        TRY(request.condition, hub::TwinCondition::compile(*where));
    }
    return {};
}

// The client is told where to begin anew.
Task<Result<hub::ChangesPage>> read_first(Call& call, const hub::ChangesRequest& request) {
    Result<hub::ChangesPage> page = co_await call.hub.changes().read(request);
    if (!page && page.error().code == Code::history_unavailable) {
        CO_TRY(const ChangeCursor oldest, co_await call.hub.changes().oldest());
        call.reply.error_members += R"(,"oldest":")" + call.hub.changes().text(oldest) + '"';
    }
    co_return page;
}

Task<Result<>> begin_stream(Call& call, hub::ChangesRequest request, ChangeFeed::Manner manner,
                            bool shows_drift) {
    request.bytes_max = live_event_bytes;
    // A cursor that leads nowhere is better told by a status than by an event.
    CO_TRY(hub::ChangesPage first, co_await read_first(call, request));
    auto feed =
        std::make_shared<ChangeFeed>(call.hub, std::move(request), std::move(first), manner);
    if (shows_drift) feed->show_drift();
    call.reply.lines = std::make_unique<ChangeLines>(std::move(feed));
    call.reply.add_field("Cache-Control", "no-store");
    co_return Result<>();
}

// One answer with a bounded number of changes. Its last line tells where the next goes on.
Task<Result<>> give_page(Call& call, hub::ChangesRequest request, std::size_t limit) {
    std::string& body = call.reply.body;
    std::size_t count = 0;
    bool at_end = false;
    for (std::size_t reads = 0; reads < reads_a_page_max && !at_end && count < limit; ++reads) {
        request.changes_max = limit - count;
        CO_TRY(const hub::ChangesPage page, co_await read_first(call, request));
        for (const hub::FeedChange& change : page.changes) {
            CO_TRY_VOID(append_feed_change(body, call.hub.changes().text(change.after), change,
                                           request.filter.content));
            body += '\n';
        }
        count += page.changes.size();
        request.from = page.next;
        at_end = page.at_end;
        if (body.size() >= page_bytes_max) break;
    }
    body += R"({"cursor":")" + call.hub.changes().text(request.from) +
            (at_end ? R"(","end":true})" : R"(","end":false})") + '\n';
    call.reply.content_type = "application/x-ndjson";
    call.reply.add_field("Cache-Control", "no-store");
    co_return Result<>();
}

}  // namespace

Task<Result<>> get_changes(Call& call) {
    hub::ChangesRequest request;
    CO_TRY_VOID(read_filter(call, request));
    CO_TRY(bool follows, flag(call, "follow"));
    const bool events = wants_events(call);
    follows = follows || events;
    const std::string order = call.request.parameter("order").value_or("oldest");
    if (order != "oldest" && order != "newest")
        co_return failure(Code::argument_invalid, "The order is oldest or newest", "order");
    if (order == "newest") request.order = Order::newest;
    if (order == "newest" && follows)
        co_return failure(Code::argument_invalid, "Only the order oldest can be followed", "order");

    const auto since = call.request.parameter("since");
    const auto before = call.request.parameter("before");
    std::optional<std::uint64_t> limit;
    if (const auto text = call.request.parameter("limit")) {
        CO_TRY(limit, count_of(*text, "limit"));
        if (*limit == 0 || (!follows && *limit > changes_page_max))
            co_return failure(Code::argument_invalid,
                              "The limit must be 1 to " + std::to_string(changes_page_max),
                              "limit");
    }
    if (request.order == Order::newest) {
        if (since)
            co_return failure(Code::argument_invalid,
                              "Newest first, pages go on with before instead of since", "since");
        CO_TRY(request.from, co_await place(call, before.value_or("now"), "before"));
    } else {
        if (before)
            co_return failure(Code::argument_invalid,
                              "Oldest first, pages go on with since instead of before", "before");
        const auto last = call.request.field(Field::last_event_id);
        const std::string from =
            last ? std::string(*last) : since.value_or(follows ? "now" : "oldest");
        CO_TRY(request.from, co_await place(call, from, last ? "Last-Event-ID" : "since"));
    }
    if (follows) co_return co_await begin_stream(call, std::move(request), {events, limit}, false);
    co_return co_await give_page(call, std::move(request), limit.value_or(changes_page_default));
}

Task<Result<>> stream_twin(Call& call) {
    hub::ChangesRequest request;
    CO_TRY_VOID(read_filter(call, request));
    request.filter.twin = call.object;
    const auto last = call.request.field(Field::last_event_id);
    const std::string from =
        last ? std::string(*last) : call.request.parameter("since").value_or("now");
    CO_TRY(request.from, co_await place(call, from, last ? "Last-Event-ID" : "since"));
    const ChangeFeed::Manner manner{wants_events(call), std::nullopt};
    co_return co_await begin_stream(call, std::move(request), manner, true);
}

}  // namespace twinhub::gateway::http
