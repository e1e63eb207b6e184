#include "hub/jobs/job.h"

#include "hub/jobs/job_record.h"
#include "store/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace twinhub::hub {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

const Instant now{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}};

Result<JobSpec> read(std::string_view body, std::string_view id = "j") {
    return read_job(id, parse_json(body).value().as_object(), Author{.principal = "service"}, now,
                    168h);
}

constexpr std::string_view update_task = R"("type":"scheduleUpdateTwin","updateTwin":{"etag":"*",)"
                                         R"("tags":{"a":1},"properties":{"desired":{"b":null}}})";
std::string update(std::string_view more = {}) {
    return "{" + std::string(update_task) + std::string(more) + "}";
}

TEST(Job, IsReadFromWhatClientsSend) {
    const auto job = read(update(
        R"(,"jobId":"j","queryCondition":"deviceId in ['a']","startTime":"2026-03-02T00:00:00Z","maxExecutionTimeInSeconds":300)"));
    ASSERT_TRUE(job) << job.error().message;
    EXPECT_EQ(job->id, "j");
    EXPECT_EQ(job->type, JobType::twin_update);
    EXPECT_EQ(job->condition, "deviceId in ['a']");
    EXPECT_EQ(job->start, now + 24h);
    EXPECT_EQ(job->time_max, 300s);
    EXPECT_EQ(job->task, R"({"etag":"*","tags":{"a":1},"properties":{"desired":{"b":null}}})");
    EXPECT_TRUE(update_of(*job)->desired);
}

TEST(Job, HasDefaults) {
    for (const char* more : {"", R"(,"startTime":null,"maxExecutionTimeInSeconds":0)",
                             R"(,"startTime":"2020-01-01T00:00:00Z","queryCondition":null)"}) {
        const auto job = read(update(more));
        ASSERT_TRUE(job) << more;
        EXPECT_EQ(job->start, now);
        EXPECT_EQ(job->time_max, 1h);
        EXPECT_EQ(job->condition, "");
    }
}

TEST(Job, IgnoresWhatATwinHasBesides) {
    EXPECT_TRUE(read(R"({"type":"scheduleUpdateTwin","updateTwin":{"deviceId":null,"etag":"*",
        "version":3,"tags":{"a":1},"properties":{"desired":{"$version":1},"reported":{"x":1}}}})"));
}

TEST(Job, CallsAMethod) {
    const auto job = read(R"({"type":"scheduleDeviceMethod","cloudToDeviceMethod":{
        "methodName":"reboot","payload":{"in":5},"responseTimeoutInSeconds":10,
        "connectTimeoutInSeconds":5}})");
    ASSERT_TRUE(job) << job.error().message;
    const auto call = call_of(*job);
    ASSERT_TRUE(call);
    EXPECT_EQ(call->name, "reboot");
    EXPECT_EQ(call->payload, R"({"in":5})");
    EXPECT_EQ(call->response_timeout, 10s);
    EXPECT_EQ(call->connect_timeout, 5s);
}

struct Refused {
    std::string body;
    Code code;
    std::string where;
};
class RefusedJobs : public ::testing::TestWithParam<Refused> {};
TEST_P(RefusedJobs, SayWhatIsWrong) {
    const auto job = read(GetParam().body);
    ASSERT_FALSE(job);
    EXPECT_EQ(job.error().code, GetParam().code) << job.error().message;
    EXPECT_EQ(job.error().where, GetParam().where);
}
INSTANTIATE_TEST_SUITE_P(
    Table, RefusedJobs,
    ::testing::Values(
        Refused{"{}", Code::argument_null, "type"},
        Refused{R"({"type":"scheduleTwinUpdate"})", Code::argument_invalid, "type"},
        Refused{R"({"type":7})", Code::argument_invalid, "type"},
        Refused{R"({"type":"scheduleUpdateTwin"})", Code::argument_null, "updateTwin"},
        Refused{R"({"type":"scheduleUpdateTwin","updateTwin":{"tags":{}}})", Code::argument_invalid,
                "updateTwin.etag"},
        Refused{R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"AAAAAAAAAAE="}})",
                Code::argument_invalid, "updateTwin.etag"},
        Refused{R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"*","tags":{"a.b":1}}})",
                Code::argument_invalid, "updateTwin.tags"},
        Refused{R"({"type":"scheduleDeviceMethod"})", Code::argument_null, "cloudToDeviceMethod"},
        Refused{R"({"type":"scheduleDeviceMethod","cloudToDeviceMethod":{}})", Code::argument_null,
                "cloudToDeviceMethod.methodName"},
        Refused{R"({"type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":"a",
                "responseTimeoutInSeconds":1}})",
                Code::argument_invalid, "cloudToDeviceMethod.responseTimeoutInSeconds"},
        Refused{update(R"(,"jobId":"k")"), Code::argument_invalid, "jobId"},
        Refused{update(R"(,"startTime":"soon")"), Code::argument_invalid, "startTime"},
        Refused{update(R"(,"startTime":"2026-03-08T00:00:01Z")"), Code::argument_invalid,
                "startTime"},
        Refused{update(R"(,"maxExecutionTimeInSeconds":-1)"), Code::argument_invalid,
                "maxExecutionTimeInSeconds"},
        Refused{update(R"(,"queryCondition":")" + std::string(40'000, 'x') + R"(")"),
                Code::argument_invalid, "queryCondition"}));

TEST(Job, MayHaveAnyIdThatAClientWasSeenToUse) {
    for (const char* id :
         {"a", "JOBSAMPLE1b4e28ba-2fa1-11d2-883f", "a:b.c+d%e_f#g*h?i!j(k),l=m@n;o$p'"})
        EXPECT_TRUE(read(update(), id)) << id;
    for (const std::string& id : {std::string(), std::string("a b"), std::string("a/b"),
                                  std::string(129, 'x'), std::string("\xC3\xA4")})
        EXPECT_EQ(read(update(), id).error().where, "jobId") << id;
}

TEST(Job, FiltersAreReadAsAllClientsWriteThem) {
    EXPECT_EQ(read_job_filter("ScheduleUpdateTwin", "Completed")->type, JobType::twin_update);
    EXPECT_EQ(read_job_filter("", "COMPLETED")->status, JobStatus::completed);
    EXPECT_EQ(read_job_filter("scheduleDeviceMethod", "")->type, JobType::method);
    EXPECT_TRUE(read_job_filter("ExportDevices", "")->nothing);
    EXPECT_TRUE(read_job_filter("import", "running")->nothing);
    EXPECT_EQ(read_job_filter("none", "").error().where, "jobType");
    EXPECT_EQ(read_job_filter("", "done").error().where, "jobStatus");
}

TEST(Job, IsScheduledUntilItsTimeHasCome) {
    const JobSpec spec{.start = now + 1h};
    EXPECT_EQ(status_at(spec, {}, now), JobStatus::scheduled);
    EXPECT_EQ(status_at(spec, {}, now + 1h), JobStatus::queued);
    EXPECT_EQ(status_at(spec, {.status = JobStatus::cancelled}, now), JobStatus::cancelled);
}

JobGroup any_group() {
    JobGroup group{.key = job_group_key("j", {DeviceId::parse("d0").value(), {}}),
                   .done = *rc::gen::arbitrary<bool>()};
    const int count = *rc::gen::inRange(0, 5);
    for (int i = 0; i < count; ++i) {
        JobDevice device{.id = {DeviceId::parse("d" + std::to_string(i)).value(), {}},
                         .generation = "6390" + std::to_string(i)};
        if (*rc::gen::arbitrary<bool>()) device.id.module = ModuleId::parse("m").value();
        device.status = static_cast<DeviceJobStatus>(*rc::gen::inRange(0, 6));
        if (device.status != DeviceJobStatus::pending)
            device.updated = Instant{Ticks{*rc::gen::arbitrary<std::int32_t>()}};
        if (device.status == DeviceJobStatus::failed) device.error = {"404001", "gone"};
        if (device.status == DeviceJobStatus::completed) {
            device.method_status = *rc::gen::arbitrary<int>();
            device.method_payload = "{}";
        }
        group.devices.push_back(std::move(device));
    }
    return group;
}

RC_GTEST_PROP(JobRecords, GroupsSurviveTheStore, ()) {
    const JobGroup group = any_group();
    const std::string value = stored_group(group);
    RC_ASSERT(open_group(group.key, value).value() == group);
    std::string body;
    append_encoded(body, group);
    RC_ASSERT(is_done_group(body).value() == group.done);
    // Whatever the bytes are, they are answered.
    body.resize(*rc::gen::inRange<std::size_t>(0, body.size() + 1));
    if (!body.empty())
        body[*rc::gen::inRange<std::size_t>(0, body.size())] = *rc::gen::arbitrary<char>();
    (void)decode_job_group(group.key, body);
    (void)decode_job_state(body);
    (void)decode_job("j", body);
}

TEST(JobRecords, JobsSurviveTheStore) {
    const JobSpec spec = *read(update(R"(,"queryCondition":"tags.a = 1")"));
    std::string body;
    append_encoded(body, spec);
    const auto again = decode_job("j", body);
    ASSERT_TRUE(again);
    std::string twice;
    append_encoded(twice, *again);
    EXPECT_EQ(twice, body);
    EXPECT_EQ(again->task, spec.task);
    EXPECT_EQ(again->start, spec.start);
    const JobState state{.status = JobStatus::failed,
                         .started = now,
                         .ended = now + 5s,
                         .resolved = true,
                         .devices = 7,
                         .succeeded = 3,
                         .failed = 4,
                         .failure_reason = "too late"};
    body.clear();
    append_encoded(body, state);
    EXPECT_EQ(decode_job_state(body).value(), state);
}

TEST(JobRecords, KeysAreAsTheDiskHasThem) {
    EXPECT_EQ(job_key("fw"), "jfw");
    EXPECT_EQ(job_state_key("fw"), std::string("jfw\0", 4));
    const TwinId first{DeviceId::parse("dev").value(), {}};
    const std::string key = job_group_key("fw", first);
    EXPECT_EQ(key, std::string("dfw\0", 4) + store::twin_key(first));
    EXPECT_EQ(first_of_group("fw", key), first);
    EXPECT_EQ(first_of_group("f", key), std::nullopt);
    EXPECT_TRUE(job_groups_range("fw").holds(key));
    EXPECT_FALSE(job_groups_range("f").holds(key));
}

}  // namespace
}  // namespace twinhub::hub
