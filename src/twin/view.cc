#include "twin/view.h"

namespace twinhub::twin {
namespace {

// Appends JSON members; knows whether a comma is due from what it wrote last.
void comma(std::string& out) {
    if (out.back() != '{') out += ',';
}
void append_name(std::string& out, std::string_view name) {
    comma(out);
    append_json_string(out, name);
    out += ':';
}
void append_text(std::string& out, std::string_view name, std::string_view text) {
    append_name(out, name);
    append_json_string(out, text);
}
void append_time(std::string& out, std::string_view name, Instant instant) {
    append_name(out, name);
    out += '"';
    append_instant(out, instant);
    out += '"';
}
void append_number(std::string& out, std::string_view name, std::uint64_t number) {
    append_name(out, name);
    append_json_number(out, number);
}
void append_text_or_null(std::string& out, std::string_view name, std::string_view text) {
    if (!text.empty()) return append_text(out, name, text);
    append_name(out, name);
    out += "null";
}

void append_values(std::string& out, const Object& object) {
    for (const Member& member : object.members) {
        append_name(out, member.key);
        if (member.node.is_object()) {
            out += '{';
            append_values(out, member.node.object());
            out += '}';
        } else {
            append_json(out, member.node.leaf());
        }
    }
}

// Writes the mirror of a section. Most nodes share their time with the one before: it is formatted
// once.
class MetadataWriter {
public:
    explicit MetadataWriter(std::string& out) : out_(out) {}

    void append(const Node& node) {
        out_ += R"({"$lastUpdated":")";
        if (time_.empty() || node.stamp().updated != updated_) {
            updated_ = node.stamp().updated;
            time_.clear();
            append_instant(time_, updated_);
        }
        out_ += time_;
        out_ += '"';
        if (node.stamp().version != 0)
            append_number(out_, "$lastUpdatedVersion", node.stamp().version);
        if (node.is_object()) {
            for (const Member& member : node.object().members) {
                append_name(out_, member.key);
                append(member.node);
            }
        }
        out_ += '}';
    }

private:
    std::string& out_;
    Instant updated_{};
    std::string time_;
};

}  // namespace

void append_section(std::string& out, const Twin& twin, Part part, Metadata metadata) {
    const Node& root = twin.part(part);
    out += '{';
    append_values(out, root.object());
    if (part != Part::tags) {
        if (metadata == Metadata::with) {
            append_name(out, "$metadata");
            MetadataWriter(out).append(root);
        }
        append_number(out, "$version",
                      part == Part::desired ? twin.versions.desired : twin.versions.reported);
    }
    out += '}';
}

void append_device_view(std::string& out, const Twin& twin) {
    out += R"({"desired":)";
    append_section(out, twin, Part::desired, Metadata::without);
    out += R"(,"reported":)";
    append_section(out, twin, Part::reported, Metadata::without);
    out += '}';
}

void append_service_view(std::string& out, const IdentityFacts& identity, const Twin& twin) {
    out += '{';
    append_text(out, "deviceId", identity.device_id);
    if (!identity.module_id.empty()) append_text(out, "moduleId", identity.module_id);
    append_text(out, "etag", twin.etag());
    append_text(out, "deviceEtag", identity.device_etag);
    append_text(out, "status", identity.enabled ? "enabled" : "disabled");
    if (!identity.status_reason.empty()) append_text(out, "statusReason", identity.status_reason);
    append_time(out, "statusUpdateTime", identity.status_update_time);
    append_text(out, "connectionState", identity.connected ? "Connected" : "Disconnected");
    append_time(out, "lastActivityTime", identity.last_activity_time);
    append_number(out, "cloudToDeviceMessageCount", identity.cloud_to_device_message_count);
    append_text(out, "authenticationType", identity.authentication_type);
    append_name(out, "x509Thumbprint");
    out += '{';
    append_text_or_null(out, "primaryThumbprint", identity.primary_thumbprint);
    append_text_or_null(out, "secondaryThumbprint", identity.secondary_thumbprint);
    out += '}';
    append_text(out, "modelId", twin.model_id);
    append_number(out, "version", twin.versions.version);
    if (!twin.tags.object().members.empty()) {
        append_name(out, "tags");
        append_section(out, twin, Part::tags, Metadata::without);
    }
    append_name(out, "properties");
    out += R"({"desired":)";
    append_section(out, twin, Part::desired, Metadata::with);
    out += R"(,"reported":)";
    append_section(out, twin, Part::reported, Metadata::with);
    out += '}';
    append_name(out, "capabilities");
    out += identity.iot_edge ? R"({"iotEdge":true})" : R"({"iotEdge":false})";
    if (!identity.device_scope.empty()) append_text(out, "deviceScope", identity.device_scope);
    if (!identity.parent_scopes.empty()) {
        append_name(out, "parentScopes");
        out += '[';
        for (std::size_t i = 0; i < identity.parent_scopes.size(); ++i) {
            if (i > 0) out += ',';
            append_json_string(out, identity.parent_scopes[i]);
        }
        out += ']';
    }
    if (identity.configurations != nullptr) {
        append_name(out, "configurations");
        out += '{';
        append_values(out, *identity.configurations);
        out += '}';
    }
    out += '}';
}

}  // namespace twinhub::twin
