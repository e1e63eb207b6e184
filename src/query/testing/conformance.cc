#include "query/testing/conformance.h"

#include "query/testing/reference.h"
#include "twin/drift/paths.h"
#include "twin/testing/from_document.h"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace twinhub::query::testing {
namespace {

json::value read_table(const char* name) {
    std::ifstream file(TWINHUB_SOURCE_DIR "/tests/conformance/" + std::string(name));
    std::ostringstream text;
    text << file.rdbuf();
    auto parsed = parse_json(text.str(), {.bytes_max = 16 << 20});
    CHECK(parsed);
    return std::move(*parsed);
}

std::string text_of(const json::value& value) { return std::string(value.as_string()); }

ConformanceCase read_case(const json::object& source) {
    ConformanceCase one;
    one.name = text_of(source.at("name"));
    one.query = text_of(source.at("query"));
    if (const auto* dialect = source.if_contains("dialect"))
        one.dialect = *dialect == "extended" ? Dialect::extended : Dialect::azure;
    one.ordered = source.contains("ordered") && source.at("ordered").as_bool();
    const json::object& expect = source.at("expect").as_object();
    if (const auto* rows = expect.if_contains("rows"))
        for (one.rows.emplace(); const json::value& row : rows->as_array())
            one.rows->push_back(row.as_object());
    if (const auto* ids = expect.if_contains("rowIds"))
        for (one.row_ids.emplace(); const json::value& id : ids->as_array())
            one.row_ids->push_back(text_of(id));
    if (const auto* error = expect.if_contains("error"))
        one.error_kind = text_of(error->as_object().at("kind"));
    return one;
}

Conformance read_all() {
    const json::value table = read_table("query-conformance.json");
    const json::object& root = table.as_object();
    Conformance all;
    all.now = parse_instant(text_of(root.at("now"))).value();
    for (const json::value& twin : root.at("twins").as_array()) {
        const json::object& document = twin.as_object();
        (document.contains("moduleId") ? all.modules : all.devices).push_back(document);
    }
    const auto judged = [&](json::object document) {
        const bool is_edge =
            document.contains("moduleId") && text_of(document.at("moduleId")).starts_with("$edge");
        document["$drift"] = drift_members(twin::drift::assess(
            twin::testing::twin_from(document), {}, is_edge, connection_of(document), all.now));
        return document;
    };
    for (const json::object& device : all.devices) all.judged_devices.push_back(judged(device));
    for (const json::object& module : all.modules) all.judged_modules.push_back(judged(module));
    for (const json::value& job : root.at("jobs").as_array()) all.jobs.push_back(job.as_object());
    for (const json::value& one : root.at("cases").as_array())
        all.cases.push_back(read_case(one.as_object()));
    return all;
}

std::string listed(const std::vector<std::string>& texts) {
    std::string out;
    for (const std::string& text : texts) out += "\n  " + text;
    return out;
}

}  // namespace

void PrintTo(const ConformanceCase& one, std::ostream* out) { *out << one.query; }

const std::vector<json::object>& Conformance::rows_of(Collection collection) const {
    return collection == Collection::devices   ? devices
           : collection == Collection::modules ? modules
                                               : jobs;
}

const std::vector<json::object>& Conformance::judged_rows_of(Collection collection) const {
    return collection == Collection::devices   ? judged_devices
           : collection == Collection::modules ? judged_modules
                                               : jobs;
}

json::object as_of_conformance() { return read_table("as-of-conformance.json").as_object(); }

const Conformance& conformance() {
    static const Conformance all = read_all();
    return all;
}

twin::drift::Connection connection_of(const json::object& document) {
    return {.connected = document.at("connectionState") == "Connected",
            .since = never,
            .seen = parse_instant(text_of(document.at("lastActivityTime"))).value()};
}

json::object drift_members(const twin::drift::Assessment& assessment) {
    using twin::drift::State;
    json::object at;
    const auto worsen = [&](std::string_view path, State state) {
        if (state <= State::converged) return;
        const json::value* known = at.if_contains(path);
        if (known == nullptr || twin::drift::state_of(text_of(*known)) < state)
            at[path] = twin::drift::name_of(state);
    };
    json::object counts;
    for (const State state : twin::drift::states)
        if (const auto count = assessment.counts[twin::drift::index_of(state)]; count != 0)
            counts[twin::drift::name_of(state)] = static_cast<double>(count);
    for (const auto& property : assessment.properties) {
        const twin::drift::Keys keys = twin::drift::keys_of(property.path);
        for (std::size_t depth = 1; depth <= keys.size(); ++depth)
            worsen(twin::drift::above(keys, property.path, depth), property.state);
    }
    json::object members{{"state", twin::drift::name_of(assessment.state)},
                         {"since", format_instant(assessment.since)},
                         {"counts", std::move(counts)},
                         {"at", std::move(at)}};
    const auto* worst = assessment.worst();
    if (worst == nullptr || worst->state <= State::converged) return members;
    members["path"] = worst->path;
    members["reason"] = twin::drift::name_of(worst->verdict.reason);
    if (worst->verdict.code) members["code"] = static_cast<double>(*worst->verdict.code);
    if (!worst->verdict.words.empty()) members["words"] = worst->verdict.words;
    return members;
}

std::string row_id(const json::object& row) {
    std::string id = text_of(row.at("deviceId"));
    if (const auto* job = row.if_contains("jobId")) return text_of(*job) + "/" + id;
    if (const auto* module = row.if_contains("moduleId")) id += "/" + text_of(*module);
    return id;
}

std::string difference(const ConformanceCase& one, const std::vector<json::object>& rows) {
    std::vector<std::string> wanted, got;
    if (one.row_ids) {
        wanted = *one.row_ids;
        for (const json::object& row : rows) got.push_back(row_id(row));
    } else if (one.rows) {
        for (const json::object& row : *one.rows) wanted.push_back(canonical_json(row));
        for (const json::object& row : rows) got.push_back(canonical_json(row));
    } else {
        return "an error was expected";
    }
    if (!one.ordered) {
        std::ranges::sort(wanted);
        std::ranges::sort(got);
    }
    if (wanted == got) return {};
    return "expected:" + listed(wanted) + "\ngot:" + listed(got);
}

}  // namespace twinhub::query::testing
