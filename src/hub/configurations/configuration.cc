#include "hub/configurations/configuration.h"

#include "base/bytes.h"
#include "base/encoding.h"
#include "base/ids.h"
#include "base/json_members.h"
#include "twin/rules.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace twinhub::hub {
namespace {

void append_time(std::string& out, Instant at) {
    append_signed(out, at.time_since_epoch().count());
}
Instant read_time(ByteReader& reader) { return Instant{Ticks{reader.signed_number()}}; }

Result<std::optional<json::object>> read_labels(const json::object& body) {
    TRY(const json::object* labels, object_member(body, "labels"));
    if (labels == nullptr) return std::optional<json::object>{};
    if (labels->size() > configuration_labels_max)
        return failure(
            Code::argument_invalid,
            "A configuration has at most " + std::to_string(configuration_labels_max) + " labels",
            "labels");
    for (const auto& [name, value] : *labels) {
        if (!value.is_string())
            return failure(Code::argument_invalid, "A label must be a text",
                           "labels." + twin::shown({name.data(), name.size()}));
        if (name.size() + value.get_string().size() > configuration_text_bytes_max)
            return failure(Code::argument_invalid, "A label is too long", "labels");
    }
    return std::optional(*labels);
}

Result<std::map<std::string, std::string, std::less<>>> read_metrics(const json::object& body) {
    std::map<std::string, std::string, std::less<>> queries;
    TRY(const json::object* metrics, object_member(body, "metrics"));
    if (metrics == nullptr) return queries;
    TRY(const json::object* texts, object_member(*metrics, "queries"));
    if (texts == nullptr) return queries;
    for (const auto& [name, text] : *texts) {
        const std::string shown = twin::shown({name.data(), name.size()});
        if (!text.is_string())
            return failure(Code::configuration_metric_invalid, "A metric is the text of a query",
                           "metrics.queries." + shown);
        if (name.empty() || name.size() > id_bytes_max)
            return failure(Code::configuration_metric_invalid,
                           "The name of a metric has 1 to 128 bytes", "metrics.queries");
        queries[std::string(name)] = text.get_string();
    }
    return queries;
}

bool begins_with_from(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos || text.size() - begin < 5) return false;
    return equals_ignoring_case(text.substr(begin, 4), "from") &&
           std::string_view(" \t\r\n").find(text[begin + 4]) != std::string_view::npos;
}

std::string targeted_query(const Configuration& configuration) {
    const std::string& condition = configuration.target_condition;
    const std::size_t begin = condition.find_first_not_of(" \t\r\n");
    if (begin == std::string::npos) return {};
    if (begins_with_from(condition)) return "select deviceId " + condition;
    const std::string from = configuration.content.kind == ContentKind::module
                                 ? "select deviceId from devices.modules"
                                 : "select deviceId from devices";
    const std::size_t end = condition.find_last_not_of(" \t\r\n");
    return condition.substr(begin, end + 1 - begin) == "*" ? from : from + " where " + condition;
}

}  // namespace

std::string Configuration::etag() const { return base64_encode(std::to_string(etag_number)); }

Result<> check_configuration_id(std::string_view id) {
    const auto is_allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               std::string_view("-+%_*!'").find(c) != std::string_view::npos;
    };
    if (id.empty() || id.size() > id_bytes_max || !std::ranges::all_of(id, is_allowed))
        return failure(Code::argument_invalid,
                       "The id of a configuration has 1 to 128 of the characters a-z, 0-9 and "
                       "- + % _ * ! '",
                       "id");
    return {};
}

Result<Configuration> read_configuration(std::string_view id, const json::object& body) {
    TRY_VOID(check_configuration_id(id));
    Configuration read;
    read.id = id;
    TRY(auto schema_version, text_member(body, "schemaVersion"));
    if (schema_version && schema_version->size() > id_bytes_max)
        return failure(Code::argument_invalid, "The version has at most 128 bytes",
                       "schemaVersion");
    read.schema_version = schema_version.value_or("");
    TRY(read.labels, read_labels(body));
    TRY(const json::object* content, object_member(body, "content"));
    if (content == nullptr)
        return failure(Code::configuration_content_invalid, "The content is missing", "content");
    TRY(read.content, parse_content(*content));
    TRY(auto condition, text_member(body, "targetCondition"));
    read.target_condition = condition.value_or("");
    TRY(const auto priority, integer_member(body, "priority"));
    using Limits = std::numeric_limits<std::int32_t>;
    if (priority && (*priority < Limits::min() || *priority > Limits::max()))
        return failure(Code::argument_invalid, "The priority has 32 bits", "priority");
    read.priority = static_cast<std::int32_t>(priority.value_or(0));
    TRY(read.metrics, read_metrics(body));
    return read;
}

bool outranks(const Configuration& a, const Configuration& b) {
    // Two can be made in the same tick: then the id decides, which does not change.
    return std::tie(b.priority, b.created, a.id) < std::tie(a.priority, a.created, b.id);
}

std::string status_path(std::string_view id) {
    return "configurations.[[" + std::string(id) + "]].status";
}

std::map<std::string, std::string> system_metrics(const Configuration& configuration) {
    std::map<std::string, std::string> queries;
    queries["targetedCount"] = targeted_query(configuration);
    const std::string applied = status_path(configuration.id) + " = 'Applied'";
    switch (configuration.content.kind) {
        case ContentKind::device:
            queries["appliedCount"] = "select deviceId from devices where " + applied;
            break;
        case ContentKind::module:
            queries["appliedCount"] = "select deviceId from devices.modules where " + applied;
            break;
        case ContentKind::edge: {
            const std::string agents =
                "select deviceId from devices.modules where moduleId = '$edgeAgent' and " + applied;
            const std::string answered =
                agents +
                " and properties.desired.$version = properties.reported.lastDesiredVersion"
                " and properties.reported.lastDesiredStatus.code ";
            queries["appliedCount"] = agents;
            queries["reportedSuccessfulCount"] = answered + "= 200";
            queries["reportedFailedCount"] = answered + "!= 200";
            break;
        }
    }
    return queries;
}

void append_encoded(std::string& out, const Configuration& configuration) {
    append_text(out, configuration.id);
    append_text(out, configuration.schema_version);
    append_text(out, configuration.labels ? to_text(json::value(*configuration.labels)) : "");
    append_text(out, to_text(json::value(configuration.content.source)));
    append_text(out, configuration.target_condition);
    append_signed(out, configuration.priority);
    append_varint(out, configuration.metrics.size());
    for (const auto& [name, query] : configuration.metrics) {
        append_text(out, name);
        append_text(out, query);
    }
    append_time(out, configuration.created);
    append_time(out, configuration.updated);
    append_varint(out, configuration.etag_number);
    append_varint(out, configuration.revision);
    append_text(out, configuration.author.principal);
    append_text(out, configuration.author.request_id);
    append_text(out, configuration.author.client);
}

Result<Configuration> decode_configuration(std::string_view bytes) {
    ByteReader reader(bytes);
    const auto damaged = [&reader] {
        return failure(Code::corrupted, "A configuration cannot be read",
                       "offset " + std::to_string(reader.offset()));
    };
    Configuration read;
    read.id = reader.text();
    read.schema_version = reader.text();
    const std::string_view labels = reader.text();
    const std::string_view content = reader.text();
    read.target_condition = reader.text();
    read.priority = static_cast<std::int32_t>(reader.signed_number());
    const std::uint64_t metrics = reader.varint();
    for (std::uint64_t i = 0; i < metrics && !reader.failed(); ++i) {
        std::string name(reader.text());
        read.metrics[std::move(name)] = reader.text();
    }
    read.created = read_time(reader);
    read.updated = read_time(reader);
    read.etag_number = reader.varint();
    read.revision = reader.varint();
    read.author.principal = reader.text();
    read.author.request_id = reader.text();
    read.author.client = reader.text();
    if (reader.failed()) return damaged();
    if (!labels.empty()) {
        auto parsed = parse_json(labels);
        if (!parsed || !parsed->is_object()) return damaged();
        read.labels = std::move(parsed->get_object());
    }
    auto parsed = parse_json(content);
    if (!parsed || !parsed->is_object()) return damaged();
    auto checked = parse_content(parsed->get_object());
    if (!checked) return damaged();
    read.content = std::move(*checked);
    return read;
}

}  // namespace twinhub::hub
