#include "hub/as_of/past_plan.h"

#include "query/narrow.h"

#include <algorithm>

namespace twinhub::hub {

using query::Path;

query::Plan past_plan(const query::Plan& plan) {
    query::Plan past = plan;
    for (const query::Expr& expr : plan.exprs) {
        if (expr.op != query::Op::call || expr.function != query::Function::drift_state) continue;
        query::Expr& connection = past.exprs[expr.operands[2]];
        connection.op = query::Op::constant;
        connection.constant = "Connected";
    }
    static const std::vector<Path> unknown{
        Path{.segments = {"connectionState"}, .time = false},
        Path{.segments = {"lastActivityTime"}, .time = true},
        Path{.segments = {"cloudToDeviceMessageCount"}, .time = false},
        Path{.segments = {"configurations"}, .time = false},
        Path{.segments = {"$connection"}, .time = false},
        Path{.segments = {"$drift", "since"}, .time = true},
        Path{.segments = {"$drift", "convergeSeconds"}, .time = false},
    };
    for (const Path& path : unknown) query::hide(past, path);
    return past;
}

bool reads_drift(const query::Plan& plan) {
    return std::ranges::any_of(
        plan.paths, [](const Path& path) { return path.segments[0] == query::Segment("$drift"); });
}

}  // namespace twinhub::hub
