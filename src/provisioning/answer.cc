#include "provisioning/answer.h"

namespace twinhub::provisioning {

Refusal refusal(Error error) {
    return {.error = std::move(error), .retry_after = std::chrono::seconds{0}, .held_back = {}};
}

Refusal too_much(std::string message, std::chrono::seconds retry_after) {
    return {.error = {Code::throttled, std::move(message), {}},
            .retry_after = retry_after,
            .held_back = {}};
}

}  // namespace twinhub::provisioning
