// Any bytes as a query and as a condition, in both dialects: refused with a place inside the text,
// or a plan that can be evaluated, printed, narrowed and hidden from, and says the same when
// compiled again.
#include "base/json.h"
#include "base/result.h"
#include "query/compile.h"
#include "query/document_row.h"
#include "query/narrow.h"
#include "query/print.h"

#include <cstddef>
#include <cstdint>

namespace {

using namespace twinhub;
using namespace twinhub::query;

constexpr Instant now{std::chrono::seconds{1'772'366'400}};

const json::object& document() {
    static const json::object made =
        parse_json(R"({"deviceId":"chiller-01","status":"enabled","version":7,
            "lastActivityTime":"2026-03-01T10:15:30.1234567Z",
            "x509Thumbprint":{"primaryThumbprint":null},
            "tags":{"type":"chiller","site":{"region":"EU","floor":1},"active":true,"group":"north",
                    "labels":["critical","rented"],"at":{"lat":52.5,"lon":13.4},"note":"it's \"hot\" é"},
            "properties":{"desired":{"fw":"2.1.0","telemetry":{"interval":60},"$version":4,
                                     "$metadata":{"$lastUpdated":"2026-02-25T00:00:00Z"}},
                          "reported":{"fw":"2.1.0","battery":88.5,"$version":9}}})")
            .value()
            .as_object();
    return made;
}

Truth truth_in(const Plan& plan) {
    if (!plan.where) return Truth::yes;
    DocumentRow row(plan, document());
    return Evaluator(plan, now).truth(*plan.where, row);
}

void check_error(const QueryError& error, std::string_view text) {
    CHECK(error.offset <= text.size());
    CHECK(error.column >= 1 && error.line >= 1 && !error.message.empty());
}

void check_plan(const Plan& plan) {
    const Truth truth = truth_in(plan);
    if (plan.where) {
        const std::string printed = to_text(plan, *plan.where);
        const auto again = compile_condition(
            plan.collection == Collection::modules ? "FROM devices.modules WHERE " + printed
                                                   : printed,
            Place::job, {.dialect = Dialect::extended, .missing = plan.missing});
        // What is printed may be longer than what was read.
        if (plan.collection != Collection::jobs && printed.size() < 8000) {
            CHECK(again);
            CHECK((truth_in(*again) == Truth::yes) == (truth == Truth::yes));
        }
    }
    for (std::size_t i = 0; i < plan.exprs.size(); ++i)
        for (const ExprIndex operand : plan.exprs[i].operands) CHECK(operand < i);

    Plan bound = plan;
    hide(bound, Path{{"tags", "site"}});
    const auto added = compile_condition("tags.site.region = 'EU'", Place::job);
    if (plan.collection == Collection::devices) {
        narrow(bound, *added);
        (void)truth_in(bound);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto extended = compile(text);
    const auto azure = compile(text, {.dialect = Dialect::azure});
    if (extended) {
        check_plan(*extended);
    } else {
        check_error(extended.error(), text);
    }
    if (azure) {
        CHECK(extended);  // a superset
        CHECK(truth_in(*azure) == truth_in(*extended));
    } else {
        check_error(azure.error(), text);
    }
    for (const Dialect dialect : {Dialect::azure, Dialect::extended}) {
        const auto condition = compile_condition(text, Place::target, {.dialect = dialect});
        if (condition) {
            check_plan(*condition);
        } else {
            check_error(condition.error(), text);
        }
    }
    return 0;
}
