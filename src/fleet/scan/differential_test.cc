// A scan gives what a naive reading of all documents gives. Each property asks many queries of many
// fleets; RC_PARAMS="max_success=N" and
// TWINHUB_LARGE_FLEETS=N make it more.
#include "fleet/testing/any_fleet.h"
#include "fleet/testing/run_query.h"
#include "query/compile.h"
#include "query/document_row.h"
#include "query/testing/generators.h"
#include "query/testing/reference.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace twinhub::fleet {
namespace {

using query::testing::canonical_json;

const Instant now = parse_instant("2026-03-01T12:00:00Z").value();

std::size_t below(std::size_t bound) { return *rc::gen::inRange<std::size_t>(0, bound); }

query::Plan any_plan() {
    const std::string text = *query::testing::any_query(query::Dialect::extended);
    const auto missing =
        *rc::gen::element(query::MissingCompares::undefined, query::MissingCompares::different);
    auto plan = query::compile(text, {.missing = missing});
    if (!plan) RC_FAIL(text + ": " + plan.error().message);
    return *std::move(plan);
}

// Devices and modules: two tables a shard.
struct Fleets {
    explicit Fleets(std::size_t shards) : devices(shards), modules(shards) {}
    testing::AnyFleet devices;
    testing::AnyFleet modules;

    testing::AnyFleet& of(const query::Plan& plan) {
        return plan.collection == query::Collection::modules ? modules : devices;
    }
    void change_any() { below(4) == 0 ? modules.change_any(true) : devices.change_any(false); }
};

// Groups by arrays and objects come in an order of their own.
bool groups_trees(const query::Plan& plan, const std::vector<json::object>& documents) {
    for (const query::PathIndex path : plan.group_by)
        for (const json::object& document : documents) {
            const query::Value value = query::find(document, plan.paths[path]);
            if (value.is(query::Type::array) || value.is(query::Type::object)) return true;
        }
    return false;
}

void check(const query::Plan& plan, testing::AnyFleet& fleet, const testing::Steps& steps) {
    const std::vector<json::object> documents = fleet.documents();
    const std::vector<json::object> wanted = query::testing::answer(plan, documents, now);
    const std::vector<testing::ModelFleet*> shards = fleet.shards();
    const auto answer = testing::run_query(plan, shards, now, steps);
    if (!answer) RC_FAIL(plan.text + ": " + answer.error().message);
    std::vector<std::string> expected;
    for (const json::object& row : wanted) expected.push_back(canonical_json(row));
    std::vector<std::string> found;
    for (const std::string& row : *answer) found.push_back(canonical_json(parse_json(row).value()));
    if (groups_trees(plan, documents)) {
        if (plan.limit || plan.offset > 0) {
            RC_ASSERT(found.size() == expected.size());
            return;
        }
        std::ranges::sort(found);
        std::ranges::sort(expected);
    }
    if (found == expected) return;
    RC_LOG() << plan.text
             << "\nmissing different: " << (plan.missing == query::MissingCompares::different)
             << "\nfound\n";
    for (const std::string& row : found) RC_LOG() << "  " << row << '\n';
    RC_LOG() << "expected\n";
    for (const std::string& row : expected) RC_LOG() << "  " << row << '\n';
    RC_FAIL("another answer");
}

testing::Steps any_steps() {
    return {.blocks = 1,
            .page = 1 + below(5),
            .walk = 1 + below(4),
            .between = [] {},
            .options = {.documents_max = 1 + below(4)}};
}

RC_GTEST_PROP(Scan, SaysWhatANaiveReadingSays, ()) {
    Fleets fleets(1 + below(3));
    for (std::size_t i = below(30); i > 0; --i) fleets.devices.put_any(false);
    for (std::size_t i = below(10); i > 0; --i) fleets.modules.put_any(true);
    for (int round = 0; round < 20; ++round) {
        const query::Plan plan = any_plan();
        check(plan, fleets.of(plan), any_steps());
        for (std::size_t i = below(4); i > 0; --i) fleets.change_any();
    }
}

RC_GTEST_PROP(Scan, SeesTheFleetAsItWasAtItsStart, ()) {
    Fleets fleets(1 + below(2));
    for (std::size_t i = below(20); i > 0; --i) fleets.devices.put_any(false);
    for (std::size_t i = below(10); i > 0; --i) fleets.modules.put_any(true);
    for (int round = 0; round < 20; ++round) {
        const query::Plan plan = any_plan();
        testing::Steps steps = any_steps();
        steps.between = [&] {
            if (below(3) == 0) fleets.change_any();
        };
        check(plan, fleets.of(plan), steps);
    }
}

// Several blocks a shard, columns in all forms, rows that change between two blocks.
void check_large_fleet(bool with_writers) {
    Fleets fleets(2);
    fleets.devices.put_many(8'600);
    for (std::size_t i = 0; i < 10; ++i) fleets.modules.put_any(true);
    for (int round = 0; round < 5; ++round) {
        const query::Plan plan = any_plan();
        testing::Steps steps = any_steps();
        steps.page = 1 + below(3000);
        steps.walk = 1 + below(3000);
        steps.options.documents_max = 500;
        if (with_writers)
            steps.between = [&] {
                for (std::size_t i = below(20); i > 0; --i) fleets.change_any();
            };
        check(plan, fleets.of(plan), steps);
    }
}

// Large fleets cost seconds: only the first cases build one, and a failure is not shrunk.
class FewCases {
public:
    bool next() { return made_++ < cases_max(); }

private:
    static int cases_max() {
        const char* cases = std::getenv("TWINHUB_LARGE_FLEETS");
        return cases != nullptr ? std::atoi(cases) : 1;
    }
    int made_ = 0;
};

RC_GTEST_PROP(Scan, SaysWhatANaiveReadingSaysOfLargeFleets, ()) {
    static FewCases cases;
    if (cases.next()) check_large_fleet(false);
}

RC_GTEST_PROP(Scan, SeesALargeFleetAsItWasAtItsStart, ()) {
    static FewCases cases;
    if (cases.next()) check_large_fleet(true);
}

}  // namespace
}  // namespace twinhub::fleet
