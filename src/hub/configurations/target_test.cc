#include "hub/configurations/target.h"

#include "hub/configurations/configuration.h"
#include "query/compile.h"
#include "twin/testing/from_document.h"

#include <gtest/gtest.h>

namespace twinhub::hub {
namespace {

const TwinId device{DeviceId::parse("d1").value(), {}};

twin::Twin twin_of(std::string_view tags, std::string_view reported = "{}") {
    twin::Twin twin;
    twin.tags = twin::testing::node_of(parse_json(tags).value(), nullptr);
    twin.reported = twin::testing::node_of(parse_json(reported).value(), nullptr);
    return twin;
}

bool matches(std::string_view condition, const twin::Twin& twin) {
    const auto target = Target::compile(ContentKind::device, condition, {});
    EXPECT_TRUE(target) << condition << ": " << (target ? "" : target.error().message);
    return target && target->matches(device, twin, Instant{});
}

TEST(ConfigurationTarget, ReadsIdTagsAndReportedProperties) {
    const twin::Twin twin =
        twin_of(R"({"site":{"floor":2},"kinds":["a",{"b":1}]})", R"({"fw":"1.2"})");
    for (const char* condition :
         {"*", " * ", "deviceId = 'd1'", "tags.site.floor > 1", "properties.reported.fw = '1.2'",
          "tags.kinds[0] = 'a'", "tags.kinds[1].b = 1", "IS_DEFINED(tags.site)",
          "NOT IS_DEFINED(tags.other)", "from devices where deviceId = 'd1'",
          "deviceId IN ['d1','d2']"})
        EXPECT_TRUE(matches(condition, twin)) << condition;
    for (const char* condition :
         {"", "  ", "deviceId = 'D1'", "tags.site = 2", "tags.site.floor.x = 1",
          "properties.reported.fw > 2", "tags.kinds[7] = 'a'"})
        EXPECT_FALSE(matches(condition, twin)) << condition;
    EXPECT_FALSE(matches("IS_DEFINED(tags)", twin_of("{}")));
}

TEST(ConfigurationTarget, RefusesWhatWouldChangeUnseen) {
    for (const char* condition :
         {"properties.desired.a = 1", "status = 'enabled'", "connectionState = 'Connected'",
          "properties.reported.$version > 1", "lastActivityTime < NOW()",
          "properties.reported.$metadata.$lastUpdated > '2026-01-01'", "tags.a = ", "version = 1",
          "configurations.[[x]].status = 'Applied'", "from devices.modules where moduleId = 'm'",
          "AGE_SECONDS(properties.reported.at) > 5"}) {
        const auto target = Target::compile(ContentKind::device, condition, {});
        ASSERT_FALSE(target) << condition;
        EXPECT_EQ(target.error().code, Code::configuration_target_invalid);
        EXPECT_EQ(target.error().where, "targetCondition");
    }
}

TEST(ConfigurationTarget, OfModulesBeginsWithFrom) {
    const TwinId module{device.device, ModuleId::parse("m").value()};
    const auto target = Target::compile(
        ContentKind::module, "FROM devices.modules WHERE moduleId = 'm' AND tags.a = 1", {});
    ASSERT_TRUE(target) << target.error().message;
    EXPECT_TRUE(target->matches(module, twin_of(R"({"a":1})"), Instant{}));
    EXPECT_FALSE(target->matches(module, twin_of(R"({"a":2})"), Instant{}));
    EXPECT_FALSE(Target::compile(ContentKind::module, "moduleId = 'm'", {}));
    EXPECT_TRUE(Target::compile(ContentKind::module, "", {}));
    EXPECT_TRUE(Target::compile(ContentKind::module, "*", {})->matches(module, twin_of("{}"), {}));
}

TEST(ConfigurationTarget, KnowsWhichChangesCanMatter) {
    const auto target = Target::compile(
        ContentKind::device, "tags.site.floor = 2 AND properties.reported.list[0] = 1", {});
    const twin::Twin was = twin_of(R"({"site":{"floor":1},"other":1})", R"({"list":[1],"x":1})");
    const auto touched = [&](std::string_view tags, std::string_view reported) {
        return target->is_touched(was, twin_of(tags, reported));
    };
    EXPECT_TRUE(touched(R"({"site":{"floor":2}})", R"({"list":[1]})"));
    EXPECT_TRUE(touched(R"({"site":2})", R"({"list":[1]})"));
    EXPECT_TRUE(touched(R"({"site":{"floor":1}})", R"({"list":[2]})"));
    EXPECT_TRUE(touched(R"({})", R"({"list":[1]})"));
    EXPECT_FALSE(touched(R"({"site":{"floor":1},"other":2})", R"({"list":[1],"x":2})"));
}

TEST(ConfigurationTarget, AsksTheFleetForThoseThatMatch) {
    const auto plan = Target::compile(ContentKind::edge, "tags.a = 1", {})->ids();
    EXPECT_EQ(plan.items.size(), 1u);
    const auto modules =
        Target::compile(ContentKind::module, "from devices.modules where tags.a = 1", {})->ids();
    EXPECT_EQ(modules.items.size(), 2u);
    EXPECT_EQ(modules.collection, query::Collection::modules);
}

Configuration configuration(std::string_view body, std::string_view id = "c1") {
    auto read = read_configuration(id, parse_json(body).value().get_object());
    EXPECT_TRUE(read) << (read ? "" : read.error().message);
    return read.value_or(Configuration{});
}

TEST(ConfigurationValue, CountsWithQueriesThatTheHubAnswers) {
    struct Row {
        const char* body;
        const char* targeted;
    };
    for (const Row& row : {
             Row{R"({"content":{"deviceContent":{}},"targetCondition":"tags.a='x'"})",
                 "select deviceId from devices where tags.a='x'"},
             Row{R"({"content":{"deviceContent":{}},"targetCondition":"*"})",
                 "select deviceId from devices"},
             Row{R"({"content":{"deviceContent":{}},"targetCondition":""})", ""},
             Row{R"({"content":{"moduleContent":{}},
                 "targetCondition":"from devices.modules where moduleId='m'"})",
                 "select deviceId from devices.modules where moduleId='m'"},
         }) {
        const auto metrics = system_metrics(configuration(row.body));
        EXPECT_EQ(metrics.at("targetedCount"), row.targeted);
        for (const auto& [name, text] : metrics)
            if (!text.empty())
                EXPECT_TRUE(query::compile(text, {.dialect = query::Dialect::azure})) << text;
    }
}

TEST(ConfigurationValue, OfADeploymentCountsWhatTheAgentsAnswer) {
    const auto metrics = system_metrics(
        configuration(R"({"content":{"modulesContent":{"$edgeAgent":{}}}})", "dep-1"));
    EXPECT_EQ(metrics.at("appliedCount"),
              "select deviceId from devices.modules where moduleId = '$edgeAgent' and "
              "configurations.[[dep-1]].status = 'Applied'");
    EXPECT_EQ(metrics.at("reportedSuccessfulCount"),
              "select deviceId from devices.modules where moduleId = '$edgeAgent' and "
              "configurations.[[dep-1]].status = 'Applied' and properties.desired.$version = "
              "properties.reported.lastDesiredVersion and "
              "properties.reported.lastDesiredStatus.code = 200");
    EXPECT_EQ(metrics.size(), 4u);
}

TEST(ConfigurationValue, TakesWhatClientsSendBackAndIgnoresWhatIsNotTheirs) {
    const Configuration read = configuration(R"({"id":"other","schemaVersion":"1.0",
        "labels":{"k":"v"},"content":{"deviceContent":{},"moduleContent":null},
        "contentType":null,"targetCondition":"tags.a=1","createdTimeUtc":"x","priority":10,
        "systemMetrics":{"results":{"targetedCount":1}},"metrics":{"queries":null},"etag":"*"})");
    EXPECT_EQ(read.id, "c1");
    EXPECT_EQ(read.priority, 10);
    EXPECT_TRUE(read.metrics.empty());
    EXPECT_EQ(read.labels, (json::object{{"k", "v"}}));
}

TEST(ConfigurationValue, RefusesWhatIsNone) {
    const auto code = [](std::string_view id, std::string_view body) {
        const auto read = read_configuration(id, parse_json(body).value().get_object());
        return read ? Code::internal : read.error().code;
    };
    const std::string_view good = R"({"content":{"deviceContent":{}}})";
    for (const char* id : {"", "Upper", "a b", "a.b", "a/b", "a[b"})
        EXPECT_EQ(code(id, good), Code::argument_invalid) << id;
    EXPECT_EQ(code("a-b_c+d%e*f!g'1", good), Code::internal);
    EXPECT_EQ(code("c", "{}"), Code::configuration_content_invalid);
    EXPECT_EQ(code("c", R"({"content":{"deviceContent":{}},"priority":"high"})"),
              Code::argument_invalid);
    EXPECT_EQ(code("c", R"({"content":{"deviceContent":{}},"labels":{"a":1}})"),
              Code::argument_invalid);
    EXPECT_EQ(code("c", R"({"content":{"deviceContent":{}},"metrics":{"queries":{"m":1}}})"),
              Code::configuration_metric_invalid);
}

TEST(ConfigurationValue, OutranksByPriorityAndThenByAge) {
    const auto made = [](int priority, int second, std::string id) {
        Configuration one;
        one.id = std::move(id);
        one.priority = priority;
        one.created = Instant{std::chrono::seconds{second}};
        return one;
    };
    EXPECT_TRUE(outranks(made(2, 0, "a"), made(1, 9, "b")));
    EXPECT_TRUE(outranks(made(1, 9, "a"), made(1, 0, "b")));
    EXPECT_TRUE(outranks(made(1, 0, "a"), made(1, 0, "b")));
    EXPECT_FALSE(outranks(made(1, 0, "a"), made(1, 0, "a")));
}

TEST(ConfigurationValue, SurvivesTheWayToTheStore) {
    Configuration one = configuration(R"({"schemaVersion":"2.0","labels":{"k":"v"},
        "content":{"modulesContent":{"$edgeAgent":{"properties.desired":{"a":[1,2.5]}}}},
        "targetCondition":"tags.a=1","priority":-3,
        "metrics":{"queries":{"m":"select deviceId from devices"}}})");
    one.created = one.updated = Instant{std::chrono::seconds{5}};
    one.etag_number = 7;
    one.revision = 9;
    one.author = {.principal = "iothubowner", .request_id = "r", .client = "c"};
    std::string bytes;
    append_encoded(bytes, one);
    EXPECT_EQ(decode_configuration(bytes).value(), one);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(decode_configuration(bytes.substr(0, size)));
}

}  // namespace
}  // namespace twinhub::hub
