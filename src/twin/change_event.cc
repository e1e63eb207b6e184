#include "twin/change_event.h"

#include "twin/keys.h"
#include "twin/notification.h"
#include "twin/view.h"

namespace twinhub::twin {
namespace {

// The mirror of what was written: all of it has one stamp.
class WrittenMetadata {
public:
    WrittenMetadata(std::string& out, Instant at, std::uint64_t version) : out_(out) {
        stamp_ = R"("$lastUpdated":")";
        append_instant(stamp_, at);
        stamp_ += '"';
        if (version == 0) return;
        stamp_ += R"(,"$lastUpdatedVersion":)";
        append_json_number(stamp_, version);
    }

    void append(const json::object& written) {
        out_ += '{';
        out_ += stamp_;
        for (const json::key_value_pair& entry : written) {
            if (entry.value().is_null()) continue;
            out_ += ',';
            append_json_string(out_, key_of(entry));
            out_ += ':';
            if (const json::object* object = entry.value().if_object()) append(*object);
            else out_ += '{' + stamp_ + '}';
        }
        out_ += '}';
    }

private:
    std::string& out_;
    std::string stamp_;
};

void append_part(std::string& out, const Change& change, Part part) {
    const PartChange& written = *change.part(part);
    out += '{';
    append_written(out, written.forward, std::get_if<Node>(&written.inverse.was));
    if (part == Part::tags) {
        if (out.back() == ',') out.pop_back();
    } else {
        const bool desired = part == Part::desired;
        out += R"("$metadata":)";
        WrittenMetadata(out, change.at, desired ? change.after.desired : 0)
            .append(written.forward.body());
        out += R"(,"$version":)";
        append_json_number(out, desired ? change.after.desired : change.after.reported);
    }
    out += '}';
}

}  // namespace

void append_update_body(std::string& out, const Change& change) {
    out += R"({"version":)";
    append_json_number(out, change.after.version);
    if (change.tags) {
        out += R"(,"tags":)";
        append_part(out, change, Part::tags);
    }
    if (change.desired || change.reported) {
        out += R"(,"properties":{)";
        if (change.desired) {
            out += R"("desired":)";
            append_part(out, change, Part::desired);
        }
        if (change.reported) {
            out += change.desired ? R"(,"reported":)" : R"("reported":)";
            append_part(out, change, Part::reported);
        }
        out += '}';
    }
    out += '}';
}

void append_whole_body(std::string& out, std::string_view device_id, std::string_view module_id,
                       const Twin& twin) {
    const auto text = [&](std::string_view name, std::string_view value) {
        out += '"';
        out += name;
        out += "\":";
        append_json_string(out, value);
        out += ',';
    };
    out += '{';
    text("deviceId", device_id);
    if (!module_id.empty()) text("moduleId", module_id);
    if (!twin.model_id.empty()) text("modelId", twin.model_id);
    text("etag", twin.etag());
    out += R"("version":)";
    append_json_number(out, twin.versions.version);
    out += R"(,"tags":)";
    append_section(out, twin, Part::tags, Metadata::without);
    out += R"(,"properties":{"desired":)";
    append_section(out, twin, Part::desired, Metadata::with);
    out += R"(,"reported":)";
    append_section(out, twin, Part::reported, Metadata::with);
    out += "}}";
}

}  // namespace twinhub::twin
