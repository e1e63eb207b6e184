#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace twinhub {

namespace asio = boost::asio;

// A coroutine that runs on the loop that spawned it. Parameters by value, or by reference to what
// outlives the server.
template <class T = void>
using Task = asio::awaitable<T>;

using Executor = asio::any_io_executor;

}  // namespace twinhub
