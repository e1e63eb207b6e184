#include "apps/simulate/enroll.h"

#include "apps/client/service_client.h"
#include "base/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace twinhub::apps {
namespace {

constexpr std::size_t bulk_items_max = 100;  // spec service-api 4.6

std::string key_of(const json::value& identity) {
    const auto member = [](const json::value* value, const char* name) -> const json::value* {
        return value && value->is_object() ? value->get_object().if_contains(name) : nullptr;
    };
    const json::value* key =
        member(member(member(&identity, "authentication"), "symmetricKey"), "primaryKey");
    return key && key->is_string() ? std::string(key->get_string()) : "";
}

}  // namespace

Result<std::vector<DeviceLogin>> enroll(const SimulationOptions& options, const Clock& clock,
                                        const std::function<bool()>& stopped) {
    ServiceClient hub(options.target, clock);
    SystemRandom random;
    const auto give_up_at = std::chrono::steady_clock::now() + options.hub_within;
    while (true) {
        const auto answer = hub.send({.path = "/statistics/devices", .body = {}});
        if (answer) break;
        if (answer.error().code != Code::unavailable ||
            std::chrono::steady_clock::now() >= give_up_at || stopped())
            return std::unexpected(answer.error());
        std::this_thread::sleep_for(std::chrono::milliseconds{200});
    }
    std::vector<DeviceLogin> logins;
    for (std::size_t begin = 0; begin < options.devices && !stopped(); begin += bulk_items_max) {
        const std::size_t end = std::min(begin + bulk_items_max, options.devices);
        json::array items;
        for (std::size_t i = begin; i < end; ++i) {
            TRY(DeviceId id, DeviceId::parse(device_name(options, i)));
            logins.push_back({options.target.connection.host, {std::move(id), {}}, random.key(32)});
            const json::object keys{{"primaryKey", logins.back().key},
                                    {"secondaryKey", random.key(32)}};
            items.push_back(json::object{
                {"id", logins.back().id.text()},
                {"importMode", "create"},
                {"status", "enabled"},
                {"authentication", json::object{{"type", "sas"}, {"symmetricKey", keys}}},
                {"tags", device_tags(i)}});
        }
        TRY(const ServiceResponse response,
            hub.send({.method = "POST", .path = "/devices", .body = std::move(items)}));
        if (response.status == 200) continue;
        const auto body = parse_json(response.body);
        if (!body || !body->is_object() || !body->get_object().contains("errors"))
            return std::unexpected(error_of(response));
        // Those that were there already have keys of their own.
        for (std::size_t i = begin; i < end; ++i) {
            TRY(const json::value identity,
                hub.call({.path = "/devices/" + logins[i].id.text(), .body = {}}));
            logins[i].key = key_of(identity);
            if (logins[i].key.empty())
                return failure(Code::operation_invalid,
                               fmt::format("{} has no key", logins[i].id.text()));
        }
    }
    return logins;
}

}  // namespace twinhub::apps
