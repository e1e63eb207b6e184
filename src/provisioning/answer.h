#pragma once

#include "base/error.h"

#include <chrono>
#include <expected>
#include <optional>
#include <string>

namespace twinhub::provisioning {

// What a device is answered, whatever it asked through.
struct Answer {
    bool assigning = false;  // it has to ask again
    std::chrono::seconds retry_after{0};
    std::string operation;  // which asking is about
    std::string body;       // JSON (spec device-protocols 7.6)
};

struct Refusal {
    Error error;
    std::chrono::seconds retry_after{0};     // 0 = says nothing about it
    std::chrono::milliseconds held_back{0};  // how long the answer has to wait: someone is guessing
};

using Outcome = std::expected<Answer, Refusal>;

// What a device with a TPM is asked: bytes that its security client takes apart (tpm/activation.h).
using Challenged = std::expected<std::string, Refusal>;

// A refusal that says no more than its error, and one that says when to come again.
Refusal refusal(Error error);
Refusal too_much(std::string message, std::chrono::seconds retry_after);

}  // namespace twinhub::provisioning
