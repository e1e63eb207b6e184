#include "twin/notification.h"

#include "twin/keys.h"

namespace twinhub::twin {
namespace {

// The members of an object without its braces, each followed by a comma.
void append_members(std::string& out, const json::object& members) {
    for (const json::key_value_pair& entry : members) {
        append_json_string(out, key_of(entry));
        out += ':';
        append_json(out, entry.value());
        out += ',';
    }
}

void append_replacement(std::string& out, const json::object& members, const Node* before) {
    for (const json::key_value_pair& entry : members) {
        append_json_string(out, key_of(entry));
        out += ':';
        const Node* former = before ? before->find(key_of(entry)) : nullptr;
        if (entry.value().is_object() && former && former->is_object()) {
            out += '{';
            append_replacement(out, entry.value().get_object(), former);
            if (out.back() == ',') out.pop_back();
            out += '}';
        } else {
            append_json(out, entry.value());
        }
        out += ',';
    }
    if (!before || !before->is_object()) return;
    for (const Member& former : before->object().members) {
        if (members.contains(former.key)) continue;
        append_json_string(out, former.key);
        out += ":null,";
    }
}

}  // namespace

void append_written(std::string& out, const Patch& patch, const Node* before) {
    if (patch.mode() == Patch::Mode::merge) append_members(out, patch.body());
    else append_replacement(out, patch.body(), before);
}

std::string notification_body(const Patch& patch, const Node& before, std::uint64_t version) {
    std::string body = "{";
    append_written(body, patch, &before);
    body += "\"$version\":";
    append_json_number(body, version);
    body += '}';
    return body;
}

}  // namespace twinhub::twin
