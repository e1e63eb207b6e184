#include "hub/drift/shard_drift.h"

#include "hub/testing/histories.h"
#include "twin/drift/assessment.h"
#include "twin/drift/paths.h"
#include "twin/drift/testing/histories.h"

#include <gmock/gmock.h>

#include <map>

namespace twinhub::hub {
namespace {

using testing::answer_of;
using testing::id_of;
using testing::spec_of;
using testing::TestHub;
using testing::TestLink;
using namespace std::chrono_literals;
using DriftState = twin::drift::State;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

json::object only_row(TestHub& hub, std::string_view text) {
    const auto rows = answer_of(hub, text);
    EXPECT_EQ(rows.size(), 1u) << text;
    return rows.size() == 1 ? parse_json(rows[0]).value().get_object() : json::object{};
}

constexpr std::string_view all_of_it =
    "SELECT $drift.state, $drift.since, $drift.reason, $drift.path, $drift.code, $drift.words, "
    "$drift.convergeSeconds FROM devices";

struct OneDevice {
    TestHub hub;
    TwinId id = id_of("d");
    TestLink link;

    explicit OneDevice(Settings settings = {}) : hub(std::move(settings)) {
        hub.create(spec_of("d"));
    }
    void desire(std::string_view desired) {
        EXPECT_TRUE(hub.patch(id, R"({"properties":{"desired":)" + std::string(desired) + "}}"));
    }
    void tell(std::string_view reported) {
        const auto answer = hub.begin_report(id, reported);
        hub.settle();
        EXPECT_TRUE(answer.get());
    }
    std::string state() {
        return std::string(
            only_row(hub, "SELECT $drift.state FROM devices").at("state").as_string());
    }
    Instant since() {
        return parse_instant(
                   only_row(hub, "SELECT $drift.since FROM devices").at("since").as_string())
            .value();
    }
    DriftCounts counts() {
        DriftCounts all;
        for (std::size_t i = 0; i < hub.hub().shards().size(); ++i) {
            const DriftCounts& own = hub.hub().shards().at(i).drift_counts();
            for (std::size_t k = 0; k < twin::drift::state_count; ++k) {
                all.devices[k] += own.devices[k];
                all.modules[k] += own.modules[k];
                all.properties[k] += own.properties[k];
            }
        }
        return all;
    }
};

TEST(ShardDrift, FollowsADeviceThroughItsLife) {
    OneDevice one;
    EXPECT_EQ(one.state(), "untracked");
    one.desire(R"({"p":1})");
    EXPECT_EQ(one.state(), "offline");
    one.hub.clock().advance(10s);
    one.hub.connect(one.id, one.link);
    EXPECT_EQ(one.state(), "pending");
    EXPECT_EQ(one.since(), one.hub.clock().now());
    const Instant connected = one.hub.clock().now();
    one.hub.tick_for(303s);
    EXPECT_EQ(one.state(), "stale");
    EXPECT_EQ(one.since(), connected + 300s);
    one.tell(R"({"p":{"value":7,"ac":400,"av":2,"ad":"too small"}})");
    const json::object row = only_row(one.hub, all_of_it);
    EXPECT_EQ(row.at("state"), json::value("rejected"));
    EXPECT_EQ(row.at("reason"), json::value("refused"));
    EXPECT_EQ(row.at("path"), json::value("p"));
    EXPECT_EQ(row.at("code"), json::value(400));
    EXPECT_EQ(row.at("words"), json::value("too small"));
    one.tell(R"({"p":{"value":1,"ac":200,"av":2}})");
    EXPECT_EQ(one.state(), "converged");
    EXPECT_EQ(only_row(one.hub, all_of_it).at("convergeSeconds").to_number<double>(), 313.0);
}

TEST(ShardDrift, StaleDevicesWaitAnewWhenTheyComeBackOrAreAskedAgain) {
    OneDevice one;
    one.desire(R"({"p":1,"o":{"q":1}})");
    one.hub.connect(one.id, one.link);
    one.hub.tick_for(303s);
    const auto stale =
        "SELECT deviceId FROM devices WHERE DRIFT_STATE(properties.desired.o.q) = "
        "'stale' AND DRIFT_STATE(properties.desired.o) = 'stale'";
    EXPECT_EQ(answer_of(one.hub, stale).size(), 1u);
    one.desire(R"({"o":{"q":1}})");
    EXPECT_EQ(one.state(), "stale");
    EXPECT_EQ(answer_of(one.hub, stale).size(), 0u);
    one.hub.shard(one.id).detach(one.id, one.link);
    EXPECT_EQ(one.state(), "offline");
    EXPECT_EQ(
        answer_of(
            one.hub,
            "SELECT deviceId FROM devices WHERE DRIFT_STATE(properties.desired.p) = 'offline' "
            "AND DRIFT_COUNT('offline') = 2 AND DRIFT_COUNT('stale') = 0")
            .size(),
        1u);
    one.hub.connect(one.id, one.link);
    EXPECT_EQ(one.state(), "pending");
    EXPECT_EQ(answer_of(one.hub,
                        "SELECT deviceId FROM devices WHERE "
                        "DRIFT_STATE(properties.desired.p) = 'pending'")
                  .size(),
              1u);
}

TEST(ShardDrift, SinceSurvivesCrashAndRestart) {
    OneDevice one;
    one.desire(R"({"p":1,"q":1})");
    one.hub.clock().advance(10s);
    one.tell(R"({"p":1,"q":1})");
    const Instant converged = one.hub.clock().now();
    one.hub.clock().advance(100s);
    one.tell(R"({"p":1,"q":1})");
    EXPECT_EQ(one.since(), converged);
    ASSERT_TRUE(one.hub.crash());  // from the log
    EXPECT_EQ(one.since(), converged);
    EXPECT_EQ(one.state(), "converged");
    one.hub.tick_for(10s);
    ASSERT_TRUE(one.hub.restart());  // from the document
    EXPECT_EQ(one.since(), converged);
    EXPECT_EQ(one.counts().devices[index_of(DriftState::converged)], 1);
    EXPECT_EQ(one.counts().properties[index_of(DriftState::converged)], 2);
    EXPECT_EQ(only_row(one.hub, all_of_it).at("convergeSeconds").to_number<double>(), 10.0);
}

TEST(ShardDrift, IsJudgedAnewByAnotherPolicy) {
    OneDevice one;
    one.desire(R"({"p":100})");
    one.tell(R"({"p":101})");
    EXPECT_EQ(one.state(), "drifted");
    one.hub.tick_for(10s);
    one.hub.settings().drift.property.tolerance.absolute = 1;
    ASSERT_TRUE(one.hub.restart());
    EXPECT_EQ(one.state(), "converged");
}

TEST(ShardDrift, TellsWhatMovedAfterItIsDurable) {
    OneDevice one;
    std::vector<std::string> told;
    const auto listening = one.hub.hub().drift_events().listen(
        one.hub.shard(one.id).executor(), 100,
        [&](const std::shared_ptr<const DeviceEvent>& event) {
            const json::value body = parse_json(event->payload).value();
            told.push_back(std::string(body.at("path").as_string()) + " " +
                           std::string(body.at("from").as_string()) + ">" +
                           std::string(body.at("to").as_string()));
            EXPECT_EQ(event->properties[0].second, "driftChanged");
        });
    one.hub.hold();
    const auto patched = one.hub.begin_patch(one.id, R"({"properties":{"desired":{"p":1}}})");
    one.hub.settle();
    EXPECT_TRUE(told.empty());
    one.hub.release();
    one.hub.settle();
    EXPECT_THAT(told, ElementsAre("p untracked>offline"));
    one.hub.connect(one.id, one.link);
    one.tell(R"({"p":2})");
    one.tell(R"({"p":2})");
    one.tell(R"({"p":1})");
    EXPECT_THAT(told, ElementsAre("p untracked>offline", "p offline>pending", "p pending>drifted",
                                  "p drifted>converged"));
}

TEST(ShardDrift, LetsADriftSettleBeforeItIsTold) {
    Settings settings;
    settings.drift.twin.settle = 60s;
    OneDevice one(settings);
    std::vector<std::string> told;
    const auto listening = one.hub.hub().drift_events().listen(
        one.hub.shard(one.id).executor(), 100,
        [&](const std::shared_ptr<const DeviceEvent>& event) {
            told.push_back(std::string(parse_json(event->payload).value().at("to").as_string()));
        });
    one.desire(R"({"p":1})");
    one.tell(R"({"p":1})");
    told.clear();
    one.tell(R"({"p":2})");
    one.hub.tick_for(30s);
    one.tell(R"({"p":1})");
    one.hub.tick_for(60s);
    EXPECT_TRUE(told.empty());
    one.tell(R"({"p":2})");
    one.hub.tick_for(61s);
    EXPECT_THAT(told, ElementsAre("drifted"));
}

TEST(ShardDrift, CountsTimesToConvergeByPropertyAndTag) {
    Settings settings;
    settings.converge_tag = "site";
    OneDevice one(settings);
    ASSERT_TRUE(one.hub.patch(one.id, R"({"tags":{"site":"north"}})"));
    one.desire(R"({"p":1})");
    one.hub.clock().advance(20s);
    one.tell(R"({"p":1})");
    const std::string metrics = one.hub.metrics_text();
    EXPECT_THAT(metrics, HasSubstr(R"(twin_property_converge_seconds_sum{property="p"} 20)"));
    EXPECT_THAT(metrics, HasSubstr(R"(twin_converge_seconds_sum{tag="north"} 20)"));
    EXPECT_THAT(metrics, HasSubstr(R"(twin_drift_devices{state="converged"} 1)"));
    EXPECT_THAT(metrics, HasSubstr(R"(twin_drift_properties{state="converged"} 1)"));
}

// What the hub shows of all twins, against what the documents and connections say.
void check_all(TestHub& hub, const std::set<TwinId>& ids) {
    DriftCounts expected;
    for (const TwinId& id : ids) {
        const auto view = hub.run(hub.twins().get(id));
        if (!view) continue;
        const twin::drift::Connection connection{view->presence.connected,
                                                 view->presence.connection_state_updated,
                                                 view->presence.last_activity};
        const auto made = twin::drift::assess(view->twin, hub.settings().drift, is_edge_runtime(id),
                                              connection, hub.clock().now());
        auto& twins = id.is_module() ? expected.modules : expected.devices;
        ++twins[index_of(made.state)];
        for (const DriftState state : twin::drift::states)
            expected.properties[index_of(state)] += made.counts[index_of(state)];
        const std::string from = id.is_module() ? "devices.modules" : "devices";
        std::string where = " WHERE deviceId = '" + std::string(id.device.text()) + "'";
        if (id.is_module()) where += " AND moduleId = '" + std::string(id.module.text()) + "'";
        const json::object row =
            only_row(hub, "SELECT $drift.state, $drift.path FROM " + from + where);
        RC_ASSERT(row.at("state") == json::value(name_of(made.state)));
        if (made.state > DriftState::converged)
            RC_ASSERT(row.at("path") == json::value(made.worst()->path));
        for (const auto& property : made.properties) {
            if (property.desired == nullptr || property.path.find("..") != std::string::npos ||
                property.path.starts_with('.') || property.path.ends_with('.') ||
                property.path.empty())
                continue;
            std::string path;
            for (const std::string_view key : twin::drift::keys_of(property.path))
                path += ".[[" + std::string(key) + "]]";
            const auto rows =
                answer_of(hub, "SELECT deviceId FROM " + from + where +
                                   " AND DRIFT_STATE(properties.desired" + path + ") = '" +
                                   std::string(name_of(property.state)) + "'");
            RC_ASSERT(rows.size() == 1u);
        }
    }
    DriftCounts counted;
    for (std::size_t i = 0; i < hub.hub().shards().size(); ++i) {
        const DriftCounts& own = hub.hub().shards().at(i).drift_counts();
        for (std::size_t k = 0; k < twin::drift::state_count; ++k) {
            counted.devices[k] += own.devices[k];
            counted.modules[k] += own.modules[k];
            counted.properties[k] += own.properties[k];
        }
    }
    RC_ASSERT(counted == expected);
}

RC_GTEST_PROP(ShardDrift, ShowsWhatARecountSaysThroughAnyHistory, ()) {
    Settings settings;
    settings.drift = twin::drift::testing::any_policy();
    settings.drift.property.pending_timeout = 30s;
    TestHub hub(settings);
    std::set<TwinId> ids;
    for (const char* name : {"a", "b"}) {
        IdentitySpec spec = spec_of(name);
        spec.iot_edge = name == std::string_view("b");
        hub.create(std::move(spec));
        ids.insert(id_of(name));
    }
    for (const char* name : {"$edgeAgent", "$edgeHub"}) ids.insert(id_of("b", name));
    const std::vector<TwinId> all(ids.begin(), ids.end());
    std::map<TwinId, TestLink> links;
    for (int i = 0; i < 12; ++i) {
        const TwinId id = all[testing::below(all.size())];
        const auto now = hub.run(hub.twins().get(id));
        switch (testing::below(8)) {
            case 0: hub.tick_for(std::chrono::seconds(testing::below(40))); break;
            case 1:
                if (now) hub.connect(id, links[id]);
                break;
            case 2:
                if (now) hub.shard(id).detach(id, links[id]);
                break;
            case 3:
                if (testing::below(2) == 0) RC_ASSERT(hub.crash(1 + testing::below(2)).has_value());
                else RC_ASSERT(hub.restart(1 + testing::below(2)).has_value());
                break;
            case 4:
                if (testing::below(4) != 0) break;
                if (now) (void)hub.run(hub.registry().remove(id, {}, testing::author_of()));
                else (void)hub.run(hub.registry().create({.id = id}, testing::author_of()));
                break;
            default: {
                if (!now) break;
                json::object wish = twin::drift::testing::any_wish(2);
                json::object answer =
                    twin::drift::testing::any_answer(2, now->twin.versions.desired);
                if (testing::below(2) == 0) {
                    wish.erase("");
                    (void)hub.patch(
                        id, to_text(json::value{{"tags", {{"site", testing::below(2) ? "x" : "y"}}},
                                                {"properties", {{"desired", wish}}}}));
                } else {
                    (void)hub.begin_report(id, to_text(json::value(answer)));
                    hub.settle();
                }
            }
        }
        hub.tick_for(3s);
        check_all(hub, ids);
    }
}

RC_GTEST_PROP(Drift, ReadsBackTheSame, ()) {
    twin::Twin twin = twin::fresh(twin::drift::testing::at(0));
    for (int i = 1; i < 5; ++i)
        twin = twin::drift::testing::any_step(twin, twin::drift::testing::at(i)).next;
    const twin::drift::Policy policy = twin::drift::testing::any_policy();
    const DriftJudge judge(policy);
    Drift drift = *judge.first(id_of("d"), twin);
    if (testing::below(2) == 0) drift.standing.converge_time = 5s;
    std::string bytes;
    append_encoded(bytes, drift);
    const auto again = decode_drift(bytes);
    RC_ASSERT(again.has_value());
    RC_ASSERT(again->standing == drift.standing);
    RC_ASSERT(again->policy == drift.policy);
    for (std::size_t size = 0; size < bytes.size(); ++size)
        RC_ASSERT(!decode_drift(bytes.substr(0, size)));
}

RC_GTEST_PROP(Drift, AnyBytesAreAnswered, (const std::string& bytes)) { (void)decode_drift(bytes); }

}  // namespace
}  // namespace twinhub::hub
