#pragma once

#include "base/time.h"
#include "protocol/amqp/message.h"
#include "protocol/amqp/value.h"

#include <proton/connection_driver.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::protocol::amqp {

// One AMQP 1.0 connection of a client, made of Proton: for our own devices and for tests. No I/O,
// no clock: give it what the server wrote, send what it writes. Believes its server: bounds are the
// server's (driver.h).
class Client {
public:
    explicit Client(const std::string& container = "client", const std::string& host = "hub.test");
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    std::string take_output();
    void receive(std::string_view bytes);
    // Sends the empty frames that a server with an idle time-out wants to see. Call now and then.
    void tick(Moment now);

    using Session = pn_session_t*;
    Session session();  // the first one, made when asked for; or another
    Session another_session();

    struct Link;
    struct Options {
        std::optional<int> snd_settle_mode;
        int rcv_settle_mode = 0;
        Fields properties;
        int credit = 100;  // of receivers
        Session session = nullptr;
        std::string own_address = "here";  // of the client's end
    };
    // A link to send on, to `target`, or to receive from `source`.
    Link& sender(const std::string& target, Options options);
    Link& sender(const std::string& target) { return sender(target, Options{}); }
    Link& receiver(const std::string& source, Options options);
    Link& receiver(const std::string& source) { return receiver(source, Options{}); }

    struct Got {
        Message message;
        pn_delivery_t* delivery = nullptr;
        bool settled = false;
        std::string tag;
    };
    struct Link {
        pn_link_t* link = nullptr;
        bool attached = false;  // by the server, with an address
        bool detached = false;
        std::string error;  // the condition of its detach
        std::vector<Got> got;
        struct Sent {
            std::uint64_t state = 0;
            bool settled = false;
            std::string error;
            std::string description;
        };
        std::map<std::string, Sent> sent;  // by tag
    };

    bool can_send(const Link& link) const;  // it is attached, and the server gave credit
    void send(Link& link, const Message& message, bool settled = true, const std::string& tag = "");
    void send_bytes(Link& link, std::string_view bytes, bool settled = true,
                    const std::string& tag = "");
    void settle(Got& got, std::uint64_t state);  // PN_ACCEPTED and such
    void accept(Got& got);                       // unless the server settled it already
    void detach(Link& link);
    void close();

    bool opened() const { return opened_; }
    bool closed() const { return closed_; }
    const std::string& error() const { return error_; }  // condition of the connection's end

private:
    void pump();
    void handle(pn_event_t* event);
    Link& attach(pn_link_t* link, const std::string& address, const Options& options, bool sends);

    pn_connection_driver_t driver_{};
    Session first_ = nullptr;
    std::vector<std::unique_ptr<Link>> links_;
    std::uint64_t next_ = 0;
    bool opened_ = false;
    bool closed_ = false;
    std::string error_;
};

}  // namespace twinhub::protocol::amqp
