#include "gateway/http/router.h"

#include "gateway/http/handlers.h"

#include <gtest/gtest.h>

#include <set>

namespace twinhub::gateway::http {
namespace {

Request request_for(Method method, std::string target) {
    Request request;
    request.method = method;
    request.target = std::move(target);
    EXPECT_TRUE(request.split_target()) << request.target;
    return request;
}

struct Expected {
    Method method;
    std::string target;
    std::string_view pattern;
    std::string device, module;
};
class RouteOf : public testing::TestWithParam<Expected> {};
TEST_P(RouteOf, IsFound) {
    const Request request = request_for(GetParam().method, GetParam().target);
    const auto route = find_route(request, all_routes());
    ASSERT_TRUE(route) << GetParam().target;
    EXPECT_EQ((*route)->pattern, GetParam().pattern);
    const auto object = object_of(**route, request);
    ASSERT_TRUE(object);
    EXPECT_EQ(object->device.text(), GetParam().device);
    EXPECT_EQ(object->module.text(), GetParam().module);
}
INSTANTIATE_TEST_SUITE_P(
    Table, RouteOf,
    testing::Values(
        Expected{Method::get, "/devices?api-version=1", "/devices", "", ""},
        Expected{Method::get, "/devices/?top=5", "/devices", "", ""},
        Expected{Method::post, "/DEVICES/?x", "/devices", "", ""},
        Expected{Method::post, "/devices/query", "/devices/query", "", ""},
        Expected{Method::get, "/devices/query", "/devices/{device}", "query", ""},
        Expected{Method::get, "/Twins/Dev-1", "/twins/{device}", "Dev-1", ""},
        Expected{Method::patch, "/twins/a%2Bb+c%23%25", "/twins/{device}", "a+b+c#%", ""},
        Expected{Method::put, "/twins/d/Modules/M%24", "/twins/{device}/modules/{module}", "d",
                 "M$"},
        Expected{Method::remove, "/devices/d/modules/m/", "/devices/{device}/modules/{module}", "d",
                 "m"},
        Expected{Method::get, "/devices/d/modules", "/devices/{device}/modules", "d", ""},
        Expected{Method::remove, "/devices/d/commands", "/devices/{device}/commands", "d", ""},
        Expected{Method::post, "/devices/keys/regenerate", "/devices/keys/regenerate", "", ""},
        Expected{Method::get, "/statistics/Devices", "/statistics/devices", "", ""},
        Expected{Method::get, "http://hub.local/statistics/service", "/statistics/service", "", ""},
        Expected{Method::get, "/jobs/j1", "/jobs/{any}", "", ""},
        Expected{Method::get, "/$iothub/websocket?iothub-no-client-cert=true", "/$iothub/websocket",
                 "", ""},
        Expected{Method::get, "/%24iothub/websocket", "/$iothub/websocket", "", ""}));

TEST(Router, RefusesUnknownAddressesAndMethods) {
    for (const char* target :
         {"/", "/devicesx", "/devices//modules", "/devices/d/modules/m/x", "/a/b/c/d/e/f/g/h",
          "/jobs/v3/j1", "/devices%2Fd1", "/fleet", "/console/x", "/access/roles", "/_emulator"})
        EXPECT_EQ(find_route(request_for(Method::get, target), all_routes()).error().code,
                  Code::not_found)
            << target;
    EXPECT_EQ(find_route(request_for(Method::patch, "/devices/d"), all_routes()).error().code,
              Code::method_not_allowed);
    EXPECT_EQ(find_route(request_for(Method::other, "/devices"), all_routes()).error().code,
              Code::method_not_allowed);
}

TEST(Router, SaysWhatIsNotOffered) {
    for (const auto& [target, feature] :
         {std::pair("/digitaltwins/d", "digital twin models"),
          std::pair("/digitaltwins/d/commands/x", "digital twin models")}) {
        const auto refused = find_route(request_for(Method::post, target), all_routes());
        EXPECT_EQ(refused.error().code, Code::not_found) << target;
        EXPECT_EQ(refused.error().message, std::string("This hub does not offer ") + feature);
    }
    const auto unknown = find_route(request_for(Method::get, "/nothing"), all_routes());
    EXPECT_EQ(unknown.error().message, "There is nothing at this address");
}

TEST(Router, OffersNothingThatItCallsAbsent) {
    for (const Absence& absence : all_absences())
        for (const Route& route : all_routes()) EXPECT_NE(route.pattern, absence.pattern);
}

TEST(Router, RefusesTargetsThatAreNoPath) {
    for (const char* target : {"", "*", "devices", "/devices/%", "/devices/%2", "/devices/%zz"}) {
        Request request;
        request.target = target;
        EXPECT_FALSE(request.split_target()) << target;
    }
}

TEST(Router, RefusesIdsWithForeignCharacters) {
    const Request request = request_for(Method::put, "/devices/invalid%2Fname");
    const auto route = find_route(request, all_routes());
    ASSERT_TRUE(route);
    EXPECT_EQ(object_of(**route, request).error().code, Code::argument_invalid);
}

TEST(Router, HasEachMethodAndAddressOnce) {
    std::set<std::pair<Method, std::string_view>> seen;
    for (const Route& route : all_routes()) {
        EXPECT_TRUE(seen.insert({route.method, route.pattern}).second) << route.pattern;
        EXPECT_EQ(route.handler == nullptr, route.is_device_socket) << route.pattern;
        EXPECT_GT(route.body_bytes_max, 0u);
    }
}

TEST(Router, KeepsTheReservedPrefixesFree) {
    constexpr std::array<std::string_view, 8> reserved{
        "/access", "/audit", "/evidence", "/limits", "/cost", "/plan", "/console", "/_emulator"};
    for (const Route& route : all_routes())
        for (const std::string_view prefix : reserved)
            EXPECT_FALSE(route.pattern.starts_with(prefix)) << route.pattern;
}

TEST(ApiVersion, IsTakenWhenWellFormed) {
    for (const char* target :
         {"/x?api-version=2021-04-12", "/x?top=5&API-version=2020-05-31-preview",
          "/x?a&api-version=2099-01-01&b=c"})
        EXPECT_TRUE(check_api_version(request_for(Method::get, target), Face::hub, true)) << target;
    for (const char* target :
         {"/x", "/x?api-version", "/x?api-version=", "/x?api-version=latest",
          "/x?api-version=2021-4-12", "/x?api-version=2021-04-12-beta", "/x?api-version=%zz"})
        EXPECT_EQ(check_api_version(request_for(Method::get, target), Face::hub, true).error().code,
                  Code::protocol_version_invalid)
            << target;
}

TEST(ApiVersion, MustBeKnownWhenTheSwitchSaysSo) {
    const auto is_taken = [](const char* target, Face face) {
        return check_api_version(request_for(Method::get, target), face, false).has_value();
    };
    EXPECT_TRUE(is_taken("/x?api-version=2024-03-31", Face::hub));
    EXPECT_FALSE(is_taken("/x?api-version=2024-03-31", Face::enrollments));
    EXPECT_TRUE(is_taken("/x?api-version=2021-10-01", Face::enrollments));
    EXPECT_FALSE(is_taken("/x?api-version=2021-10-01", Face::hub));
    EXPECT_FALSE(is_taken("/x?api-version=2099-01-01", Face::hub));
}

}  // namespace
}  // namespace twinhub::gateway::http
