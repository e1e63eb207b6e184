#include "provisioning/hubs/remote.h"

#include <gtest/gtest.h>

namespace twinhub::provisioning {
namespace {

using namespace std::chrono_literals;

TEST(Remote, AnswersMeanWhatAnIotHubMeansByThem) {
    struct Case {
        int status;
        const char* body;
        Code code;
        bool may_pass;
    };
    constexpr Case cases[] = {
        {400, R"({"errors":[{"errorCode":"DeviceAlreadyExists"}]})", Code::device_already_exists,
         false},
        {400, R"({"errors":[{"errorCode":"ModuleAlreadyExistsOnDevice"}]})",
         Code::module_already_exists, false},
        {400, R"({"Message":"ErrorCode:ArgumentInvalid;no"})", Code::argument_invalid, false},
        {400, R"({"errors":[{"errorCode":"ServerError"}]})", Code::unavailable, true},
        {401, "", Code::unauthorized, false},
        {403, R"({"Message":"ErrorCode:IotHubQuotaExceeded"})", Code::too_many_devices, false},
        {404, "", Code::device_not_found, false},
        {409, "", Code::device_already_exists, false},
        {412, "", Code::precondition_failed, false},
        {429, "", Code::throttled, true},
        {500, "", Code::unavailable, true},
        {503, "", Code::unavailable, true},
        {302, "", Code::argument_invalid, false},
        {200, "no JSON", Code::format_invalid, false},
    };
    for (const Case& c : cases) {
        const auto answer = read_answer({c.status, c.body}, "hub.b");
        ASSERT_FALSE(answer) << c.status << c.body;
        EXPECT_EQ(answer.error().code, c.code) << c.status << c.body;
        EXPECT_EQ(may_pass(answer.error()), c.may_pass) << c.status << c.body;
        EXPECT_NE(answer.error().message.find("hub.b"), std::string::npos);
    }
    EXPECT_TRUE(read_answer({204, ""}, "hub.b").value().is_null());
    EXPECT_EQ(read_answer({200, "[1]"}, "hub.b").value().at(0), 1);
}

TEST(Remote, RequestsCarryATokenOfTheLinkAndNoKey) {
    const HubLink link{.host = "Hub.b", .policy = "p", .key = "c2VjcmV0"};
    const HubRequest request =
        request_to(link, ask_twin({DeviceId::parse("a#b").value(), {}}), Instant{1s});
    EXPECT_EQ(request.method, "GET");
    EXPECT_EQ(request.target, "/twins/a%23b?api-version=2021-04-12");
    ASSERT_EQ(request.headers.size(), 1u);
    EXPECT_TRUE(request.headers[0].second.starts_with("SharedAccessSignature sr=Hub.b&"));
    EXPECT_NE(request.headers[0].second.find("se=3601"), std::string::npos);
    EXPECT_EQ(request.headers[0].second.find("c2VjcmV0"), std::string::npos);
}

TEST(Remote, ALoadIsTheNumberOfDevices) {
    EXPECT_EQ(read_load(json::object{{"totalDeviceCount", 7}}).value(), 7u);
    EXPECT_FALSE(read_load(json::object{{"totalDeviceCount", -7}}));
    EXPECT_FALSE(read_load(json::object{{"totalDeviceCount", "7"}}));
    EXPECT_FALSE(read_load(json::array{}));
}

TEST(Remote, PausesGrowUpToABoundAndAreNeverTheSameForAll) {
    EXPECT_EQ(pause_before_try(0, 1), 1s);
    EXPECT_EQ(pause_before_try(0, 0), 500ms);
    EXPECT_EQ(pause_before_try(2, 1), 4s);
    EXPECT_EQ(pause_before_try(100, 1), 15s);
}

}  // namespace
}  // namespace twinhub::provisioning
