#include "gateway/wire_status.h"

#include <gtest/gtest.h>

#include <set>

namespace twinhub::gateway {
namespace {

TEST(WireStatus, HasOneRowForEveryCode) {
    for (int code = 0; code <= static_cast<int>(Code::conflict); ++code)
        EXPECT_EQ(wire_status(static_cast<Code>(code)).code, static_cast<Code>(code));
}

TEST(WireStatus, IsOneWordForEachNumber) {
    std::set<std::pair<std::uint32_t, std::string_view>> seen;
    std::set<std::uint32_t> numbers;
    for (const WireStatus& row : wire_statuses()) {
        seen.insert({row.number, row.name});
        numbers.insert(row.number);
        EXPECT_EQ(row.name.find_first_of(":; "), std::string_view::npos) << row.name;
    }
    EXPECT_EQ(seen.size(), numbers.size());
}

TEST(WireStatus, SaysForbiddenForAQuotaAlone) {  // as clients read it (spec service-api 2.4)
    for (const WireStatus& row : wire_statuses())
        EXPECT_EQ(row.http() == 403, row.code == Code::message_queue_full) << row.name;
}

struct Known {
    Code code;
    unsigned http;
    std::string_view name;
};
class WireStatusOf : public testing::TestWithParam<Known> {};
TEST_P(WireStatusOf, IsAsTheCatalogueSays) {
    EXPECT_EQ(wire_status(GetParam().code).http(), GetParam().http);
    EXPECT_EQ(wire_status(GetParam().code).name, GetParam().name);
}
INSTANTIATE_TEST_SUITE_P(
    Catalogue, WireStatusOf,
    testing::Values(Known{Code::device_not_found, 404, "DeviceNotFound"},
                    Known{Code::module_not_found, 404, "ModuleNotFound"},
                    Known{Code::unauthorized, 401, "IotHubUnauthorizedAccess"},
                    Known{Code::system_module_immutable, 401,
                          "SystemModuleModifyUnauthorizedAccess"},
                    Known{Code::precondition_failed, 412, "PreconditionFailed"},
                    Known{Code::message_too_large, 413, "MessageTooLarge"},
                    Known{Code::device_already_exists, 409, "DeviceAlreadyExists"},
                    Known{Code::module_already_exists, 409, "ModuleAlreadyExistsOnDevice"},
                    Known{Code::protocol_version_invalid, 400, "InvalidProtocolVersion"},
                    Known{Code::throttled, 429, "ThrottlingException"}));

}  // namespace
}  // namespace twinhub::gateway
