#include "hub/messages/message_queues.h"

#include "store/keys.h"
#include "store/record.h"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace twinhub::hub {

using store::Family;
using namespace std::chrono_literals;

namespace {

constexpr auto look_every = 1s;
constexpr std::size_t expire_slice = 1000;  // queues looked at in one turn

Error lock_lost() {
    return Error{
        Code::message_lock_lost, "The message is not locked under this token (any more)", {}};
}

}  // namespace

MessageQueues::Message* MessageQueues::Queue::find(std::uint64_t sequence) {
    const auto found = std::ranges::lower_bound(
        messages, sequence, {}, [](const Message& message) { return message.head.sequence; });
    return found == messages.end() || found->head.sequence != sequence ? nullptr : &*found;
}

MessageQueues::Message* MessageQueues::Queue::locked_under(std::string_view lock_token) {
    const auto found = std::ranges::find_if(messages, [&](const Message& message) {
        return message.state == State::locked && message.lock_token == lock_token;
    });
    return found == messages.end() ? nullptr : &*found;
}

MessageQueues::Queue* MessageQueues::find(const TwinId& device) {
    const auto found = queues_.find(device);
    return found == queues_.end() ? nullptr : &found->second;
}

MessageQueues::Queue& MessageQueues::queue(const TwinId& device) {
    return queues_.try_emplace(device, device).first->second;
}

std::uint32_t MessageQueues::count(const TwinId& device) const {
    const auto found = queues_.find(device);
    return found == queues_.end() ? 0 : found->second.shown;
}

// A queue that nobody needs leaves the memory.
void MessageQueues::tidy(const TwinId& device) {
    const auto found = queues_.find(device);
    if (found == queues_.end()) return;
    Queue& queue = found->second;
    if (!queue.messages.empty() || queue.credit > 0 || queue.reading || queue.pumping) return;
    attended_.erase(&queue);
    expiries_.erase({queue.next_expiry, &queue});
    queues_.erase(found);
}

Result<> MessageQueues::recover(Slot slot) {
    TRY(const std::optional<std::string> fact,
        parts_.engine.get(Family::metadata, last_message_key(slot)));
    if (fact) {
        TRY(last_sequence_[slot], open_last_message(slot, *fact));
    }
    const auto cursor = parts_.engine.scan(Family::metadata, messages_range(slot));
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        const auto key = parse_message_key(cursor->key());
        const auto opened = store::open(store::Kind::message, message_format, "metadata",
                                        cursor->key(), cursor->value());
        auto head = opened ? decode_message_head(opened->body)
                           : Result<MessageHead>(std::unexpected(opened.error()));
        if (key) last_sequence_[slot] = std::max(last_sequence_[slot], key->sequence);
        // One message that cannot be read must not keep the others from their devices.
        if (!key || !head) {
            parts_.metrics.records_damaged.Increment();
            parts_.log.error("store.record_damaged",
                             {{"what", "A message to a device cannot be read"},
                              {"where", "metadata/" + store::printable(cursor->key())}});
            continue;
        }
        head->sequence = key->sequence;
        Queue& at = queue(key->device);
        at.messages.push_back(
            Message{.head = std::move(*head), .state = State::waiting, .durable = true});
        ++at.shown;
        ++waiting_;
        parts_.metrics.messages_waiting.Increment();
        expire(at);
    }
    return cursor->status();
}

void MessageQueues::send(const TwinId& device, const std::string& generation_id,
                         CloudMessage message, Sent done) {
    Queue& to = queue(device);
    const auto refuse = [&](Code code, std::string text) {
        parts_.metrics.messages_refused.Increment();
        done(failure(code, std::move(text)));
        tidy(device);
    };
    const auto queued = static_cast<std::size_t>(std::ranges::count_if(
        to.messages, [](const Message& each) { return each.state != State::ending; }));
    if (queued >= parts_.settings.messages_per_device_max)
        return refuse(Code::message_queue_full, "Device '" + device.device.text() + "' has " +
                                                    std::to_string(queued) +
                                                    " messages waiting already");
    if (waiting_ >= std::max<std::size_t>(1, parts_.settings.messages_max / parts_.shards))
        return refuse(Code::message_queue_full,
                      "Too many messages wait for the devices of this hub");
    const Slot slot = slot_of(device.device);
    const Instant now = parts_.clock.now();
    const Instant latest = now + parts_.settings.message_age_max;
    Message made;
    MessageHead& head = made.head;
    head.sequence = ++last_sequence_[slot];
    head.enqueued = now;
    head.expires = message.expires == never ? now + parts_.settings.message_age
                                            : std::min(message.expires, latest);
    head.acknowledge = message.acknowledge;
    head.message_id = std::move(message.message_id);
    head.generation_id = generation_id;

    put_head(device, head);
    std::string body;
    std::string value;
    append_message_body(body, message);
    const std::string key = message_body_key(device, head.sequence);
    store::seal(store::Kind::message, message_format, key, body, value);
    store::Batch& batch = parts_.commits.batch();
    batch.put(Family::metadata, key, value);
    value.clear();
    seal_last_message(slot, head.sequence, value);
    batch.put(Family::metadata, last_message_key(slot), value);
    ++waiting_;
    const std::uint64_t sequence = head.sequence;
    to.messages.push_back(std::move(made));
    parts_.commits.on_settled(
        [this, device, sequence, answer = std::move(done)](const Result<>& result) mutable {
            Queue* const at = find(device);
            Message* const sent = at == nullptr ? nullptr : at->find(sequence);
            if (!result) {
                if (sent != nullptr) {
                    at->messages.erase(at->messages.begin() + (sent - at->messages.data()));
                    --waiting_;
                }
                tidy(device);
                parts_.metrics.messages_refused.Increment();
                return answer(std::unexpected(result.error()));
            }
            parts_.metrics.messages_sent.Increment();
            if (sent != nullptr) {
                sent->durable = true;
                if (sent->state == State::staged) sent->state = State::waiting;
                changed(*at);
            }
            answer(sequence);
            if (Queue* const still = find(device)) {
                pump(*still);
                expire(*still);
            }
        });
}

void MessageQueues::put_head(const TwinId& device, const MessageHead& head) {
    const std::string key = message_key(device, head.sequence);
    std::string body;
    std::string value;
    append_encoded(body, head);
    store::seal(store::Kind::message, message_format, key, body, value);
    parts_.commits.batch().put(Family::metadata, key, value);
}

// Services are shown the number of durable messages.
void MessageQueues::changed(Queue& queue) {
    const auto durable = static_cast<std::uint32_t>(
        std::ranges::count_if(queue.messages, [](const Message& each) { return each.durable; }));
    if (durable == queue.shown) return;
    parts_.metrics.messages_waiting.Increment(static_cast<double>(durable) -
                                              static_cast<double>(queue.shown));
    queue.shown = durable;
    parts_.show(queue.device, durable);
}

void MessageQueues::end(Queue& queue, Message& message, MessageEnd how, Settled done) {
    const std::uint64_t sequence = message.head.sequence;
    message.state = State::ending;
    message.holder = nullptr;
    store::Batch& batch = parts_.commits.batch();
    batch.remove(Family::metadata, message_key(queue.device, sequence));
    batch.remove(Family::metadata, message_body_key(queue.device, sequence));
    const bool good = how == MessageEnd::completed;
    const bool told =
        message.head.acknowledge == Acknowledge::full ||
        message.head.acknowledge == (good ? Acknowledge::positive : Acknowledge::negative);
    if (told)
        parts_.feedback.stage({.message_id = message.head.message_id,
                               .device = queue.device.device,
                               .generation_id = message.head.generation_id,
                               .end = how,
                               .at = parts_.clock.now()});
    parts_.commits.on_settled([this, device = queue.device, sequence, how,
                               answer = std::move(done)](const Result<>& result) mutable {
        if (Queue* const at = find(device)) {
            if (Message* const ended = at->find(sequence)) {
                if (result) {
                    at->messages.erase(at->messages.begin() + (ended - at->messages.data()));
                    --waiting_;
                    parts_.metrics.message_ended(how);
                } else {
                    // Not before the store is well again: it would be delivered over and over.
                    ended->state = State::waiting;
                    at->stuck = true;
                    attended_.insert(at);
                }
            }
            changed(*at);
        }
        if (answer) answer(result);
        if (Queue* const at = find(device)) {
            pump(*at);
            expire(*at);
            tidy(device);
        }
    });
}

void MessageQueues::purge(const TwinId& device, Sent done) {
    std::uint64_t purged = 0;
    if (Queue* const from = find(device)) {
        for (Message& message : from->messages) {
            if (message.state == State::ending) continue;
            end(*from, message, MessageEnd::purged);
            ++purged;
        }
        expire(*from);
    }
    parts_.commits.on_settled([purged, answer = std::move(done)](const Result<>& result) mutable {
        if (result) answer(purged);
        else answer(std::unexpected(result.error()));
    });
}

void MessageQueues::remove_all(const TwinId& device) {
    if (find(device) != nullptr) purge(device, [](const Result<std::uint64_t>&) {});
}

void MessageQueues::want(const TwinId& device, DeviceLink& link, std::uint32_t credit) {
    if (credit == 0 && find(device) == nullptr) return;
    Queue& from = queue(device);
    from.link = &link;
    from.credit = credit;
    pump(from);
    tidy(device);
}

// The oldest message that may be delivered; ends those that are too late on the way.
MessageQueues::Message* MessageQueues::next(Queue& queue) {
    const Instant now = parts_.clock.now();
    for (Message& message : queue.messages) {
        if (message.state != State::waiting) continue;
        if (message.head.expires > now) return &message;
        end(queue, message, MessageEnd::expired);
    }
    return nullptr;
}

void MessageQueues::lock(Queue& queue, Message& message, const DeviceLink* holder) {
    message.state = State::locked;
    message.lock_token = parts_.random.uuid();
    message.holder = holder;
    message.lock_ends = parts_.clock.monotonic() + parts_.settings.message_lock;
    attended_.insert(&queue);
}

// Delivers as long as the link takes more. What it is told may call back here.
void MessageQueues::pump(Queue& queue) {
    if (queue.pumping) return;
    queue.pumping = true;
    while (queue.link != nullptr && queue.credit > 0 && !queue.reading && !queue.stuck) {
        Message* const message = next(queue);
        if (message == nullptr) break;
        lock(queue, *message, queue.link);
        --queue.credit;
        queue.reading = true;
        read_body(queue.device, message->head.sequence,
                  [this, device = queue.device, sequence = message->head.sequence,
                   token = message->lock_token](const Body& body) {
                      Queue* const at = find(device);  // stays while it reads
                      at->reading = false;
                      arrived(*at, sequence, token, body);
                      if (at->pumping) return;  // goes on there
                      pump(*at);
                      tidy(device);
                  });
    }
    queue.pumping = false;
    expire(queue);
}

void MessageQueues::read_body(const TwinId& device, std::uint64_t sequence,
                              std::move_only_function<void(Body)> done) {
    std::string key = message_body_key(device, sequence);
    store::Cached cached = parts_.engine.get_cached(Family::metadata, key);
    if (cached.outcome == store::Cached::Outcome::found)
        return done(std::optional<std::string>(std::move(cached.value)));
    if (cached.outcome == store::Cached::Outcome::absent) return done(std::optional<std::string>{});
    asio::post(parts_.pool, [this, at = std::move(key), answer = std::move(done)]() mutable {
        asio::post(parts_.executor, [answer = std::move(answer),
                                     body = parts_.engine.get(Family::metadata, at)]() mutable {
            answer(std::move(body));
        });
    });
}

Result<LockedMessage> MessageQueues::put_together(const Queue& queue, const Message& message,
                                                  const Body& body) {
    if (!body) return std::unexpected(body.error());
    const std::string key = message_body_key(queue.device, message.head.sequence);
    if (!*body)
        return failure(Code::corrupted, "The body of a message is missing",
                       "metadata/" + store::printable(key));
    TRY(const store::Opened opened,
        store::open(store::Kind::message, message_format, "metadata", key, **body));
    LockedMessage locked;
    TRY(locked.message, decode_message_body(opened.body));
    locked.lock_token = message.lock_token;
    locked.sequence = message.head.sequence;
    locked.delivery_count = message.head.delivery_count;
    locked.enqueued = message.head.enqueued;
    locked.message.message_id = message.head.message_id;
    locked.message.acknowledge = message.head.acknowledge;
    locked.message.expires = message.head.expires;
    return locked;
}

void MessageQueues::unreadable(Queue& queue, Message& message, const Error& why) {
    parts_.log.error(
        "message.unreadable",
        {{"device", queue.device.text()}, {"what", why.message}, {"where", why.where}});
    if (why.code == Code::corrupted || why.code == Code::not_implemented) {
        parts_.metrics.records_damaged.Increment();
        return end(queue, message, MessageEnd::delivery_count_exceeded);
    }
    // The disk may be well again later.
    queue.stuck = true;
    attended_.insert(&queue);
    release(queue, message, false);
}

void MessageQueues::arrived(Queue& queue, std::uint64_t sequence, std::string_view lock_token,
                            const Body& body) {
    Message* const message = queue.find(sequence);
    if (message == nullptr || message->state != State::locked || message->lock_token != lock_token)
        return;  // purged, or the link went
    const Result<LockedMessage> locked = put_together(queue, *message, body);
    if (!locked) return unreadable(queue, *message, locked.error());
    parts_.metrics.messages_delivered.Increment();
    queue.link->deliver(*locked);
}

void MessageQueues::receive(const TwinId& device, Received done) {
    Queue* const from = find(device);
    Message* const message = from == nullptr ? nullptr : next(*from);
    if (message == nullptr) return done(std::optional<LockedMessage>{});
    lock(*from, *message, nullptr);
    const std::uint64_t sequence = message->head.sequence;
    read_body(
        device, sequence,
        [this, device, sequence, token = message->lock_token,
         answer = std::move(done)](const Body& body) mutable {
            Queue* const at = find(device);
            Message* const locked = at == nullptr ? nullptr : at->find(sequence);
            if (locked == nullptr || locked->state != State::locked || locked->lock_token != token)
                return receive(device, std::move(answer));  // gone while it was read
            Result<LockedMessage> whole = put_together(*at, *locked, body);
            if (!whole) {
                unreadable(*at, *locked, whole.error());
                expire(*at);
                return answer(std::unexpected(std::move(whole).error()));
            }
            parts_.metrics.messages_delivered.Increment();
            expire(*at);
            answer(std::optional<LockedMessage>(std::move(*whole)));
        });
}

// To its place again; the last time is the end.
void MessageQueues::release(Queue& queue, Message& message, bool counts) {
    message.state = State::waiting;
    message.lock_token.clear();
    message.holder = nullptr;
    if (counts) {
        parts_.metrics.messages_returned.Increment();
        if (++message.head.delivery_count >= parts_.settings.message_deliveries_max)
            return end(queue, message, MessageEnd::delivery_count_exceeded);
        put_head(queue.device, message.head);
    }
    if (message.head.expires <= parts_.clock.now()) end(queue, message, MessageEnd::expired);
}

void MessageQueues::let_go(const TwinId& device, const DeviceLink& link, bool counts) {
    Queue* const from = find(device);
    if (from == nullptr) return;
    if (from->link == &link) {
        from->link = nullptr;
        from->credit = 0;
    }
    for (Message& message : from->messages)
        if (message.state == State::locked && message.holder == &link)
            release(*from, message, counts);
    if (!from->pumping) expire(*from);
    tidy(device);
}

void MessageQueues::settle(const TwinId& device, std::string_view lock_token, Outcome outcome,
                           SettleDone done) {
    Queue* const from = find(device);
    Message* const message = from == nullptr ? nullptr : from->locked_under(lock_token);
    if (message == nullptr) return done(std::unexpected(lock_lost()));
    switch (outcome) {
        case Outcome::complete: return end(*from, *message, MessageEnd::completed, std::move(done));
        case Outcome::reject: return end(*from, *message, MessageEnd::rejected, std::move(done));
        case Outcome::abandon: break;
    }
    parts_.metrics.messages_abandoned.Increment();
    release(*from, *message, true);
    parts_.commits.on_settled(std::move(done));
    pump(*from);
}

// Notes when the first message that waits will be too late.
void MessageQueues::expire(Queue& queue) {
    Instant first = Instant::max();
    for (const Message& message : queue.messages)
        if (message.state == State::waiting) first = std::min(first, message.head.expires);
    if (first == queue.next_expiry) return;
    expiries_.erase({queue.next_expiry, &queue});
    queue.next_expiry = first;
    if (first != Instant::max()) expiries_.insert({first, &queue});
}

void MessageQueues::tick() {
    const Moment moment = parts_.clock.monotonic();
    if (moment < next_look_) return;
    next_look_ = moment + look_every;

    const bool failing = parts_.commits.failing();
    const std::vector<Queue*> attended(attended_.begin(), attended_.end());
    for (Queue* const queue : attended) {
        if (!failing) queue->stuck = false;
        bool has_locks = false;
        for (Message& message : queue->messages) {
            if (message.state != State::locked) continue;
            if (message.lock_ends <= moment) release(*queue, message, true);
            else has_locks = true;
        }
        if (!has_locks && !queue->stuck) attended_.erase(queue);
        const TwinId device = queue->device;
        pump(*queue);
        tidy(device);
    }
    if (failing) return;

    const Instant now = parts_.clock.now();
    for (std::size_t i = 0; i < expire_slice && !expiries_.empty(); ++i) {
        const auto [when, queue] = *expiries_.begin();
        if (when > now) break;
        for (Message& message : queue->messages)
            if (message.state == State::waiting && message.head.expires <= now)
                end(*queue, message, MessageEnd::expired);
        expire(*queue);
    }
}

}  // namespace twinhub::hub
