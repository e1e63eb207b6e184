#pragma once

#include "base/task.h"
#include "gateway/transport.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace twinhub::gateway::http {

// Waits for news from the peer; the transport outlives the wait.
inline Task<> readable(Transport& transport) {
    return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [&transport](auto handler) {
            transport.wait_readable(
                [handler = std::move(handler)]() mutable { std::move(handler)(); });
        },
        asio::use_awaitable);
}

// Waits until nothing is unsent.
inline Task<> sent(Transport& transport) {
    return asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [&transport](auto handler) {
            transport.wait_sent([handler = std::move(handler)]() mutable { std::move(handler)(); });
        },
        asio::use_awaitable);
}

}  // namespace twinhub::gateway::http
