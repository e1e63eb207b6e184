// How long devices take to come to what configurations and rollouts ask, as the metrics tell it.
#include "hub/configurations/configurations.h"
#include "hub/testing/test_hub.h"

#include <gmock/gmock.h>

namespace twinhub::hub {
namespace {

using testing::author_of;
using testing::id_of;
using testing::spec_of;
using testing::TestHub;
using testing::TestLink;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

struct ConvergedConfigurations : ::testing::Test {
    void SetUp() override {
        hub.create(spec_of("d"));
        hub.connect(id, link);
        ASSERT_TRUE(hub.patch(id, R"({"tags":{"site":"x"}})"));
        put("c", R"({"properties.desired.a":1,"properties.desired.b.c":2})");
    }
    void put(std::string_view name, const std::string& content) {
        const std::string body = R"({"priority":1,"targetCondition":"tags.site='x'",)"
                                 R"("content":{"deviceContent":)" +
                                 content + "}}";
        const auto configuration =
            read_configuration(name, parse_json(body).value().as_object()).value();
        ASSERT_TRUE(
            hub.run(hub.hub().configurations().put(configuration, twin::Match{}, author_of())));
    }
    void tell(std::string_view reported) {
        const auto answer = hub.begin_report(id, reported);
        hub.settle();
        ASSERT_TRUE(answer.get());
    }
    std::string metrics() { return hub.metrics_text(); }

    TestHub hub;
    TwinId id = id_of("d");
    TestLink link;
};

TEST_F(ConvergedConfigurations, AreMeasuredWhenTheLastOfTheirPropertiesIsMet) {
    hub.clock().advance(20s);
    tell(R"({"a":1})");
    EXPECT_THAT(metrics(), Not(HasSubstr("twin_configuration_converge_seconds_sum{")));
    hub.clock().advance(30s);
    tell(R"({"b":{"c":2}})");
    EXPECT_THAT(metrics(),
                HasSubstr(R"(twin_configuration_converge_seconds_sum{configuration="c"} 50)"));
    EXPECT_THAT(metrics(),
                HasSubstr(R"(twin_configuration_converge_seconds_count{configuration="c"} 1)"));
    // The same again is nothing new.
    tell(R"({"a":1})");
    EXPECT_THAT(metrics(),
                HasSubstr(R"(twin_configuration_converge_seconds_count{configuration="c"} 1)"));
}

TEST_F(ConvergedConfigurations, AreMeasuredApartFromEachOtherAndFromOthersWishes) {
    hub.clock().advance(5s);
    put("e", R"({"properties.desired.e":true})");
    ASSERT_TRUE(hub.patch(id, R"({"properties":{"desired":{"own":7}}})"));
    hub.clock().advance(5s);
    tell(R"({"e":true,"own":7})");
    EXPECT_THAT(metrics(),
                HasSubstr(R"(twin_configuration_converge_seconds_sum{configuration="e"} 5)"));
    EXPECT_THAT(metrics(), Not(HasSubstr(R"(seconds_sum{configuration="c"})")));
    EXPECT_THAT(metrics(), HasSubstr(R"(twin_property_converge_seconds_sum{property="own"} 5)"));
}

TEST_F(ConvergedConfigurations, AreKnownAfterARestart) {
    ASSERT_TRUE(hub.crash());
    hub.connect(id, link);
    hub.clock().advance(8s);
    tell(R"({"a":1,"b":{"c":2}})");
    EXPECT_THAT(metrics(),
                HasSubstr(R"(twin_configuration_converge_seconds_sum{configuration="c"} 8)"));
}

TEST_F(ConvergedConfigurations, DoNotCountWhatWasAskedBackToWhatIsReported) {
    tell(R"({"a":5})");
    hub.clock().advance(5s);
    ASSERT_TRUE(hub.patch(id, R"({"properties":{"desired":{"own":1}}})"));
    hub.clock().advance(5s);
    tell(R"({"own":2})");
    hub.clock().advance(5s);
    ASSERT_TRUE(hub.patch(id, R"({"properties":{"desired":{"own":2}}})"));
    EXPECT_THAT(metrics(), Not(HasSubstr(R"(twin_property_converge_seconds_sum{property="own"})")));
}

}  // namespace
}  // namespace twinhub::hub
