#pragma once

#include "base/time.h"
#include "protocol/amqp/condition.h"
#include "protocol/amqp/events.h"
#include "protocol/amqp/frame_gate.h"
#include "protocol/amqp/limits.h"

#include <proton/connection_driver.h>

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace twinhub::protocol::amqp {

// The AMQP layer of a Driver: the only file that knows Proton. See driver.h for its verbs.
class Engine {
public:
    Engine(const Limits& limits, const std::string& container);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // `bytes` begin with the AMQP header, the first time.
    void receive(std::string_view bytes, Moment now, std::vector<Event>& events);
    void tick(Moment now, std::vector<Event>& events);
    std::optional<Moment> deadline() const { return deadline_; }
    void take_output(std::string& out);
    void authorised() { strangers_ = false; }

    void accept(LinkNumber link);
    void refuse(LinkNumber link, const Condition& why);
    void detach(LinkNumber link, const Condition& why);
    void settle(DeliveryNumber delivery, Outcome outcome, const Condition* why);
    bool can_send(LinkNumber link);
    DeliveryNumber send(LinkNumber link, std::string_view bytes, Settle settle,
                        std::string_view tag);
    std::uint32_t credit(LinkNumber link) const;
    void forget(DeliveryNumber delivery);
    void close(const Condition* why);

    std::size_t links() const { return links_.size(); }
    std::size_t incomplete_bytes() const { return incomplete_bytes_ + gate_.kept_bytes(); }

private:
    struct Link {
        LinkNumber number = 0;
        SessionNumber session = 0;
        pn_link_t* link = nullptr;
        bool accepted = false;
        bool gone = false;     // told to the owner, or by it; waits for the peer's detach
        bool blocked = false;  // a Sendable is owed
        bool drains = false;
        std::uint32_t format = 0;
        std::string partial;  // of a message that is arriving
        std::uint32_t unsettled = 0;
    };
    struct Delivery {
        pn_delivery_t* delivery = nullptr;
        LinkNumber link = 0;
        bool watched = false;
    };

    bool push(std::string_view bytes, std::vector<Event>& events);
    void pump(std::vector<Event>& events);
    void handle(pn_event_t* event, std::vector<Event>& events);
    void session_opened(pn_session_t* session, std::vector<Event>& events);
    void session_closed(pn_session_t* session, std::vector<Event>& events);
    void link_opened(pn_link_t* link, std::vector<Event>& events);
    void link_closed(pn_link_t* link, bool closed, std::vector<Event>& events);
    void link_flow(pn_link_t* link, std::vector<Event>& events);
    void delivery_changed(pn_delivery_t* delivery, std::vector<Event>& events);
    void message_arriving(Link& link, pn_delivery_t* delivery, std::vector<Event>& events);
    void replenish(const Link& link);
    bool has_room(const Link& link) const;
    void leave(Link& link, const Condition& why);
    void drop(Link& link, const Condition& why, std::vector<Event>& events);
    void let_go(Link& link);  // of what arrives on it and of what was sent
    void end(EndReason reason, const Condition& why, std::vector<Event>& events);
    Link* find(LinkNumber link);
    const Link* find(LinkNumber link) const;
    void schedule(Moment now);

    const Limits& limits_;
    FrameGate gate_;
    pn_connection_driver_t driver_{};
    std::size_t header_left_ = 8;
    bool opened_ = false;
    bool strangers_ = true;
    bool ended_ = false;
    std::uint32_t message_format_ = 0;  // of the frame at hand
    std::uint32_t sessions_ = 0;
    SessionNumber last_session_ = 0;
    LinkNumber last_link_ = 0;
    DeliveryNumber last_delivery_ = 0;
    std::size_t incomplete_bytes_ = 0;
    std::size_t blocked_ = 0;
    std::unordered_map<LinkNumber, Link> links_;
    std::unordered_map<DeliveryNumber, Delivery> deliveries_;
    std::optional<Moment> deadline_;
};

}  // namespace twinhub::protocol::amqp
