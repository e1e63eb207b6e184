#include "gateway/http/author_json.h"

#include <optional>
#include <string>
#include <string_view>

namespace twinhub::gateway::http {
namespace {

std::string_view kind_of(hub::Cause cause) {
    switch (cause) {
        case hub::Cause::service: return "rest";
        case hub::Cause::device: return "device";
        case hub::Cause::provisioning: return "provisioning";
        case hub::Cause::job: return "job";
        case hub::Cause::configuration: return "configuration";
        case hub::Cause::rollback: return "rollback";
        case hub::Cause::import: return "import";
    }
    return "unknown";
}

}  // namespace

json::object author_json(const hub::Author& author) {
    json::object by{{"kind", kind_of(author.cause)}};
    const auto add = [&by](const char* name, std::string_view text) {
        if (!text.empty()) by[name] = text;
    };
    const std::optional<hub::WorkName> work = hub::work_of(author.principal);
    if (work) add("id", work->id);
    add("principal", work ? author.on_behalf_of : author.principal);
    if (!work) add("person", author.on_behalf_of);
    add("change", author.change);
    add("reason", author.reason);
    add("requestId", author.request_id);
    add("client", author.client);
    return by;
}

}  // namespace twinhub::gateway::http
