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

Result<> check_secrets(const Settings& settings, const json::object& content,
                       std::string_view path) {
    if (!settings.refuse_secrets) return {};
    const auto found = twin::find_secret(content, path);
    if (!found) return {};
    Error error = twin::refusal(*found);
    error.code = Code::configuration_content_invalid;
    return std::unexpected(std::move(error));
}

}  // namespace twinhub::hub
