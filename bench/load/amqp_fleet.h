#pragma once

#include "protocol/amqp/client.h"
#include "tls_stream.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::load {

class AmqpDevice;

// Devices that connect over AMQP 1.0, subscribe to their desired properties and stay idle, all on
// one reactor. Their own end takes about 40 KB each.
class AmqpFleet {
public:
    AmqpFleet(Reactor& reactor, const TlsContext& tls, std::uint64_t first, std::uint64_t count);
    ~AmqpFleet();

    // Connects all, `at_once` at a time. Returns how many are connected in the end.
    std::size_t connect_all(std::size_t at_once, std::uint64_t seconds_max);

    std::size_t connected_count() const { return connected_count_; }
    // Why connections failed or ended, and how often.
    const std::map<std::string, std::uint64_t>& losses() const { return losses_; }

private:
    friend class AmqpDevice;
    void connected();
    void lost(bool was_connected, std::string_view why);

    Reactor& reactor_;
    std::vector<std::unique_ptr<AmqpDevice>> devices_;
    std::map<std::string, std::uint64_t> losses_;
    std::size_t connected_count_ = 0;
    std::size_t settled_count_ = 0;  // connected or failed
};

// One device on its own TLS connection: a token on $cbs, then the two links of its twin.
class AmqpDevice final : public TlsStream {
public:
    AmqpDevice(Reactor& reactor, const TlsContext& tls, AmqpFleet& fleet, std::uint64_t number);

private:
    using Client = protocol::amqp::Client;

    void opened() override;
    std::size_t received(std::string_view bytes) override;
    void closed(std::string_view why) override;
    void go_on();  // with what the server allows by now
    void put_token();
    void subscribe();
    void refuse(std::string_view why);

    enum class Waits : std::uint8_t { token_credit, token, twin_credit, subscription, nothing };

    AmqpFleet& fleet_;
    const std::string& host_;
    std::string id_;
    std::unique_ptr<Client> client_;
    Client::Link* requests_ = nullptr;
    Client::Link* answers_ = nullptr;
    Waits waits_ = Waits::token_credit;
};

}  // namespace twinhub::load
