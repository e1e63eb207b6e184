#include "gateway/routes/cloud_event.h"

#include "base/encoding.h"
#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace twinhub::gateway {
namespace {

using hub::EventSource;
using hub::HubEvent;

struct TypeName {
    std::string_view kind;
    std::string_view type;
};
// Those that dotted() does not give.
constexpr TypeName types[] = {
    {"updateTwin", "twinhub.twin.updated"},
    {"replaceTwin", "twinhub.twin.replaced"},
    {"createDeviceIdentity", "twinhub.device.created"},
    {"deleteDeviceIdentity", "twinhub.device.deleted"},
    {"telemetry", "twinhub.device.telemetry"},
};

// What a device sent may be any bytes; JSON holds UTF-8 alone.
void append_text(std::string& out, std::string_view text) {
    if (is_valid_utf8(text)) return append_json_string(out, text);
    std::string shown;
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x80) shown += c;
        else shown += "\xEF\xBF\xBD";  // U+FFFD
    }
    append_json_string(out, shown);
}

// The last of several properties of one name counts.
void append_properties(std::string& out, const hub::EventProperties& properties) {
    out += '{';
    for (auto at = properties.begin(); at != properties.end(); ++at) {
        if (std::any_of(at + 1, properties.end(),
                        [&](const auto& later) { return later.first == at->first; }))
            continue;
        if (out.back() != '{') out += ',';
        append_text(out, at->first);
        out += ':';
        append_text(out, at->second);
    }
    out += '}';
}

void append_data(std::string& out, const HubEvent& event) {
    out += R"({"properties":)";
    append_properties(out, event.application);
    out += R"(,"systemProperties":)";
    append_properties(out, event.system);
    // What the hub wrote is JSON; what a device calls JSON need not be.
    const bool is_ours = event.source != EventSource::messages;
    if (event.is_json && (is_ours || event.tree)) {
        out += R"(,"body":)";
        if (is_ours) out += event.body;
        else append_json(out, *event.tree);
        out += '}';
        return;
    }
    if (event.is_json) {
        if (const auto tree = parse_json(event.body)) {
            out += R"(,"body":)";
            append_json(out, *tree);
            out += '}';
            return;
        }
    }
    out += R"(,"bodyBase64":")";
    out += base64_encode(event.body);
    out += "\"}";
}

// "rolloutRolledBack" is "rollout.rolledBack".
std::string dotted(std::string_view kind) {
    const auto* const capital =
        std::ranges::find_if(kind, [](char c) { return c >= 'A' && c <= 'Z'; });
    std::string text(kind.begin(), capital);
    if (capital == kind.end()) return text;
    text += '.';
    text += static_cast<char>(*capital - 'A' + 'a');
    return text.append(capital + 1, kind.end());
}

// In the order in which they are written.
using Attributes = std::vector<std::pair<std::string_view, std::string>>;
Attributes attributes_of(const HubEvent& event, std::string_view hub) {
    Attributes attributes{{"specversion", "1.0"},
                          {"id", event.id},
                          {"source", fmt::format("https://{}", hub)},
                          {"type", cloud_event_type(event)},
                          {"subject", subject_of(event)},
                          {"time", format_instant(event.at)},
                          {"partitionkey", partition_of(event)}};
    // Twenty digits, so that the order of the texts is that of the numbers.
    if (event.sequence != 0)
        attributes.emplace_back("sequence", fmt::format("{:020}", event.sequence));
    return attributes;
}

}  // namespace

std::string cloud_event_type(const HubEvent& event) {
    const auto row = std::ranges::find(types, event.kind, &TypeName::kind);
    return row == std::end(types) ? "twinhub." + dotted(event.kind) : std::string(row->type);
}

void append_cloud_event(std::string& out, const HubEvent& event, std::string_view hub) {
    out += '{';
    for (const auto& [name, value] : attributes_of(event, hub)) {
        append_json_string(out, name);
        out += ':';
        append_json_string(out, value);
        out += ',';
    }
    out += R"("datacontenttype":"application/json","data":)";
    append_data(out, event);
    out += '}';
}

std::string cloud_event_data(const HubEvent& event) {
    std::string data;
    append_data(data, event);
    return data;
}

OutgoingHeaders cloud_event_attributes(const HubEvent& event, std::string_view hub,
                                       std::string_view prefix) {
    OutgoingHeaders headers;
    for (auto& [name, value] : attributes_of(event, hub))
        headers.emplace_back(fmt::format("{}{}", prefix, name), std::move(value));
    return headers;
}

}  // namespace twinhub::gateway
