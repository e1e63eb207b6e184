#include "apps/simulate/enroll.h"

#include "apps/client/service_client.h"
#include "base/encoding.h"
#include "base/json_members.h"
#include "base/random.h"
#include "protocol/sas/token.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <thread>

namespace twinhub::apps {
namespace {

constexpr std::size_t bulk_items_max = 100;  // spec service-api 4.6

constexpr const char* api_version = "?api-version=2021-10-01";

std::string key_of(const json::value& identity) {
    return text_at(identity, {"authentication", "symmetricKey", "primaryKey"});
}

Result<std::string> primary_key(const json::value& mechanism) {
    std::string key = text_at(mechanism, {"symmetricKey", "primaryKey"});
    if (key.empty())
        return failure(Code::operation_invalid, "An enrollment group of the fleet has no key");
    return key;
}

// A server that is just starting is given its time.
Result<> wait_for(ServiceClient& service, const char* path, const SimulationOptions& options,
                  const std::function<bool()>& stopped) {
    const auto give_up_at = std::chrono::steady_clock::now() + options.hub_within;
    while (true) {
        const auto answer = service.send({.path = path, .body = {}});
        if (answer) return {};
        if (answer.error().code != Code::unavailable ||
            std::chrono::steady_clock::now() >= give_up_at || stopped())
            return std::unexpected(answer.error());
        std::this_thread::sleep_for(std::chrono::milliseconds{200});
    }
}

// The key of the group, which is made when it is not there.
Result<std::string> group_key(ServiceClient& service, const std::string& group,
                              const json::object& tags) {
    const std::string path = "/enrollmentGroups/" + group + api_version;
    const auto existing =
        service.call({.method = "POST",
                      .path = "/enrollmentGroups/" + group + "/attestationmechanism" + api_version,
                      .body = json::object{}});
    if (existing) return primary_key(*existing);
    TRY(const json::value made,
        service.call({.method = "PUT",
                      .path = path,
                      .body = json::object{{"enrollmentGroupId", group},
                                           {"attestation", json::object{{"type", "symmetricKey"}}},
                                           {"initialTwin", json::object{{"tags", tags}}}}}));
    TRY(const json::value mechanism,
        service.call({.method = "POST",
                      .path = "/enrollmentGroups/" + group + "/attestationmechanism" + api_version,
                      .body = json::object{}}));
    return primary_key(mechanism);
}

Result<std::vector<Enrolled>> enroll_groups(const SimulationOptions& options, const Clock& clock,
                                            const std::function<bool()>& stopped) {
    ServiceClient service(*options.provisioning, clock);
    const std::string status_path = std::string("/twinhub/provisioning") + api_version;
    TRY_VOID(wait_for(service, status_path.c_str(), options, stopped));
    TRY(const json::value status, service.call({.path = status_path, .body = {}}));
    const std::string id_scope = text_in(status, "idScope");
    if (id_scope.empty())
        return failure(Code::operation_invalid, "The provisioning service tells no id scope");
    std::map<std::string, std::string> keys;  // by group
    std::vector<Enrolled> enrolled;
    for (std::size_t i = 0; i < options.devices && !stopped(); ++i) {
        const json::object tags = device_tags(i);
        const std::string group = fmt::format("{}-{}-zone{}", options.prefix,
                                              std::string_view(tags.at("site").get_string()),
                                              tags.at("zone").get_int64());
        if (!keys.contains(group)) {
            TRY(keys[group], group_key(service, group, tags));
        }
        const std::string raw = base64_decode(keys[group]).value_or("");
        const std::string id = device_name(options, i);
        const std::string key = protocol::sas::derive_key(raw, id);
        enrolled.push_back({DeviceLogin{.host = {}, .id = {}, .key = key},
                            Registration{.id_scope = id_scope, .id = id, .key = key}});
    }
    return enrolled;
}

Result<std::vector<DeviceLogin>> enroll_identities(const SimulationOptions& options,
                                                   const Clock& clock,
                                                   const std::function<bool()>& stopped) {
    ServiceClient hub(options.target, clock);
    SystemRandom random;
    TRY_VOID(wait_for(hub, "/statistics/devices", options, stopped));
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

}  // namespace

Result<std::vector<Enrolled>> enroll(const SimulationOptions& options, const Clock& clock,
                                     const std::function<bool()>& stopped) {
    if (options.provisioning) return enroll_groups(options, clock, stopped);
    TRY(std::vector<DeviceLogin> logins, enroll_identities(options, clock, stopped));
    std::vector<Enrolled> enrolled;
    for (DeviceLogin& login : logins) enrolled.push_back({std::move(login), std::nullopt});
    return enrolled;
}

}  // namespace twinhub::apps
