#pragma once

#include "query/plan.h"
#include "query/query_error.h"
#include "twin/drift/assessment.h"

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

// The questions and answers of tests/conformance/query-conformance.json (spec query-language 13).
namespace twinhub::query::testing {

struct ConformanceCase {
    std::string name;
    std::string query;
    Dialect dialect = Dialect::azure;
    bool ordered = false;
    // One of the three.
    std::optional<std::vector<json::object>> rows;
    std::optional<std::vector<std::string>> row_ids;  // of SELECT *
    std::optional<std::string> error_kind;
};

void PrintTo(const ConformanceCase& one, std::ostream* out);  // for GoogleTest

struct Conformance {
    Instant now;
    std::vector<json::object> devices, modules, jobs;
    std::vector<ConformanceCase> cases;

    const std::vector<json::object>& rows_of(Collection collection) const;
    // The same with what is known of their drift at `now` beside them: $drift.
    const std::vector<json::object>& judged_rows_of(Collection collection) const;
    std::vector<json::object> judged_devices, judged_modules;
};

// Read once.
const Conformance& conformance();

// tests/conformance/as-of-conformance.json, as it stands there (README.md beside it).
json::object as_of_conformance();

// The connection that a device of the table has: since when, it does not say.
twin::drift::Connection connection_of(const json::object& document);
// What $drift says of a twin: the pseudo-paths of the language, and `at`, what drift_cell reads.
json::object drift_members(const twin::drift::Assessment& assessment);

// How `row_ids` names a row: deviceId, deviceId/moduleId, jobId/deviceId.
std::string row_id(const json::object& row);

// "" when the rows answer the case, otherwise what differs. Order counts when the case says so.
std::string difference(const ConformanceCase& one, const std::vector<json::object>& rows);

}  // namespace twinhub::query::testing
