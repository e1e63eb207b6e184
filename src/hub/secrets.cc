#include "hub/secrets.h"

#include "hub/settings.h"
#include "twin/secrets/detect.h"

namespace twinhub::hub {

Result<> check_secrets(const Settings& settings, const twin::ServiceUpdate& update) {
    if (!settings.refuse_secrets) return {};
    const auto found = twin::find_secret(update);
    if (!found) return {};
    return std::unexpected(twin::refusal(*found));
}

}  // namespace twinhub::hub
