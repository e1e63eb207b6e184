// Scheduled jobs through the hub: what they do to devices, when, and what is left after a crash.
#include "hub/jobs/jobs.h"

#include "hub/testing/heard_events.h"
#include "hub/testing/jobs.h"

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

TEST(Jobs, SayWhenTheyBeginAndHowTheyEnd) {
    Settings settings;
    settings.jobs.devices_per_second = 10;
    TestHub hub(settings);
    create(hub, 40);
    {
        HeardEvents heard(hub, hub.hub().jobs().events());
        ASSERT_TRUE(create_job(hub, "fw", body_of("deviceId IN ['d1', 'd2']")));
        EXPECT_THAT(heard.kinds(), IsEmpty());
        tick_until_ended(hub, "fw");
        EXPECT_THAT(heard.kinds(), ElementsAre("jobStarted", "jobCompleted"));
        json::object last = heard.last();
        EXPECT_TRUE(last.erase("at") && last.erase("startTime"));
        EXPECT_EQ(
            json::value(last),
            parse_json(
                R"({"jobId":"fw","type":"scheduleUpdateTwin","status":"completed","devices":2,)"
                R"("succeeded":2,"failed":0,)"
                R"("by":{"kind":"rest","principal":"iothubowner","client":"10.0.0.1"}})")
                .value());
        ASSERT_TRUE(create_job(hub, "none", body_of("tags.")));
        tick_until_ended(hub, "none");
        EXPECT_EQ(heard.kinds().back(), "jobFailed");
        EXPECT_TRUE(heard.last().contains("failureReason"));
        ASSERT_TRUE(
            create_job(hub, "later", body_of("", fan, R"(,"startTime":"2026-03-02T00:10:00Z")")));
        ASSERT_TRUE(hub.run(hub.hub().jobs().cancel("later")));
        EXPECT_EQ(heard.kinds().back(), "jobCancelled");
        ASSERT_TRUE(create_job(hub, "slow", body_of("")));
        for (int i = 0; i < 10; ++i) hub.tick();
        EXPECT_THAT(heard.kinds(), ElementsAre("jobStarted", "jobCompleted", "jobStarted",
                                               "jobFailed", "jobCancelled", "jobStarted"));
    }
    // One that goes on after a crash has begun already.
    ASSERT_TRUE(hub.crash());
    HeardEvents heard(hub, hub.hub().jobs().events());
    for (int i = 0; i < 5; ++i) hub.tick();
    EXPECT_EQ(status_of(hub, "slow"), "running");
    EXPECT_THAT(heard.kinds(), IsEmpty());
    ASSERT_TRUE(hub.run(hub.hub().jobs().cancel("slow", true)));
    tick_until_ended(hub, "slow");
    EXPECT_THAT(heard.kinds(), ElementsAre("jobCancelled"));
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
