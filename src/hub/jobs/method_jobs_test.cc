// Jobs that call methods: each device answers for itself, and none is called twice.
#include "hub/testing/jobs.h"

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

}  // namespace
}  // namespace twinhub::hub
