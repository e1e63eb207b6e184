// Scheduled jobs end to end: HTTP in, a hub on the memory store behind.
#include "gateway/http/testing/service_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view task =
    R"({"etag":"*","tags":{"a":1},"properties":{"desired":{"b":null}}})";

std::string order(std::string_view condition, std::string_view more = {}) {
    return R"({"type":"scheduleUpdateTwin","updateTwin":)" + std::string(task) +
           R"(,"queryCondition":")" + std::string(condition) + "\"" + std::string(more) + "}";
}

class JobDoor : public testing::Test {
protected:
    Response ask(std::string_view method, std::string_view path, std::string_view body = {},
                 std::string_view fields = {}, std::string_view policy = "iothubowner") {
        return door.ask(method, path, body, fields, policy);
    }
    std::string refusal(std::string_view method, std::string_view path, std::string_view body = {},
                        std::string_view fields = {}, std::string_view policy = "iothubowner") {
        const Response response = ask(method, path, body, fields, policy);
        return std::to_string(response.status) + " " + response.field("iothub-errorcode");
    }
    void tick() {
        door.hub().tick(0);
        door.advance(0s);
    }
    std::string status_of(const std::string& id) {
        return std::string(ask("GET", "/jobs/v2/" + id).json().at("status").as_string());
    }
    void finish(const std::string& id) {
        std::string status;
        while ((status = status_of(id)) == "queued" || status == "running") tick();
        ASSERT_EQ(status, "completed");
    }
    void make_devices(int count) {
        for (int i = 0; i < count; ++i)
            ASSERT_EQ(ask("PUT", "/devices/d" + std::to_string(i), "{}").status, 200u);
    }
    ServiceDoor door;
};

TEST_F(JobDoor, TakesAJobAndEchoesIt) {
    make_devices(2);
    const Response created =
        ask("PUT", "/jobs/v2/fw-1", order("deviceId = 'd1'", R"(,"jobId":"fw-1",
        "startTime":null,"maxExecutionTimeInSeconds":300)"));
    ASSERT_EQ(created.status, 200u) << created.body;
    const json::value job = created.json();
    EXPECT_EQ(job.at("jobId"), "fw-1");
    EXPECT_EQ(job.at("status"), "queued");
    EXPECT_EQ(job.at("type"), "scheduleUpdateTwin");
    EXPECT_EQ(job.at("queryCondition"), "deviceId = 'd1'");
    EXPECT_EQ(to_text(job.at("updateTwin")), task);
    EXPECT_EQ(job.at("maxExecutionTimeInSeconds"), 300);
    EXPECT_EQ(job.at("createdTime"), job.at("startTime"));
    EXPECT_FALSE(job.as_object().contains("endTime"));
    finish("fw-1");
    const json::value ended = ask("GET", "/jobs/v2/fw-1").json();
    EXPECT_EQ(
        to_text(ended.at("deviceJobStatistics")),
        R"({"deviceCount":1,"failedCount":0,"succeededCount":1,"runningCount":0,"pendingCount":0})");
    EXPECT_TRUE(ended.as_object().contains("endTime"));
    EXPECT_EQ(to_text(ended.at("updateTwin")), task);
    EXPECT_EQ(to_text(ask("GET", "/twins/d1").json().at("tags")), R"({"a":1})");
    const json::value change = ask("GET", "/twins/d1/history?limit=1").json().at("changes").at(0);
    EXPECT_EQ(change.at("cause"), "job");
}

TEST_F(JobDoor, SaysOfAJobThatIsNotThereThatItIsUnknown) {
    const Response unknown = ask("GET", "/jobs/v2/nope");
    EXPECT_EQ(unknown.status, 200u);
    EXPECT_EQ(unknown.body, R"({"jobId":"nope","type":"unknown","status":"unknown"})");
    EXPECT_EQ(refusal("GET", "/jobs/nope"), "404 JobNotFound");
    EXPECT_EQ(refusal("POST", "/jobs/v2/nope/cancel"), "404 JobNotFound");
}

TEST_F(JobDoor, RefusesWhatCannotBe) {
    ASSERT_EQ(ask("PUT", "/jobs/v2/a", order("*")).status, 200u);
    EXPECT_EQ(refusal("PUT", "/jobs/v2/a", order("*")), "409 JobAlreadyExists");
    EXPECT_EQ(refusal("PUT", "/jobs/v2/b", "{}"), "400 ArgumentNull");
    EXPECT_EQ(refusal("PUT", "/jobs/v2/b", "[]"), "400 IotHubFormatError");
    EXPECT_EQ(refusal("PUT", "/jobs/v2/b", order("*", R"(,"startTime":"2027-11-22T10:00:00Z")")),
              "400 ArgumentInvalid");
    EXPECT_EQ(refusal("PUT", "/jobs/v2/b",
                      R"({"type":"scheduleUpdateTwin","updateTwin":{"etag":"AAAA"}})"),
              "400 ArgumentInvalid");
    EXPECT_EQ(refusal("PUT", "/jobs/v2/b", order("*"), {}, "registryReadWrite"),
              "401 IotHubUnauthorizedAccess");
    EXPECT_EQ(refusal("GET", "/jobs/v2/a", {}, {}, "registryRead"), "401 IotHubUnauthorizedAccess");
    EXPECT_EQ(ask("GET", "/jobs/v2/a", {}, {}, "service").status, 200u);
}

TEST_F(JobDoor, SchedulesAndCancels) {
    make_devices(1);
    ASSERT_EQ(
        ask("PUT", "/jobs/v2/later", order("*", R"(,"startTime":"2026-11-23T10:00:00Z")")).status,
        200u);
    tick();
    EXPECT_EQ(status_of("later"), "scheduled");
    const Response cancelled = ask("POST", "/jobs/v2/later/cancel");
    EXPECT_EQ(cancelled.status, 200u);
    EXPECT_EQ(cancelled.json().at("status"), "cancelled");
    EXPECT_EQ(refusal("POST", "/jobs/v2/later/cancel"), "405 OperationNotAllowedInCurrentState");
}

TEST_F(JobDoor, ListsJobsByPageAndFilter) {
    make_devices(1);
    for (const char* id : {"a", "b", "c"}) {
        ASSERT_EQ(ask("PUT", "/jobs/v2/" + std::string(id), order("*")).status, 200u);
        finish(id);
    }
    const auto ids = [](const Response& page) {
        std::string all;
        for (const json::value& job : page.json().as_array())
            all += std::string(job.at("jobId").as_string());
        return all;
    };
    const Response whole =
        ask("GET", "/jobs/v2/query?jobType=ScheduleUpdateTwin&jobStatus=Completed");
    EXPECT_EQ(ids(whole), "cba");
    EXPECT_EQ(whole.field("x-ms-item-type"), "JobResponse");
    EXPECT_FALSE(whole.fields.contains("x-ms-continuation"));
    EXPECT_EQ(ids(ask("GET", "/jobs/v2/query?jobStatus=running")), "");
    const Response first = ask("GET", "/jobs/v2/query", {}, "x-ms-max-item-count: 2\r\n");
    EXPECT_EQ(ids(first), "cb");
    const std::string token = first.field("x-ms-continuation");
    ASSERT_FALSE(token.empty());
    const Response second = ask("GET", "/jobs/v2/query", {},
                                "x-ms-max-item-count: 2\r\nx-ms-continuation: " + token + "\r\n");
    EXPECT_EQ(ids(second), "a");
    EXPECT_FALSE(second.fields.contains("x-ms-continuation"));
    EXPECT_EQ(second.field("x-ms-item-type"), "JobResponse");
    EXPECT_EQ(refusal("GET", "/jobs/v2/query?jobStatus=completed", {},
                      "x-ms-continuation: " + token + "\r\n"),
              "400 ArgumentInvalid");
    EXPECT_EQ(refusal("GET", "/jobs/v2/query?jobStatus=done"), "400 ArgumentInvalid");
    EXPECT_EQ(refusal("GET", "/jobs/v2/query", {}, "x-ms-max-item-count: 0\r\n"),
              "400 ArgumentInvalid");
}

TEST_F(JobDoor, AnswersForTheDevicesOfJobs) {
    make_devices(3);
    ASSERT_EQ(ask("PUT", "/jobs/v2/fw", order("*")).status, 200u);
    finish("fw");
    const std::string query =
        R"({"query":"SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'fw'"})";
    std::vector<std::string> devices;
    std::string continuation;
    do {
        const Response page =
            ask("POST", "/devices/query", query,
                "x-ms-max-item-count: 2\r\n" +
                    (continuation.empty() ? std::string()
                                          : "x-ms-continuation: " + continuation + "\r\n"));
        ASSERT_EQ(page.status, 200u) << page.body;
        EXPECT_EQ(page.field("x-ms-item-type"), "DeviceJob");
        for (const json::value& row : page.json().as_array()) {
            EXPECT_EQ(row.at("status"), "completed");
            EXPECT_EQ(row.at("jobType"), "scheduleUpdateTwin");
            devices.emplace_back(row.at("deviceId").as_string());
        }
        continuation = page.field("x-ms-continuation");
    } while (!continuation.empty());
    std::ranges::sort(devices);
    EXPECT_THAT(devices, ElementsAre("d0", "d1", "d2"));
}

}  // namespace
}  // namespace twinhub::gateway::http
