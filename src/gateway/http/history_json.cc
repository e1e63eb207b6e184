#include "gateway/http/history_json.h"

#include "hub/changes/author_json.h"
#include "hub/changes/change_filter.h"
#include "query/time_text.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace twinhub::gateway::http {
namespace {

using hub::ChangeKind;
using hub::ChangeRecord;

constexpr std::size_t paths_max = 100;
constexpr std::size_t reason_bytes_max = 256;

std::string_view name_of(ChangeKind kind) {
    switch (kind) {
        case ChangeKind::twin: return "twin";
        case ChangeKind::created: return "created";
        case ChangeKind::deleted: return "deleted";
        case ChangeKind::identity: return "identity";
        case ChangeKind::model: return "model";
    }
    return "unknown";
}

std::string_view name_of(twin::Operation operation) {
    switch (operation) {
        case twin::Operation::patch: return "patch";
        case twin::Operation::replace: return "replace";
        case twin::Operation::report: return "report";
    }
    return "unknown";
}

std::string_view name_of(twin::Part part) {
    switch (part) {
        case twin::Part::tags: return "tags";
        case twin::Part::desired: return "desired";
        case twin::Part::reported: return "reported";
    }
    return "unknown";
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
    out += ",\"";
    out += name;
    out += "\":";
    append_json_string(out, text);
}
void append_if_any(std::string& out, std::string_view name, std::string_view text) {
    if (!text.empty()) append_member(out, name, text);
}
void append_member(std::string& out, std::string_view name, std::uint64_t number) {
    out += ",\"";
    out += name;
    out += "\":";
    append_json_number(out, number);
}
void append_member(std::string& out, std::string_view name, Instant at) {
    append_member(out, name, format_instant(at));
}

// The part that a change wrote with its version; "twin" when it wrote several.
void append_written(std::string& out, const twin::Change& change) {
    std::string_view part;
    for (const twin::Part each : twin::parts)
        if (change.part(each)) part = part.empty() ? name_of(each) : "twin";
    if (part.empty()) part = "twin";
    const twin::Versions& after = change.after;
    append_member(out, "part", part);
    append_member(out, "version",
                  part == "desired"    ? after.desired
                  : part == "reported" ? after.reported
                                       : after.version);
    append_member(out, "operation", name_of(change.operation));
    append_versions(out, after);
}

// How the device stands to a value that this change desired, as long as nobody desired another.
void append_state(std::string& out, const ChangeRecord& change, const twin::TouchedLeaf& leaf,
                  const hub::TwinDrift& drift) {
    if (leaf.part != twin::Part::desired) return;
    for (const auto& property : drift.assessment.properties)
        if (property.desired != nullptr && property.path == leaf.path &&
            property.verdict.desired_version == change.change.after.desired)
            append_member(out, "state", name_of(property.state));
}

void append_leaves(std::string& out, const ChangeRecord& change,
                   std::span<const twin::TouchedLeaf> leaves, const hub::TwinDrift* drift) {
    out += R"(,"leaves":[)";
    bool first = true;
    for (const twin::TouchedLeaf& leaf : leaves) {
        if (!std::exchange(first, false)) out += ',';
        out += R"({"part":)";
        append_json_string(out, name_of(leaf.part));
        append_member(out, "path", leaf.path);
        for (const auto& [name, value] :
             {std::pair("before", leaf.before), std::pair("after", leaf.after)}) {
            if (value == nullptr) continue;
            out += ",\"";
            out += name;
            out += "\":";
            append_json(out, *value);
        }
        if (drift != nullptr) append_state(out, change, leaf, *drift);
        out += '}';
    }
    out += ']';
}

void append_density(std::string& out, const std::vector<hub::DensityBucket>& density) {
    out += R"(,"density":[)";
    for (std::size_t i = 0; i < density.size(); ++i) {
        const hub::DensityBucket& bucket = density[i];
        out += i > 0 ? R"(,{"from":)" : R"({"from":)";
        append_json_string(out, format_instant(bucket.from));
        append_member(out, "to", bucket.to);
        for (const twin::Part part : twin::parts)
            if (const std::uint64_t count = bucket.parts[static_cast<std::size_t>(part)])
                append_member(out, name_of(part), count);
        if (bucket.identity != 0) append_member(out, "identity", bucket.identity);
        out += '}';
    }
    out += ']';
}

Result<std::vector<std::string>> texts(const json::object& body, std::string_view name) {
    TRY(const json::array* const array, array_member(body, name));
    std::vector<std::string> list;
    if (array == nullptr) return list;
    if (array->empty() || array->size() > paths_max)
        return failure(Code::argument_invalid,
                       "There must be 1 to " + std::to_string(paths_max) + " of them",
                       std::string(name));
    for (const json::value& value : *array) {
        const json::string* const text = value.if_string();
        if (text == nullptr)
            return failure(Code::argument_invalid, "It must hold texts", std::string(name));
        list.emplace_back(text->data(), text->size());
    }
    return list;
}

}  // namespace

Result<Instant> past_time(std::string_view text, Instant now, std::string_view where) {
    if (const auto ago = query::parse_time_ago(text)) return now - *ago;
    if (auto at = parse_instant(text)) return at;
    return failure(Code::argument_invalid,
                   "It takes a time, as 2026-11-20T14:00:00Z, or how long ago, as -PT1H",
                   std::string(where));
}

Result<std::uint64_t> count_of(std::string_view text, std::string_view where) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size())
        return failure(Code::argument_invalid, "It takes a number", std::string(where));
    return number;
}

Result<hub::PastPoint> past_point(const std::optional<std::string>& at,
                                  std::optional<std::uint64_t> at_version, std::string_view part,
                                  Instant now) {
    using By = hub::PastPoint::By;
    if (at.has_value() == at_version.has_value())
        return failure(Code::argument_invalid, "Give the moment as at, or as atVersion", "at");
    if (at) {
        TRY(const Instant time, past_time(*at, now, "at"));
        return hub::PastPoint::time(time);
    }
    hub::PastPoint point{.by = By::desired, .at = {}, .number = *at_version};
    if (part == "reported") point.by = By::reported;
    else if (part == "twin") point.by = By::version;
    else if (!part.empty() && part != "desired")
        return failure(Code::argument_invalid, "A version is of desired, reported or twin", "of");
    return point;
}

void append_versions(std::string& out, const twin::Versions& versions) {
    out += R"(,"versions":{"twin":)";
    append_json_number(out, versions.version);
    append_member(out, "desired", versions.desired);
    append_member(out, "reported", versions.reported);
    out += '}';
}

void append_change_members(std::string& out, const hub::KeptChange& kept,
                           std::span<const twin::TouchedLeaf> leaves, const hub::TwinDrift* drift) {
    const ChangeRecord& change = kept.record;
    out += R"("seq":)";
    append_json_number(out, kept.sequence);
    append_member(out, "at", change.at);
    append_member(out, "kind", name_of(change.kind));
    if (change.kind == ChangeKind::twin) append_written(out, change.change);
    else append_member(out, "part", "identity");
    append_member(out, "cause", hub::name_of(change.author.cause));
    out += R"(,"by":)";
    append_author(out, change.author, change.id);
    append_if_any(out, "reason", change.author.reason);
    append_if_any(out, "requestId", change.author.request_id);
    if (change.kind == ChangeKind::identity) append_if_any(out, "fields", change.detail);
    if (change.kind == ChangeKind::model) {
        const std::size_t nul = std::min(change.detail.find('\0'), change.detail.size());
        append_if_any(out, "modelBefore", change.detail.substr(0, nul));
        append_if_any(
            out, "modelAfter",
            std::string_view(change.detail).substr(std::min(nul + 1, change.detail.size())));
    }
    append_leaves(out, change, leaves, drift);
}

void append_history(std::string& out, const hub::HistoryPage& page,
                    const hub::HistoryFilter& filter, const HistoryExtras& extras) {
    std::string members;
    if (!page.changes.empty()) append_member(members, "from", page.changes.back().record.at);
    if (page.oldest_kept != never) append_member(members, "oldestKept", page.oldest_kept);
    if (page.next) append_member(members, "next", *page.next);
    members += R"(,"changes":[)";
    for (std::size_t i = 0; i < page.changes.size(); ++i) {
        if (i > 0) members += ',';
        members += '{';
        append_change_members(members, page.changes[i], leaves_of(page.changes[i].record, filter),
                              extras.drift);
        members += '}';
    }
    members += ']';
    if (extras.density != nullptr) append_density(members, *extras.density);
    out += '{';
    out.append(members, 1);
    out += '}';
}

Result<RestoreOrder> read_restore(const json::object& body, Instant now) {
    constexpr std::array known{"at", "atVersion", "of", "parts", "paths", "reason"};
    for (const auto& [key, value] : body)
        if (std::ranges::find(known, std::string_view(key)) == known.end())
            return failure(Code::argument_invalid, "A restore has no such member",
                           std::string(key));
    RestoreOrder order;
    TRY(const auto at, text_member(body, "at"));
    TRY(const auto number, integer_member(body, "atVersion"));
    TRY(const auto of, text_member(body, "of"));
    std::optional<std::uint64_t> version;
    if (number && *number < 0)
        return failure(Code::argument_invalid, "A version is not negative", "atVersion");
    if (number) version = static_cast<std::uint64_t>(*number);
    TRY(order.point, past_point(at, version, of.value_or(""), now));
    TRY(const std::vector<std::string> parts, texts(body, "parts"));
    if (!parts.empty()) order.scope.tags = order.scope.desired = false;
    for (const std::string& part : parts) {
        if (part == "tags") order.scope.tags = true;
        else if (part == "desired") order.scope.desired = true;
        else if (part == "reported")
            return failure(Code::argument_invalid,
                           "Reported properties are the device's own: tags and desired can be "
                           "restored",
                           "parts");
        else return failure(Code::argument_invalid, "The parts are tags and desired", "parts");
    }
    TRY(order.scope.paths, texts(body, "paths"));
    TRY(const auto reason, text_member(body, "reason"));
    order.reason = reason.value_or("");
    if (order.reason.size() > reason_bytes_max)
        return failure(Code::argument_invalid,
                       "The reason is longer than " + std::to_string(reason_bytes_max) + " bytes",
                       "reason");
    return order;
}

}  // namespace twinhub::gateway::http
