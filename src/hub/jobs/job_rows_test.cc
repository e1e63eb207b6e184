// What became of jobs at each device, as queries see it.
#include "hub/testing/jobs.h"
#include "hub/testing/stored_jobs.h"
#include "query/testing/conformance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace twinhub::hub {
namespace {

using namespace hub::testing;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(JobRows, AnswerEveryCaseOfTheConformanceTable) {
    using query::testing::conformance;
    std::map<std::string, JobRows::Source> sources;
    std::vector<json::object> shown;
    for (const StoredJob& job : stored_jobs(conformance().jobs)) {
        JobRows::Source& source = sources[job.spec.id];
        source.spec = std::make_shared<const JobSpec>(job.spec);
        source.state = job.state;
        for (const JobDevice& device : job.devices) {
            shown.push_back(job_row(job.spec, job.state, device));
            const std::string key = job_group_key(job.spec.id, device.id);
            source.open[key] = {.key = key, .devices = {device}};
        }
    }
    EXPECT_EQ(shown, conformance().jobs);
    // What is open is found where the store has its older self.
    store::MemoryEngine engine;
    store::Batch batch;
    for (const auto& [id, source] : sources)
        for (const auto& [key, group] : source.open)
            batch.put(store::Family::metadata, key, stored_group({.key = key}));
    const store::Batch* const one = &batch;
    ASSERT_TRUE(engine.commit(std::span(&one, 1)));
    const TestClock clock;
    int checked = 0;
    for (const query::testing::ConformanceCase& each : conformance().cases) {
        if (each.error_kind) continue;
        auto compiled = query::compile(each.query, {.dialect = each.dialect});
        ASSERT_TRUE(compiled);
        if (compiled->collection != query::Collection::jobs) continue;
        SCOPED_TRACE(each.name);
        const auto plan = std::make_shared<const query::Plan>(std::move(*compiled));
        std::vector<json::object> rows;
        std::string cursor;
        do {
            auto asked = JobRows::begin(plan, {.cursor = cursor, .rows_max = 1}, clock);
            ASSERT_TRUE(asked) << asked.error().message;
            for (const auto& [id, source] : sources)
                if (asked->wants(id)) asked->add(source);
            const auto page = asked->read(engine);
            ASSERT_TRUE(page);
            for (const std::string& row : page->rows)
                rows.push_back(parse_json(row).value().as_object());
            cursor = page->cursor;
        } while (!cursor.empty());
        EXPECT_EQ(query::testing::difference(each, rows), "");
        ++checked;
    }
    EXPECT_GE(checked, 6);
}

TEST(JobRows, RefuseWhatTheyDoNotHave) {
    TestHub hub;
    for (const char* clause :
         {" ORDER BY deviceId", " WHERE deviceId = 'a' ORDER BY status DESC"}) {
        const auto page = hub.run(hub.hub().jobs().devices(
            plan_of("SELECT * FROM devices.jobs" + std::string(clause)), {}));
        EXPECT_EQ(page.error().code, Code::argument_invalid) << clause;
    }
    const auto page =
        hub.run(hub.hub().jobs().devices(plan_of("SELECT * FROM devices.jobs"), {.cursor = "x"}));
    EXPECT_EQ(page.error().code, Code::argument_invalid);
}

// --- trouble ----------------------------------------------------------------------------------

}  // namespace
}  // namespace twinhub::hub
