#include "hub/changes/author_json.h"

#include "hub/changes/change_filter.h"

#include <array>
#include <string_view>

namespace twinhub::hub {
namespace {

struct Member {
    const char* name;
    std::string_view text;
    bool is_number = false;
};

std::array<Member, 10> members_of(const Author& author, const TwinId& changed) {
    std::string_view id, module, version, principal;
    if (const auto work = work_of(author.principal)) {
        id = work->id;
        version = work->version;
    } else if (author.cause == Cause::device) {
        id = changed.device.text();
        module = changed.module.text();
    } else if (author.cause == Cause::provisioning) {
        id = author.principal;
    } else {
        principal = author.principal;
    }
    return {{{"kind", name_of(author.cause)},
             {"id", id},
             {"module", module},
             {"version", version, true},
             {"principal", principal},
             {"person", author.on_behalf_of},
             {"change", author.change},
             {"reason", author.reason},
             {"requestId", author.request_id},
             {"client", author.client}}};
}

}  // namespace

json::object author_json(const Author& author, const TwinId& changed) {
    json::object by;
    for (const auto& [name, text, is_number] : members_of(author, changed)) {
        if (text.empty()) continue;
        if (is_number) by[name] = parse_json(text).value_or(json::value());
        else by[name] = text;
    }
    return by;
}

void append_author(std::string& out, const Author& author, const TwinId& changed) {
    out += '{';
    for (const auto& [name, text, is_number] : members_of(author, changed)) {
        if (text.empty()) continue;
        out += out.back() == '{' ? "\"" : ",\"";
        out += name;
        out += "\":";
        if (is_number) out += text;
        else append_json_string(out, text);
    }
    out += '}';
}

}  // namespace twinhub::hub
