// Scheduled jobs through the hub: what they do to devices, when, and what is left after a crash.
#include "hub/jobs/jobs.h"

#include "hub/jobs/job_rows.h"
#include "hub/testing/histories.h"
#include "query/testing/conformance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace twinhub::hub {
namespace {

using namespace hub::testing;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Fault = store::MemoryEngine::Fault;

constexpr std::string_view fan =
    R"({"etag":"*","tags":{"a":1},"properties":{"desired":{"fan":2}}})";

std::string body_of(std::string_view condition, std::string_view task = fan,
                    std::string_view more = {}) {
    return R"({"type":"scheduleUpdateTwin","updateTwin":)" + std::string(task) +
           R"(,"queryCondition":")" + std::string(condition) + "\"" + std::string(more) + "}";
}
std::string method_body(std::string_view condition, std::string_view more = {}) {
    return R"({"type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":"reboot",)"
           R"("responseTimeoutInSeconds":30},"queryCondition":")" +
           std::string(condition) + "\"" + std::string(more) + "}";
}

Result<JobView> create_job(TestHub& hub, const std::string& id, const std::string& body) {
    auto spec = read_job(id, parse_json(body).value().as_object(),
                         Author{.principal = "iothubowner", .client = "10.0.0.1"},
                         hub.clock().now(), hub.hub().settings().jobs.ahead_max);
    if (!spec) return std::unexpected(spec.error());
    return hub.run(hub.hub().jobs().create(std::move(*spec)));
}
JobView job(TestHub& hub, const std::string& id) {
    const auto found = hub.run(hub.hub().jobs().get(id));
    EXPECT_TRUE(found && *found) << id;
    return found && *found ? **found : JobView{};
}
std::string status_of(TestHub& hub, const std::string& id) {
    return std::string(name_of(job(hub, id).state.status));
}
void tick_until_ended(TestHub& hub, const std::string& id, int ticks = 200) {
    while (ticks-- > 0 && !has_ended(job(hub, id).state.status)) hub.tick();
}

void create(TestHub& hub, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) hub.create(spec_of("d" + std::to_string(i)));
}

// Rows of devices.jobs, page by page.
std::vector<json::object> rows_of(TestHub& hub, std::string_view where, std::size_t page_rows = 3) {
    std::vector<json::object> rows;
    const auto plan = plan_of("SELECT * FROM devices.jobs" +
                              (where.empty() ? std::string() : " WHERE " + std::string(where)));
    std::string cursor;
    do {
        const auto page = hub.run(
            hub.hub().jobs().devices(plan, {.cursor = std::move(cursor), .rows_max = page_rows}));
        EXPECT_TRUE(page) << (page ? "" : page.error().message);
        if (!page) break;
        EXPECT_LE(page->rows.size(), page_rows);
        for (const std::string& row : page->rows)
            rows.push_back(parse_json(row).value().as_object());
        cursor = page->cursor;
    } while (!cursor.empty());
    return rows;
}
std::vector<std::string> statuses(TestHub& hub, std::string_view where) {
    std::vector<std::string> found;
    for (const json::object& row : rows_of(hub, where))
        found.push_back(std::string(row.at("deviceId").as_string()) + " " +
                        std::string(row.at("status").as_string()));
    std::ranges::sort(found);
    return found;
}

std::map<std::string, int> changes_by(TestHub& hub, const std::string& id) {
    std::map<std::string, int> counts;
    const auto cursor = hub.engine().scan(store::Family::changes, store::Range{});
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        const auto opened = store::open(store::Kind::change, change_record_format, "changes",
                                        cursor->key(), cursor->value());
        const ChangeRecord record = decode_change_record(opened.value().body).value();
        if (record.author.principal != principal_of_work("job", id)) continue;
        EXPECT_EQ(record.author.cause, Cause::job);
        EXPECT_EQ(record.author.on_behalf_of, "iothubowner");
        EXPECT_EQ(record.author.client, "10.0.0.1");
        ++counts[record.id.text()];
    }
    return counts;
}

TEST(Jobs, PatchEveryTwinThatTheConditionNames) {
    TestHub hub;
    create(hub, 5);
    ASSERT_TRUE(hub.patch(id_of("d1"), R"({"tags":{"site":"x"}})"));
    ASSERT_TRUE(hub.patch(id_of("d3"), R"({"tags":{"site":"x"}})"));
    const auto created = create_job(hub, "j1", body_of("tags.site = 'x'"));
    ASSERT_TRUE(created) << created.error().message;
    EXPECT_EQ(created->state.status, JobStatus::queued);
    tick_until_ended(hub, "j1");
    const JobView ended = job(hub, "j1");
    EXPECT_EQ(ended.state.status, JobStatus::completed) << ended.state.failure_reason;
    EXPECT_EQ(ended.state.devices, 2u);
    EXPECT_EQ(ended.state.succeeded, 2u);
    EXPECT_EQ(ended.state.failed, 0u);
    EXPECT_EQ(ended.spec.task, fan) << "echoed, though the job has ended";
    EXPECT_EQ(ended.spec.condition, "tags.site = 'x'");
    EXPECT_EQ(to_text(hub.view(id_of("d1")).twin.tags.to_json()), R"({"a":1,"site":"x"})");
    EXPECT_EQ(changes_by(hub, "j1"), (std::map<std::string, int>{{"d1", 1}, {"d3", 1}}));
    EXPECT_THAT(statuses(hub, "jobId = 'j1'"), ElementsAre("d1 completed", "d3 completed"));
    EXPECT_EQ(wrong_with(hub), "");
}

TEST(Jobs, TakeAllDevicesForAnEmptyConditionAndAStar) {
    for (const char* condition : {"", "*", "  "}) {
        TestHub hub;
        create(hub, 4);
        ASSERT_TRUE(create_job(hub, "all", body_of(condition)));
        tick_until_ended(hub, "all");
        EXPECT_EQ(job(hub, "all").state.succeeded, 4u) << condition;
    }
}

TEST(Jobs, TakeModules) {
    TestHub hub;
    create(hub, 2);
    hub.create(spec_of("d0", "m"));
    ASSERT_TRUE(create_job(hub, "mods", body_of("FROM devices.modules WHERE moduleId = 'm'")));
    tick_until_ended(hub, "mods");
    EXPECT_EQ(changes_by(hub, "mods"), (std::map<std::string, int>{{"d0/m", 1}}));
    const auto rows = rows_of(hub, "jobId = 'mods'");
    ASSERT_THAT(rows, SizeIs(1));
    EXPECT_EQ(rows[0].at("moduleId").as_string(), "m");
}

TEST(Jobs, TakeNobodyWhenNobodyFits) {
    TestHub hub;
    create(hub, 2);
    ASSERT_TRUE(create_job(hub, "none", body_of("tags.x = 1")));
    tick_until_ended(hub, "none");
    EXPECT_EQ(status_of(hub, "none"), "completed");
    EXPECT_EQ(job(hub, "none").state.devices, 0u);
}

TEST(Jobs, FailForAConditionThatIsNone) {
    TestHub hub;
    create(hub, 2);
    ASSERT_TRUE(create_job(hub, "bad", body_of("tags.x ~ 1"))) << "it is taken all the same";
    tick_until_ended(hub, "bad");
    EXPECT_EQ(status_of(hub, "bad"), "failed");
    EXPECT_THAT(job(hub, "bad").state.failure_reason, HasSubstr("condition"));
    EXPECT_THAT(changes_by(hub, "bad"), IsEmpty());
}

TEST(Jobs, CompleteThoughADeviceRefuses) {
    TestHub hub;
    create(hub, 2);
    const std::string big = R"({"etag":"*","tags":{"b":")" + std::string(4000, 'x') + R"("}})";
    const std::string bigger = R"({"tags":{"c":")" + std::string(3500, 'y') + R"(","d":")" +
                               std::string(3500, 'y') + R"("}})";
    ASSERT_TRUE(hub.patch(id_of("d1"), bigger));
    ASSERT_TRUE(create_job(hub, "big", body_of("", big)));
    tick_until_ended(hub, "big");
    const JobView ended = job(hub, "big");
    EXPECT_EQ(ended.state.status, JobStatus::completed);
    EXPECT_EQ(ended.state.succeeded, 1u);
    EXPECT_EQ(ended.state.failed, 1u);
    const auto rows = rows_of(hub, "status = 'failed'");
    ASSERT_THAT(rows, SizeIs(1));
    EXPECT_EQ(rows[0].at("deviceId").as_string(), "d1");
    EXPECT_EQ(rows[0].at("error").at("code").as_string(), "400004");
}

TEST(Jobs, WaitForTheirTime) {
    TestHub hub;
    create(hub, 1);
    ASSERT_TRUE(
        create_job(hub, "later", body_of("", fan, R"(,"startTime":"2026-03-01T00:10:00Z")")));
    hub.tick();
    EXPECT_EQ(status_of(hub, "later"), "scheduled");
    ASSERT_TRUE(hub.crash());
    hub.tick_for(300s);
    EXPECT_EQ(status_of(hub, "later"), "scheduled");
    EXPECT_THAT(rows_of(hub, ""), IsEmpty()) << "its devices are found when it begins";
    hub.tick_for(310s);
    EXPECT_EQ(status_of(hub, "later"), "completed");
}

TEST(Jobs, AreCancelledBeforeTheyBegin) {
    TestHub hub;
    create(hub, 1);
    ASSERT_TRUE(
        create_job(hub, "later", body_of("", fan, R"(,"startTime":"2026-03-01T00:10:00Z")")));
    const auto cancelled = hub.run(hub.hub().jobs().cancel("later"));
    ASSERT_TRUE(cancelled);
    EXPECT_EQ(cancelled->state.status, JobStatus::cancelled);
    EXPECT_EQ(hub.run(hub.hub().jobs().cancel("later")).error().code, Code::state_conflict);
    EXPECT_EQ(hub.run(hub.hub().jobs().cancel("other")).error().code, Code::job_not_found);
    ASSERT_TRUE(hub.crash());
    hub.tick_for(700s);
    EXPECT_EQ(status_of(hub, "later"), "cancelled");
    EXPECT_THAT(changes_by(hub, "later"), IsEmpty());
    EXPECT_EQ(job(hub, "later").spec.task, fan);
}

TEST(Jobs, EndWhileTheyRunWhenThatIsAskedFor) {
    Settings settings;
    settings.jobs.devices_per_second = 10;
    TestHub hub(settings);
    create(hub, 40);
    ASSERT_TRUE(create_job(hub, "slow", body_of("")));
    for (int i = 0; i < 10; ++i) hub.tick();
    EXPECT_EQ(status_of(hub, "slow"), "running");
    EXPECT_EQ(hub.run(hub.hub().jobs().cancel("slow")).error().code, Code::state_conflict);
    ASSERT_TRUE(hub.run(hub.hub().jobs().cancel("slow", true)));
    tick_until_ended(hub, "slow");
    const JobView ended = job(hub, "slow");
    EXPECT_EQ(ended.state.status, JobStatus::cancelled);
    const std::size_t changed = changes_by(hub, "slow").size();
    EXPECT_GT(changed, 0u);
    EXPECT_LT(changed, 20u);
    EXPECT_EQ(ended.state.succeeded, changed);
    EXPECT_THAT(rows_of(hub, "jobId = 'slow' AND status = 'canceled'"), SizeIs(40 - changed));
    EXPECT_THAT(rows_of(hub, "jobId = 'slow' AND status = 'completed'"), SizeIs(changed));
}

TEST(Jobs, AreAsSlowAsTheyAreToldToBeAndShowHowFarTheyAre) {
    Settings settings;
    settings.jobs.devices_per_second = 10;
    TestHub hub(settings);
    create(hub, 30);
    ASSERT_TRUE(create_job(hub, "slow", body_of("")));
    for (int i = 0; i < 15; ++i) hub.tick();
    const JobView running = job(hub, "slow");
    EXPECT_EQ(running.state.status, JobStatus::running);
    EXPECT_EQ(running.state.devices, 30u);
    EXPECT_GE(running.state.succeeded, 10u);
    EXPECT_LE(running.state.succeeded, 16u);
    EXPECT_EQ(changes_by(hub, "slow").size(), running.state.succeeded);
    EXPECT_THAT(rows_of(hub, "status = 'completed'"), SizeIs(running.state.succeeded));
    EXPECT_THAT(rows_of(hub, "status = 'pending'"), SizeIs(30 - running.state.succeeded));
    tick_until_ended(hub, "slow");
    EXPECT_EQ(job(hub, "slow").state.succeeded, 30u);
}

TEST(Jobs, StopWhenTheirTimeIsOver) {
    Settings settings;
    settings.jobs.devices_per_second = 10;
    TestHub hub(settings);
    create(hub, 40);
    ASSERT_TRUE(create_job(hub, "short", body_of("", fan, R"(,"maxExecutionTimeInSeconds":2)")));
    tick_until_ended(hub, "short");
    const JobView ended = job(hub, "short");
    EXPECT_EQ(ended.state.status, JobStatus::failed);
    EXPECT_THAT(ended.state.failure_reason, HasSubstr("2 seconds"));
    EXPECT_EQ(ended.state.succeeded, changes_by(hub, "short").size());
    EXPECT_EQ(ended.state.succeeded + ended.state.failed, 40u);
    const auto rows = rows_of(hub, "status = 'failed'");
    ASSERT_THAT(rows, SizeIs(ended.state.failed));
    EXPECT_EQ(rows[0].at("error").at("code").as_string(), "400024");
}

TEST(Jobs, LeaveADeviceAloneThatWasMadeAnew) {
    Settings settings;
    settings.jobs.devices_per_second = 10;
    TestHub hub(settings, 1);
    create(hub, 20);
    ASSERT_TRUE(create_job(hub, "slow", body_of("")));
    for (int i = 0; i < 3; ++i) hub.tick();
    const auto pending = rows_of(hub, "status = 'pending'");
    ASSERT_FALSE(pending.empty());
    const std::string name(pending.back().at("deviceId").as_string());
    ASSERT_TRUE(hub.run(hub.registry().remove(id_of(name), {}, author_of())));
    hub.create(spec_of(name));
    tick_until_ended(hub, "slow");
    EXPECT_EQ(job(hub, "slow").state.failed, 1u);
    EXPECT_FALSE(changes_by(hub, "slow").contains(name));
    EXPECT_THAT(statuses(hub, "deviceId = '" + name + "'"), ElementsAre(name + " failed"));
}

TEST(Jobs, AreRefusedTwiceAndWhenTooManyWait) {
    Settings settings;
    settings.jobs.active_max = 2;
    TestHub hub(settings);
    const std::string later = body_of("", fan, R"(,"startTime":"2026-03-01T00:10:00Z")");
    ASSERT_TRUE(create_job(hub, "a", later));
    EXPECT_EQ(create_job(hub, "a", later).error().code, Code::job_already_exists);
    ASSERT_TRUE(create_job(hub, "b", later));
    EXPECT_EQ(create_job(hub, "c", later).error().code, Code::too_many_jobs);
    ASSERT_TRUE(hub.run(hub.hub().jobs().cancel("a")));
    EXPECT_EQ(create_job(hub, "a", later).error().code, Code::job_already_exists);
    EXPECT_TRUE(create_job(hub, "c", later));
    EXPECT_THAT(hub.metrics_text(), HasSubstr("twin_jobs_refused_total 1\n"));
}

TEST(Jobs, RunSoManyAtOnceAndNoMore) {
    Settings settings;
    settings.jobs.running_max = 2;
    settings.jobs.devices_per_second = 10;
    TestHub hub(settings);
    create(hub, 10);
    for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(create_job(hub, id, body_of("")));
    hub.tick();
    hub.tick();
    EXPECT_EQ(status_of(hub, "a"), "running");
    EXPECT_EQ(status_of(hub, "b"), "running");
    EXPECT_EQ(status_of(hub, "c"), "queued");
    for (const char* id : {"a", "b", "c"}) tick_until_ended(hub, id);
    EXPECT_EQ(status_of(hub, "c"), "completed");
}

TEST(Jobs, AreListedFromTheNewestAndPaged) {
    TestHub hub;
    create(hub, 1);
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(
            create_job(hub, "j" + std::to_string(i), i == 2 ? method_body("") : body_of("")));
        hub.tick(1s);
    }
    tick_until_ended(hub, "j4");
    tick_until_ended(hub, "j2");
    const auto ids = [&](std::string_view type, std::string_view status, std::size_t limit) {
        std::vector<std::string> found;
        std::string cursor;
        do {
            const auto page = hub.run(
                hub.hub().jobs().list(*read_job_filter(type, status), std::move(cursor), limit));
            EXPECT_TRUE(page);
            EXPECT_LE(page->jobs.size(), limit);
            for (const JobView& each : page->jobs) {
                found.push_back(each.spec.id);
                EXPECT_FALSE(each.spec.task.empty());
            }
            cursor = page->cursor;
        } while (!cursor.empty());
        return found;
    };
    for (const std::size_t limit : {1u, 2u, 5u, 9u})
        EXPECT_THAT(ids("", "", limit), ElementsAre("j4", "j3", "j2", "j1", "j0"));
    EXPECT_THAT(ids("ScheduleDeviceMethod", "", 9), ElementsAre("j2"));
    EXPECT_THAT(ids("", "running", 9), IsEmpty());
    EXPECT_THAT(ids("exportDevices", "", 9), IsEmpty());
    ASSERT_TRUE(hub.crash());
    EXPECT_THAT(ids("", "completed", 2), ElementsAre("j4", "j3", "j2", "j1", "j0"));
    EXPECT_EQ(hub.run(hub.hub().jobs().list({}, "nonsense", 5)).error().code,
              Code::argument_invalid);
}

TEST(Jobs, AreForgottenAfterAMonth) {
    TestHub hub;
    create(hub, 3);
    ASSERT_TRUE(create_job(hub, "old", body_of("")));
    tick_until_ended(hub, "old");
    hub.tick(29 * 24h);
    EXPECT_EQ(status_of(hub, "old"), "completed");
    hub.tick(2 * 24h);
    hub.settle();
    EXPECT_FALSE(*hub.run(hub.hub().jobs().get("old")));
    EXPECT_THAT(rows_of(hub, ""), IsEmpty());
    for (const store::Area area : {store::Area::job, store::Area::job_device}) {
        const auto cursor = hub.engine().scan(store::Family::metadata, store::area_range(area));
        cursor->seek_first();
        EXPECT_FALSE(cursor->valid());
    }
    EXPECT_TRUE(create_job(hub, "old", body_of("")));
}

TEST(Jobs, MakeRoomForNewOnes) {
    Settings settings;
    settings.jobs.kept_max = 2;
    TestHub hub(settings);
    for (const char* id : {"a", "b", "c"}) {
        ASSERT_TRUE(create_job(hub, id, body_of("")));
        tick_until_ended(hub, id);
        hub.tick(1s);
    }
    EXPECT_FALSE(*hub.run(hub.hub().jobs().get("a")));
    EXPECT_EQ(status_of(hub, "c"), "completed");
    EXPECT_THAT(hub.metrics_text(), HasSubstr("twin_jobs_displaced_total 1\n"));
}

// --- methods ---------------------------------------------------------------------------------

struct Called : ::testing::Test {
    void connect(const std::string& name) {
        TestLink& link = links[name];
        hub.connect(id_of(name), link);
        hub.shard(id_of(name)).takes_methods(id_of(name), link, {.all = true});
        hub.settle();
    }
    void answer(const std::string& name, int status, std::string_view payload) {
        ASSERT_FALSE(links[name].calls.empty());
        hub.shard(id_of(name))
            .method_answered(id_of(name), links[name].calls.back().number, status, payload);
        hub.settle();
    }
    TestHub hub;
    std::map<std::string, TestLink> links;
};

TEST_F(Called, DevicesAnswerEachForItself) {
    create(hub, 3);
    connect("d0");
    connect("d1");
    ASSERT_TRUE(create_job(hub, "m", method_body("")));
    for (int i = 0; i < 5; ++i) hub.tick();
    EXPECT_EQ(status_of(hub, "m"), "running");
    EXPECT_EQ(job(hub, "m").running, 2u);
    answer("d0", 200, R"({"ok":true})");
    answer("d1", 500, R"("no")");
    tick_until_ended(hub, "m");
    EXPECT_EQ(job(hub, "m").state.succeeded, 2u);
    EXPECT_EQ(job(hub, "m").state.failed, 1u);
    EXPECT_THAT(statuses(hub, ""), ElementsAre("d0 completed", "d1 completed", "d2 failed"));
    const auto good = rows_of(hub, "outcome.deviceMethodResponse.status = 200");
    ASSERT_THAT(good, SizeIs(1));
    EXPECT_EQ(to_text(good[0].at("outcome")),
              R"({"deviceMethodResponse":{"status":200,"payload":{"ok":true}}})");
    const auto away = rows_of(hub, "error.code = '404103'");
    ASSERT_THAT(away, SizeIs(1));
    EXPECT_EQ(away[0].at("deviceId").as_string(), "d2");
    EXPECT_THAT(links["d0"].calls, SizeIs(1));
}

TEST_F(Called, NoDeviceIsCalledTwiceOverACrash) {
    create(hub, 2);
    connect("d0");
    ASSERT_TRUE(create_job(hub, "m", method_body("deviceId = 'd0'")));
    for (int i = 0; i < 5; ++i) hub.tick();
    ASSERT_THAT(links["d0"].calls, SizeIs(1));
    ASSERT_TRUE(hub.crash());
    links.clear();
    connect("d0");
    tick_until_ended(hub, "m");
    EXPECT_THAT(links["d0"].calls, IsEmpty());
    EXPECT_EQ(status_of(hub, "m"), "completed");
    const auto rows = rows_of(hub, "status = 'failed'");
    ASSERT_THAT(rows, SizeIs(1));
    EXPECT_THAT(std::string(rows[0].at("error").at("description").as_string()),
                HasSubstr("restarted"));
}

TEST_F(Called, AnOrderlyEndBeginsWithNobodyElse) {
    hub.settings().jobs.methods_at_once = 1;
    ASSERT_TRUE(hub.restart());
    create(hub, 3);
    for (const char* name : {"d0", "d1", "d2"}) connect(name);
    ASSERT_TRUE(create_job(hub, "m", method_body("")));
    for (int i = 0; i < 5; ++i) hub.tick();
    std::string called;
    for (const auto& [name, link] : links)
        if (!link.calls.empty()) called = name;
    hub.hub().end_waits();
    hub.settle();
    for (int i = 0; i < 5; ++i) hub.tick();
    ASSERT_TRUE(hub.restart());
    links.clear();
    for (const char* name : {"d0", "d1", "d2"}) connect(name);
    for (int i = 0; i < 30; ++i) {
        hub.tick();
        for (auto& [name, link] : links)
            if (!link.calls.empty()) {
                EXPECT_NE(name, called);
                answer(name, 200, "{}");
                link.calls.clear();
            }
    }
    tick_until_ended(hub, "m");
    EXPECT_EQ(job(hub, "m").state.succeeded, 2u) << "only the call under way was cut off";
    EXPECT_EQ(job(hub, "m").state.failed, 1u);
}

TEST_F(Called, WhoDoesNotAnswerInTimeHasFailed) {
    create(hub, 1);
    connect("d0");
    ASSERT_TRUE(create_job(hub, "m", method_body("")));
    for (int i = 0; i < 400; ++i) hub.tick();
    EXPECT_EQ(status_of(hub, "m"), "completed");
    EXPECT_THAT(rows_of(hub, "error.code = '504101'"), SizeIs(1));
}

TEST_F(Called, CallsEndWithTheTimeOfTheJob) {
    create(hub, 1);
    connect("d0");
    ASSERT_TRUE(create_job(hub, "m", method_body("", R"(,"maxExecutionTimeInSeconds":5)")));
    for (int i = 0; i < 70; ++i) hub.tick();
    EXPECT_EQ(status_of(hub, "m"), "failed");
    EXPECT_EQ(job(hub, "m").state.failed, 1u);
}

// --- devices.jobs ----------------------------------------------------------------------------

TEST(JobRows, AnswerEveryCaseOfTheConformanceTable) {
    using query::testing::conformance;
    std::map<std::string, JobRows::Source> sources;
    for (const json::object& row : conformance().jobs) {
        const auto text = [&row](const char* name) {
            return std::string(row.at(name).as_string());
        };
        const auto time = [&](const char* name) { return parse_instant(text(name)).value(); };
        const std::string id = text("jobId");
        const bool running = text("status") == "running";
        JobSpec spec{.id = id,
                     .type = text("jobType") == name_of(JobType::method) ? JobType::method
                                                                         : JobType::twin_update,
                     .created = time("createdDateTimeUtc"),
                     .time_max = std::chrono::duration_cast<std::chrono::seconds>(
                         time("endTimeUtc") - time("startTimeUtc"))};
        JobSpec& known = spec;
        JobDevice device{.id = id_of(text("deviceId")), .updated = time("lastUpdatedDateTimeUtc")};
        device.status = running                      ? DeviceJobStatus::running
                        : text("status") == "failed" ? DeviceJobStatus::failed
                                                     : DeviceJobStatus::completed;
        if (const auto* error = row.if_contains("error"))
            device.error = {std::string(error->at("code").as_string()),
                            std::string(error->at("description").as_string())};
        if (const auto* outcome = row.if_contains("outcome");
            outcome && outcome->at("deviceMethodResponse").is_object()) {
            const json::value& answer = outcome->at("deviceMethodResponse");
            device.method_status = static_cast<int>(answer.at("status").as_int64());
            device.method_payload = to_text(answer.at("payload"));
        }
        const JobState state{.status = running ? JobStatus::running : JobStatus::completed,
                             .started = time("startTimeUtc"),
                             .ended = running ? never : time("endTimeUtc"),
                             .resolved = true};
        EXPECT_EQ(json::value(job_row(known, state, device)), json::value(row));
        JobRows::Source& source = sources[id];
        source.spec = std::make_shared<const JobSpec>(std::move(spec));
        source.state = state;
        const std::string key = job_group_key(id, device.id);
        source.open[key] = {.key = key, .devices = {device}};
    }
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

TEST(Jobs, WaitOutAFullDisk) {
    TestHub hub;
    create(hub, 20);
    ASSERT_TRUE(create_job(hub, "j", body_of("")));
    hub.engine().fail_commits(1, Fault::refused, 40);
    for (int i = 0; i < 100; ++i) hub.tick();
    tick_until_ended(hub, "j", 300);
    EXPECT_EQ(status_of(hub, "j"), "completed");
    EXPECT_EQ(job(hub, "j").state.succeeded, 20u);
    const auto changes = changes_by(hub, "j");
    EXPECT_EQ(changes.size(), 20u);
    for (const auto& [id, times] : changes) EXPECT_EQ(times, 1) << id;
    EXPECT_EQ(wrong_with(hub), "");
}

// Whatever fails and whenever the machine dies: each device is changed once, and all are told of.
RC_GTEST_PROP(Jobs, NeitherSkipNorRepeatOverCrashes, ()) {
    const std::size_t count = 1 + below(60);
    TestHub hub({}, 1 + below(3));
    create(hub, count);
    // The list is made once: that the change takes the devices out of it must not matter.
    RC_ASSERT(create_job(hub, "j", body_of("NOT is_defined(tags.a)")).has_value());
    for (std::size_t lives = below(5); lives > 0; --lives) {
        for (std::size_t turns = below(120); turns > 0; --turns) {
            switch (below(6)) {
                case 0:
                    hub.clock().advance(100ms);
                    for (std::size_t i = 0; i < hub.hub().shards().size(); ++i) hub.hub().tick(i);
                    break;
                case 1: hub.commit(); break;
                case 2:
                    if (below(20) == 0)
                        hub.engine().fail_commits(1 + below(3), Fault::refused, 1 + below(3));
                    break;
                case 3:
                    (void)hub.begin_patch(id_of("d" + std::to_string(below(count))),
                                          R"({"tags":{"b":1}})");
                    break;
                default: hub.turn_loops();
            }
        }
        RC_ASSERT(hub.crash(1 + below(3)).has_value());
    }
    tick_until_ended(hub, "j", 400);
    const JobView ended = job(hub, "j");
    RC_ASSERT(ended.state.status == JobStatus::completed);
    RC_ASSERT(ended.state.devices == count);
    RC_ASSERT(ended.state.succeeded == count);
    const auto changes = changes_by(hub, "j");
    RC_ASSERT(changes.size() == count);
    for (const auto& [id, times] : changes) RC_ASSERT(times == 1);
    RC_ASSERT(rows_of(hub, "status = 'completed'", 50).size() == count);
    RC_ASSERT(wrong_with(hub) == "");
}

}  // namespace
}  // namespace twinhub::hub
