#pragma once

#include "gateway/amqp/link.h"
#include "gateway/amqp/seat.h"
#include "protocol/amqp/twin_messages.h"

#include <memory>
#include <string>

namespace twinhub::gateway::amqp {

// The two links of a session over which one identity reads, reports and hears of its twin (spec
// device-protocols 4.4). Either may come first; answers wait for the receiver.
class TwinPair final : public AmqpLink, public std::enable_shared_from_this<TwinPair> {
public:
    TwinPair(AmqpConnection& connection, Seat& seat, protocol::amqp::SessionNumber session,
             std::string correlation)
        : connection_(connection),
          seat_(seat),
          session_(session),
          correlation_(std::move(correlation)),
          box_(connection) {}

    // Whether a link that is offered makes this pair whole: 2 = by its correlation, 1 = by session.
    int fits(const protocol::amqp::LinkOffered& offer, std::string_view correlation) const;
    void add(const protocol::amqp::LinkOffered& offer);
    bool empty() const { return !requests_ && !box_.is_attached(); }
    void desired_changed(std::uint64_t version, std::string_view body);

    void arrived(protocol::amqp::Arrived& message) override;
    void sendable(protocol::amqp::LinkNumber) override { box_.flush(); }
    void gone(protocol::amqp::LinkNumber link) override;

private:
    void get(const protocol::amqp::Value& correlation_id);
    void report(const protocol::amqp::Value& correlation_id,
                std::optional<std::uint64_t> base_version, const std::string& body);
    void answer(const protocol::amqp::Value& correlation_id, int status,
                std::optional<std::uint64_t> version, std::string_view body);
    void refuse(const protocol::amqp::Value& correlation_id, const Error& error);
    void put(const protocol::amqp::Message& message);

    AmqpConnection& connection_;
    Seat& seat_;
    protocol::amqp::SessionNumber session_;
    std::string correlation_;
    std::optional<protocol::amqp::LinkNumber> requests_;
    Outbox box_;
    bool subscribed_ = false;
};

// The pair among `pairs` that an offered link belongs to, made when there is none.
template <class Pair, class Make>
Pair& pair_for(std::vector<std::shared_ptr<Pair>>& pairs, const protocol::amqp::LinkOffered& offer,
               std::string_view correlation, Make make) {
    Pair* best = nullptr;
    int best_fit = 0;
    for (const auto& pair : pairs)
        if (const int fit = pair->fits(offer, correlation); fit > best_fit) {
            best = pair.get();
            best_fit = fit;
        }
    if (best != nullptr) return *best;
    pairs.push_back(make());
    return *pairs.back();
}

}  // namespace twinhub::gateway::amqp
