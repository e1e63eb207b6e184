#include "apps/simulate/login.h"

#include "base/encoding.h"
#include "protocol/sas/token.h"

namespace twinhub::apps {

std::string resource_of(const DeviceLogin& login) {
    std::string resource = login.host + "/devices/" + login.id.device.text();
    if (login.id.is_module()) resource += "/modules/" + login.id.module.text();
    return resource;
}

std::string device_token(const DeviceLogin& login, std::uint64_t expiry) {
    const std::string resource = resource_of(login);
    const std::string key = base64_decode(login.key).value_or("");
    return protocol::sas::make_token(
        {.resource = resource, .key = key, .expiry = expiry, .policy = {}});
}

}  // namespace twinhub::apps
