#pragma once

#include "base/encoding.h"
#include "base/json.h"
#include "provisioning/hubs/remote.h"

#include <map>
#include <string>
#include <vector>

// Another hub as its service interface shows it, that can be silent and can lose answers.
namespace twinhub::provisioning::testing {

class FakeHub {
public:
    explicit FakeHub(std::string name) : host(std::move(name)) {}

    std::string connection_string() const {
        return "HostName=" + host + ";SharedAccessKeyName=iothubowner;SharedAccessKey=" +
               base64_encode("key of " + host);
    }

    // Errors: unavailable while it is silent, or when it loses its answer.
    Result<HubAnswer> answer(const HubRequest& request) {
        requests.push_back(request);
        if (silent) return failure(Code::unavailable, "connection refused");
        HubAnswer answer = act(request);
        if (loses_answers > 0) {
            --loses_answers;
            return failure(Code::timeout, "no answer");
        }
        return answer;
    }

    std::string host;
    std::map<std::string, json::object> identities;  // "d" or "d/m"
    std::map<std::string, json::object> twins;
    std::uint64_t other_devices = 0;
    bool silent = false;
    int loses_answers = 0;
    int refuses_with = 0;  // a status, for everything
    std::vector<HubRequest> requests;

private:
    // {"devices", "d", "modules", "m"}
    static std::vector<std::string> segments_of(const std::string& target) {
        std::vector<std::string> segments;
        const std::string path = target.substr(1, target.find('?') - 1);
        for (std::size_t at = 0; at <= path.size();) {
            const std::size_t end = std::min(path.find('/', at), path.size());
            segments.push_back(percent_decode(path.substr(at, end - at)).value());
            at = end + 1;
        }
        return segments;
    }
    static HubAnswer ok(const json::value& body) { return {200, to_text(body)}; }

    HubAnswer act(const HubRequest& request) {
        if (refuses_with != 0) return {refuses_with, "{}"};
        const std::vector<std::string> path = segments_of(request.target);
        if (path.front() == "statistics")
            return ok(json::object{{"totalDeviceCount", other_devices + identities.size()}});
        if (path.size() == 1) return create(parse_json(request.body).value().at(0).as_object());
        if (path.size() == 3) return list_modules(path[1]);
        const std::string name = path.size() == 4 ? path[1] + "/" + path[3] : path[1];
        if (!identities.contains(name)) return {404, "{}"};
        if (path.front() == "twins") {
            if (request.method == "PUT") {
                const json::object body = parse_json(request.body).value().get_object();
                twins[name]["tags"] = body.at("tags");
                twins[name]["properties"].as_object()["desired"] =
                    body.at("properties").at("desired");
            }
            return ok(twins[name]);
        }
        if (request.method == "GET") return ok(identities[name]);
        if (request.method == "PUT") {
            identities[name] = parse_json(request.body).value().get_object();
            return ok(identities[name]);
        }
        std::erase_if(identities, [&](const auto& each) {
            return each.first == name || each.first.starts_with(name + "/");
        });
        return {204, ""};
    }
    HubAnswer create(json::object item) {
        std::string name(item.at("id").get_string());
        if (const json::value* module = item.if_contains("moduleId"))
            name += "/" + std::string(module->get_string());
        if (identities.contains(name))
            return {400,
                    R"({"isSuccessful":false,"errors":[{"errorCode":"DeviceAlreadyExists"}]})"};
        json::object& twin = twins[name];
        twin = {{"properties", json::object{}}};
        if (item.contains("tags")) twin["tags"] = item.at("tags");
        if (item.contains("properties")) twin["properties"] = item.at("properties");
        item["etag"] = "AAAA";
        identities[name] = std::move(item);
        return {200, R"({"isSuccessful":true,"errors":[]})"};
    }
    HubAnswer list_modules(const std::string& device) {
        json::array modules;
        for (const auto& [name, identity] : identities)
            if (name.starts_with(device + "/")) modules.push_back(identity);
        return ok(modules);
    }
};

}  // namespace twinhub::provisioning::testing
