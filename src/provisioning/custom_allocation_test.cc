#include "provisioning/custom_allocation.h"

#include "provisioning/testing/test_service.h"

#include <gmock/gmock.h>

namespace twinhub::provisioning {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<std::string> hubs{"hub.a", "hub.b"};

EnrollmentWish asking(std::string_view id) {
    EnrollmentWish wish = individual(id);
    wish.enrollment.allocation = Allocation::custom;
    wish.enrollment.custom = {"https://allocator.example/choose?code=1", "2019-03-31"};
    wish.enrollment.initial_twin = {R"({"site":"enrolled"})", ""};
    return wish;
}

struct CustomAllocationTest : ::testing::Test {
    CustomAllocationTest() {
        service.webhook = [this](std::size_t, std::string url,
                                 std::string body) -> Task<Result<std::string>> {
            asked_at = std::move(url);
            asked.push_back(std::move(body));
            co_return answer;
        };
        service.restart_service();
    }
    TestService service{{{.host = "hub.a"}, {.host = "hub.b"}}};
    Result<std::string> answer = std::string(R"({"iotHubHostName":"HUB.B"})");
    std::string asked_at;
    std::vector<std::string> asked;
};

TEST_F(CustomAllocationTest, IsToldAllButTheKeysAndChooses) {
    service.put(asking("r1"));
    answer = std::string(
        R"({"iotHubHostName":"hub.b","payload":{"hello":1},"initialTwin":{"tags":{"site":"chosen"},)"
        R"("properties":{"desired":{"a":1}}}})");
    const Registration registration =
        service.provision(caller_of("r1"), R"({"payload":{"model":"x"}})");
    EXPECT_EQ(registration.hub, "hub.b");
    EXPECT_EQ(registration.payload, R"({"hello":1})");
    EXPECT_EQ(asked_at, "https://allocator.example/choose?code=1");
    const json::value question = parse_json(asked.at(0)).value();
    EXPECT_EQ(question.at("individualEnrollment").at("registrationId"), "r1");
    EXPECT_EQ(to_text(question.at("deviceRuntimeContext")),
              R"({"registrationId":"r1","symmetricKey":{},"payload":{"model":"x"}})");
    EXPECT_EQ(to_text(question.at("linkedHubs")), R"(["hub.a","hub.b"])");
    EXPECT_THAT(asked.at(0), Not(HasSubstr(key_1)));
    const hub::TwinView view = service.hub.view(hub::testing::id_of("r1"));
    EXPECT_EQ(to_text(view.twin.tags.to_json()), R"({"site":"chosen"})");
    EXPECT_EQ(to_text(view.twin.desired.to_json()), R"({"a":1})");
}

// A twin that comes with the choice is put in place again, though the policy keeps data.
TEST_F(CustomAllocationTest, ItsTwinGoesBeforeThePolicyOfData) {
    service.put(asking("r1"));
    service.provision(caller_of("r1"));
    const TwinId id = hub::testing::id_of("r1");
    ASSERT_TRUE(service.hub.patch(id, R"({"tags":{"mine":1}})"));
    service.provision(caller_of("r1"));
    EXPECT_EQ(to_text(service.hub.view(id).twin.tags.to_json()), R"({"mine":1,"site":"enrolled"})");
    EXPECT_THAT(asked.at(1),
                HasSubstr(R"("currentIotHubHostName":"hub.b","currentDeviceId":"r1")"));
    answer = std::string(R"({"iotHubHostName":"hub.b","initialTwin":{"tags":{"site":"new"}}})");
    EXPECT_EQ(service.provision(caller_of("r1")).substatus, Substatus::device_data_reset);
    EXPECT_EQ(to_text(service.hub.view(id).twin.tags.to_json()), R"({"site":"new"})");
}

TEST_F(CustomAllocationTest, WhatItGetsWrongFailsTheRegistration) {
    service.put(asking("r1"));
    const Result<std::string> wrong[] = {
        failure(Code::timeout, "The server took too long"),
        failure(Code::unavailable, "The custom allocation answered with status 500"),
        std::string("not json"),
        std::string("[]"),
        std::string("{}"),
        std::string(R"({"iotHubHostName":"hub.c"})"),
        std::string(R"({"iotHubHostName":7})"),
        std::string(R"({"iotHubHostName":"hub.a","initialTwin":[]})"),
        std::string(R"({"iotHubHostName":"hub.a","initialTwin":{"tags":{"a b":1}}})"),
        R"({"iotHubHostName":"hub.a","payload":")" + std::string(70'000, 'x') + "\"}",
    };
    for (const Result<std::string>& each : wrong) {
        answer = each;
        const Registration failed = service.provision(caller_of("r1"));
        EXPECT_EQ(failed.progress, Progress::failed) << (each ? *each : each.error().message);
        EXPECT_EQ(failed.error_number, 400207u);
        EXPECT_FALSE(failed.error_message.empty());
    }
    EXPECT_EQ(service.metrics().webhook_failures.Value(), static_cast<double>(std::size(wrong)));
    EXPECT_FALSE(service.hub.run(service.hub.registry().get(hub::testing::id_of("r1"))));
    answer = std::string(R"({"iotHubHostName":"hub.a"})");
    EXPECT_EQ(service.provision(caller_of("r1")).progress, Progress::assigned);
}

TEST(CustomAllocation, ReadsAnAnswer) {
    const auto answer = parse_answer(
        R"({"iotHubHostName":"HUB.a","initialTwin":null,"payload":null,"more":1})", hubs);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->hub, "hub.a");
    EXPECT_FALSE(answer->initial_twin);
    EXPECT_EQ(answer->payload, "");
}

}  // namespace
}  // namespace twinhub::provisioning
