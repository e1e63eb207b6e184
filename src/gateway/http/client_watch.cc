#include "gateway/http/client_watch.h"

namespace twinhub::gateway::http {
namespace {

// Requests sent ahead of their turn that are taken in.
constexpr std::size_t kept_bytes_max = 64 * 1024;

}  // namespace

std::function<bool()> ClientWatch::begin() {
    wait();
    return [gone = gone_] { return !*gone; };
}

void ClientWatch::wait() {
    transport_.wait_readable([weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->look();
    });
}

void ClientWatch::look() {
    const auto count = transport_.read_some(scratch_);
    if (!count) {
        *gone_ = true;
        return;
    }
    const auto bytes = scratch_.first(*count);
    kept_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (kept_.size() < kept_bytes_max) wait();
}

}  // namespace twinhub::gateway::http
