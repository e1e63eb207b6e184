#include "gateway/amqp/connection.h"
#include "gateway/amqp/link.h"
#include "protocol/amqp/message.h"

namespace twinhub::gateway::amqp {

namespace wire = protocol::amqp;

void Outbox::attached(wire::LinkNumber link, bool settled) {
    link_ = link;
    settled_ = settled;
    flush();
}

void Outbox::gone() {
    link_.reset();
    waiting_.clear();
    waiting_bytes_ = 0;
}

bool Outbox::put(const wire::Message& message) {
    std::string bytes;
    wire::append_message(bytes, message);
    const AmqpSettings& settings = connection_.context().settings();
    if (waiting_.size() >= settings.waiting_max ||
        waiting_bytes_ + bytes.size() > settings.waiting_bytes_max)
        return false;
    waiting_bytes_ += bytes.size();
    waiting_.push_back(std::move(bytes));
    flush();
    return true;
}

void Outbox::flush() {
    if (!link_) return;
    wire::Driver& driver = connection_.driver();
    std::size_t sent = 0;
    for (; sent < waiting_.size() && driver.can_send(*link_); ++sent) {
        driver.send(*link_, waiting_[sent],
                    settled_ ? wire::Settle::at_once : wire::Settle::unwatched);
        waiting_bytes_ -= waiting_[sent].size();
    }
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(sent));
    if (waiting_.empty()) waiting_.shrink_to_fit();
}

}  // namespace twinhub::gateway::amqp
