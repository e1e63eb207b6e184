// Method calls and messages to the devices of a shard.
#include "hub/shard.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace twinhub::hub {
namespace {

// Waits for what `start(done)` calls `done` with, on this loop. An answer that is there at once
// comes behind this turn all the same: who asks must not go on, and end, in the middle of its
// question.
template <class T, class Start>
Task<T> answer_of(Start start) {
    const Executor here = co_await asio::this_coro::executor;
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(T)>(
        [&start, &here](auto handler) {
            start([here, h = std::move(handler)](T result) mutable {
                asio::post(here, [h = std::move(h), answer = std::move(result)]() mutable {
                    std::move(h)(std::move(answer));
                });
            });
        },
        asio::use_awaitable);
}

}  // namespace

void Shard::takes_methods(const TwinId& id, const DeviceLink& link, TakenMethods taken) {
    const auto found = links_.find(id);
    if (found == links_.end() || found->second.link != &link) return;
    found->second.taken = std::move(taken);
    calls_.taken_changed(id);
}

DeviceLink* Shard::taker_of(const TwinId& id, std::string_view method) const {
    const auto found = links_.find(id);
    if (found == links_.end()) return nullptr;
    const TakenMethods& taken = found->second.taken;
    const bool takes = taken.all || std::ranges::binary_search(taken.names, method);
    return takes ? found->second.link : nullptr;
}

void Shard::method_answered(const TwinId& id, std::uint64_t number, int status,
                            std::string_view payload) {
    calls_.answered(id, number, status, payload);
}

Task<Result<MethodResult>> Shard::invoke(TwinId id, MethodCall call, Author author) {
    CO_TRY(const EntryPtr device, co_await entry(TwinId{id.device, {}}));
    // Services are not told that a device is disabled (spec service-api 10.1).
    if (!device->durable.exists() || device->durable.identity->status == Status::disabled)
        co_return std::unexpected(not_found(device->id));
    if (id.is_module()) {
        CO_TRY(const EntryPtr module, co_await entry(id));
        if (!module->durable.exists()) co_return std::unexpected(not_found(id));
    }
    parts_.log.debug("method.invoked",
                     {{"device", id.text()}, {"method", call.name}, {"by", author.principal}});
    co_return co_await answer_of<Result<MethodResult>>(
        [this, &id, &call](auto done) { calls_.invoke(id, std::move(call), std::move(done)); });
}

void Shard::want_messages(const TwinId& id, const DeviceLink& link, std::uint32_t credit) {
    const auto found = links_.find(id);
    if (id.is_module() || found == links_.end() || found->second.link != &link) return;
    messages_.want(id, *found->second.link, credit);
}

void Shard::settle_message(const TwinId& id, std::string_view lock_token, Outcome outcome,
                           SettleDone done) {
    messages_.settle(id, lock_token, outcome, std::move(done));
}

Task<Result<std::uint64_t>> Shard::send(DeviceId device, CloudMessage message) {
    const TwinId id{std::move(device), {}};
    CO_TRY(const EntryPtr entry, co_await this->entry(id));
    if (!entry->newest.exists()) co_return std::unexpected(co_await refusal(entry, not_found(id)));
    co_return co_await answer_of<Result<std::uint64_t>>([this, &id, &message, &entry](auto done) {
        messages_.send(id, entry->newest.identity->generation_id, std::move(message),
                       std::move(done));
    });
}

Task<Result<std::uint64_t>> Shard::purge(DeviceId device) {
    const TwinId id{std::move(device), {}};
    CO_TRY(const EntryPtr entry, co_await this->entry(id));
    if (!entry->newest.exists()) co_return std::unexpected(co_await refusal(entry, not_found(id)));
    co_return co_await answer_of<Result<std::uint64_t>>(
        [this, &id](auto done) { messages_.purge(id, std::move(done)); });
}

Task<Result<std::optional<LockedMessage>>> Shard::receive(DeviceId device) {
    const TwinId id{std::move(device), {}};
    CO_TRY(const EntryPtr entry, co_await this->entry(id));
    if (!entry->durable.exists()) co_return std::unexpected(not_found(id));
    co_return co_await answer_of<Result<std::optional<LockedMessage>>>(
        [this, &id](auto done) { messages_.receive(id, std::move(done)); });
}

Task<Result<>> Shard::settle(DeviceId device, std::string lock_token, Outcome outcome) {
    const TwinId id{std::move(device), {}};
    co_return co_await answer_of<Result<>>([this, &id, &lock_token, outcome](auto done) {
        messages_.settle(id, lock_token, outcome, std::move(done));
    });
}

// Services see the number of messages beside the twin; it changes neither etag nor version.
void Shard::show_messages(const TwinId& id, std::uint32_t messages) {
    EntryPtr entry;
    if (const auto found = entries_.find(id); found != entries_.end()) entry = found->second;
    columns_.see_messages(id, messages, entry.get());
    const std::scoped_lock lock(shown_);
    if (entry) entry->presence.messages = messages;
    if (const auto link = links_.find(id); link != links_.end())
        link->second.presence.messages = messages;
}

// So are configurations: what they say of a twin changes neither etag nor version.
void Shard::show_configurations(const TwinId& id,
                                const std::shared_ptr<const twin::Object>& configurations) {
    EntryPtr entry;
    if (const auto found = entries_.find(id); found != entries_.end()) entry = found->second;
    columns_.see_configurations(id, configurations, entry.get());
    const std::scoped_lock lock(shown_);
    if (entry) entry->presence.configurations = configurations;
    if (const auto link = links_.find(id); link != links_.end())
        link->second.presence.configurations = configurations;
}

}  // namespace twinhub::hub
