#include "apps/simulate/sender.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <utility>

namespace twinhub::apps {

void Sender::send(std::string bytes, std::shared_ptr<void> keep) {
    if (!bytes.empty()) unsent_.push_back(std::move(bytes));
    if (unsent_.empty() || std::exchange(writing_, true)) return;
    asio::co_spawn(executor_, flush(std::move(keep)), asio::detached);
}

void Sender::close() {
    unsent_.clear();
    stream_.close();
}

Task<> Sender::flush(std::shared_ptr<void>) {
    while (!unsent_.empty()) {
        const std::string bytes = std::move(unsent_.front());
        unsent_.pop_front();
        if (auto sent = co_await stream_.write(bytes); !sent) break;  // the reader sees the end too
    }
    writing_ = false;
    if (closing_) close();
}

}  // namespace twinhub::apps
