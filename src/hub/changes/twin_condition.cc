#include "hub/changes/twin_condition.h"

#include "base/json.h"
#include "hub/history/twin_then.h"
#include "query/compile.h"
#include "query/document_row.h"
#include "query/evaluate.h"
#include "query/narrow.h"

namespace twinhub::hub {

Result<std::shared_ptr<TwinCondition>> TwinCondition::compile(std::string_view where) {
    auto plan = query::compile("SELECT * FROM devices");
    CHECK(plan.has_value());
    auto condition = query::compile_condition(where, query::Place::job);
    if (!condition) return failure(Code::argument_invalid, condition.error().message, "where");
    if (condition->collection != plan->collection)
        return failure(Code::argument_invalid, "The condition must be about devices", "where");
    query::narrow(*plan, *condition);
    return std::shared_ptr<TwinCondition>(new TwinCondition(std::move(*plan)));
}

Result<bool> TwinCondition::holds(const std::shared_ptr<const store::Snapshot>& snapshot,
                                  const KeptChange& change) {
    TRY(const std::optional<twin::Twin> after, twins_.after(snapshot, change));
    if (!after) return false;
    std::string text;
    append_twin_then(text, change.record.id, *after);
    TRY(const json::value document, parse_json(text));
    query::Evaluator evaluator(plan_, change.record.at);
    query::DocumentRow row(plan_, document.as_object());
    return evaluator.passes(row);
}

}  // namespace twinhub::hub
