#pragma once

#include "tls_stream.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace twinhub::load {

class ProvisioningDevice;

// Told what becomes of a registration. May call `ask_again` and `close` from within.
class ProvisioningOwner {
public:
    virtual ~ProvisioningOwner() = default;
    // Not decided yet: `ask_again` after so many seconds.
    virtual void asked_to_wait(ProvisioningDevice& device, std::uint64_t seconds) = 0;
    virtual void assigned(ProvisioningDevice& device, std::string_view hub) = 0;
    virtual void lost(ProvisioningDevice& device, std::string_view why) = 0;
};

// One device that registers itself over MQTT with a key derived from its group's
// (device-protocols 7.2).
class ProvisioningDevice final : public TlsStream {
public:
    ProvisioningDevice(Reactor& reactor, const TlsContext& tls, ProvisioningOwner& owner,
                       const std::string& id_scope, std::uint64_t number);

    std::uint64_t number() const { return number_; }
    void ask_again();
    void stop();  // DISCONNECT; the server closes, and `lost` is called

private:
    void opened() override;
    std::size_t received(std::string_view bytes) override;
    void closed(std::string_view why) override { owner_.lost(*this, why); }
    void publish(std::string_view topic);
    void answered(std::string_view topic, std::string_view body);
    void refuse(std::string_view why);

    ProvisioningOwner& owner_;
    const std::string& id_scope_;
    std::uint64_t number_;
    std::string operation_;
};

}  // namespace twinhub::load
