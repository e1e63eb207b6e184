#pragma once

#include "protocol/amqp/message.h"
#include "protocol/amqp/value.h"

#include <proton/connection_driver.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::protocol::amqp::testing {

// A client made of Proton, without I/O: give it what the server wrote, send what it writes.
class Client {
public:
    explicit Client(std::string container = "client");
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    std::string take_output();
    void receive(std::string_view bytes);

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

    void send(Link& link, const Message& message, bool settled = true, const std::string& tag = "");
    void send_bytes(Link& link, std::string_view bytes, bool settled = true,
                    const std::string& tag = "");
    void settle(Got& got, std::uint64_t state);  // PN_ACCEPTED and such
    void detach(Link& link);
    void close();

    bool opened() const { return opened_; }
    bool closed() const { return closed_; }
    const std::string& error() const { return error_; }  // of the connection

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

}  // namespace twinhub::protocol::amqp::testing
