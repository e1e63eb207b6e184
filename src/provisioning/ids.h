#pragma once

#include "base/result.h"

#include <string>
#include <string_view>

namespace twinhub::provisioning {

// The name of a registration or of an enrollment group: 1 to 128 letters, digits and - . _ :, the
// last of them a letter, a digit or a dash (spec device-protocols 0.1). Compared without case; kept
// as it was written, because the device id made of it has its case.
class ProvisioningId {
public:
    ProvisioningId() = default;
    // Errors: argument_invalid.
    static Result<ProvisioningId> parse(std::string_view text);

    const std::string& text() const { return text_; }
    const std::string& key() const { return key_; }  // in lower case: what it is found by
    bool empty() const { return text_.empty(); }
    friend bool operator==(const ProvisioningId& a, const ProvisioningId& b) {
        return a.key_ == b.key_;
    }

private:
    std::string text_;
    std::string key_;
};

}  // namespace twinhub::provisioning
