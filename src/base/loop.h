#pragma once

#include <boost/asio/io_context.hpp>

namespace twinhub {

// One event loop. When several loops talk to each other, a coroutine of one may wait in the hands
// of another, and is unwound on its own loop when that other goes: so all of them discard() before
// the first is destroyed.
class Loop : public boost::asio::io_context {
public:
    explicit Loop(int threads = 1) : io_context(threads) {}

    // Destroys what waits here, without running it. The loop must stand still; nothing runs on it
    // again.
    void discard() { shutdown(); }
};

// For all loops (and other pointers to them) of a process, before the first is destroyed.
template <class Pointers>
void discard_all(const Pointers& loops) {
    // What one loop discards may be handed to another one, at most there and back.
    for (int round = 0; round < 3; ++round)
        for (const auto& loop : loops) loop->discard();
}

}  // namespace twinhub
