// What the hub promises about the disk: nothing is shown before it is there, nothing shown is lost,
// nothing refused stays.
#include "hub/testing/test_hub.h"
#include "twin/testing/generators.h"

#include <rapidcheck/gtest.h>

namespace twinhub::hub {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using Fault = store::MemoryEngine::Fault;

TEST(Durability, NothingIsAnsweredOrShownBeforeTheCommit) {
    TestHub hub;
    hub.create(spec_of("d1"));
    TestLink link;
    hub.connect(id_of("d1"), link);
    hub.hold();
    const auto created = hub.begin(hub.registry().create(spec_of("d2"), author_of()));
    const auto patched = hub.begin_patch(id_of("d1"), R"({"properties":{"desired":{"a":1}}})");
    hub.settle();
    const auto reported = hub.begin_report(id_of("d1"), R"({"b":1})");
    const auto read = hub.begin_read(id_of("d1"));
    hub.settle();
    EXPECT_FALSE(created.there() || patched.there() || reported.there() || read.there());
    EXPECT_TRUE(link.versions.empty());
    const auto seen = hub.run(hub.twins().get(id_of("d1")));
    EXPECT_EQ(seen->twin.versions, twin::Versions{});
    EXPECT_FALSE(hub.run(hub.registry().get(id_of("d2"))));
    EXPECT_EQ(hub.run(hub.registry().statistics())->devices_enabled, 1u);
    // Neither does a refusal tell of what is not there yet.
    const auto refused = hub.begin(hub.registry().create(spec_of("d2"), author_of()));
    const auto stale =
        hub.begin_patch(id_of("d1"), R"({"tags":{"x":1}})", match_of("AAAAAAAAAAE="));
    const auto old_base = hub.begin_report(id_of("d1"), R"({"b":2})", 1);
    hub.settle();
    EXPECT_FALSE(refused.there() || stale.there() || old_base.there());

    hub.release();
    hub.settle();
    ASSERT_TRUE(created.get() && patched.get() && reported.get() && read.get());
    EXPECT_EQ(patched.get()->twin.versions.desired, 2u);
    EXPECT_EQ(*reported.get(), 2u);
    EXPECT_EQ(*read.get(), R"({"desired":{"a":1,"$version":2},"reported":{"b":1,"$version":2}})");
    EXPECT_EQ(link.versions, std::vector<std::uint64_t>{2});
    EXPECT_EQ(refused.get().error().code, Code::device_already_exists);
    EXPECT_EQ(stale.get().error().code, Code::precondition_failed);
    EXPECT_EQ(old_base.get().error().code, Code::precondition_failed);
    EXPECT_EQ(wrong_with(hub), "");
}

TEST(Durability, ALostCommitTakesBackAllThatWasBuiltOnIt) {
    TestHub hub(Settings{}, 1);
    hub.create(spec_of("d1"));
    TestLink link;
    hub.connect(id_of("d1"), link);
    const twin::Twin before = hub.view(id_of("d1")).twin;
    hub.hold();
    hub.engine().fail_commits(1, Fault::refused);
    std::vector<Answer<Result<TwinView>>> answers;
    for (int i = 0; i < 4; ++i) {
        answers.push_back(
            hub.begin_patch(id_of("d1"), R"({"properties":{"desired":{"a":1}}})", {}, "lost"));
        hub.turn_loops();  // a batch of its own
    }
    const auto created = hub.begin(hub.registry().create(spec_of("d2"), author_of("lost")));
    const auto refused = hub.begin_patch(id_of("d1"), "{}", match_of("AAAAAAAAAAE="));
    hub.release();
    hub.settle();
    for (const auto& answer : answers) EXPECT_EQ(answer.get().error().code, Code::unavailable);
    EXPECT_EQ(created.get().error().code, Code::unavailable);
    EXPECT_EQ(refused.get().error().code,
              Code::unavailable);  // its reason is gone: it may try again
    EXPECT_TRUE(link.versions.empty());
    EXPECT_EQ(hub.view(id_of("d1")).twin, before);
    EXPECT_FALSE(hub.run(hub.registry().get(id_of("d2"))));
    const auto next = hub.patch(id_of("d1"), R"({"properties":{"desired":{"a":2}}})");
    ASSERT_TRUE(next);
    EXPECT_EQ(next->twin.versions.desired, 2u);
    EXPECT_EQ(link.versions, std::vector<std::uint64_t>{2});
    EXPECT_EQ(read_past(hub.engine()).requests.count("lost"), 0u);
    EXPECT_EQ(wrong_with(hub), "");
}

TEST(Durability, OfAReadsQueueEachSeesTheReportsBeforeIt) {
    TestHub hub;
    hub.create(spec_of("d1"));
    std::vector<Answer<Result<std::string>>> reads;
    for (int i = 0; i < 5; ++i) {
        hub.begin_report(id_of("d1"), R"({"n":)" + std::to_string(i) + "}");
        reads.push_back(hub.begin_read(id_of("d1")));
    }
    hub.settle();
    for (int i = 0; i < 5; ++i) {
        const std::string& text = *reads[static_cast<std::size_t>(i)].get();
        const json::object view = parse_json(text)->as_object();
        EXPECT_GE(view.at("reported").at("n").as_int64(), i) << text;
    }
}

TEST(Durability, AHubFindsOutByItselfThatItsDiskIsWellAgain) {
    TestHub hub;
    const TwinId id = id_of(device_on(0, 2));
    hub.create(spec_of(id.device.text()));
    hub.engine().fail_commits(1, Fault::refused, 3);
    EXPECT_FALSE(hub.patch(id, R"({"tags":{"a":1}})"));
    EXPECT_TRUE(hub.shard(id).failing());
    hub.tick_for(10s);  // nobody asks anything of it
    EXPECT_FALSE(hub.shard(id).failing());
    EXPECT_EQ(wrong_with(hub), "");
}

// --- every commit fails once -------------------------------------------------------------------

struct Script {
    explicit Script(TestHub& its_hub) : hub(its_hub) {}

    void write(Answer<Result<TwinView>> answer, std::string request) {
        twins.emplace_back(std::move(answer), std::move(request));
    }
    std::string next_request() { return "r" + std::to_string(++requests); }

    void create(const char* device, const char* module = "", bool edge = false) {
        IdentitySpec spec = spec_of(device, module);
        spec.iot_edge = edge;
        const std::string request = next_request();
        identities.emplace_back(
            hub.begin(hub.registry().create(std::move(spec), author_of(request))), request);
    }
    void update(const char* device, Status status, bool edge = false) {
        IdentitySpec spec = spec_of(device);
        spec.status = status;
        spec.iot_edge = edge;
        const std::string request = next_request();
        identities.emplace_back(
            hub.begin(hub.registry().update(std::move(spec), {}, author_of(request))), request);
    }
    void remove(const char* device) {
        const std::string request = next_request();
        removals.emplace_back(
            hub.begin(hub.registry().remove(id_of(device), twin::Match::any(), author_of(request))),
            request);
    }
    void patch(const char* device, std::string_view body) {
        const std::string request = next_request();
        twins.emplace_back(hub.begin_patch(id_of(device), body, {}, request), request);
    }
    void report(const char* device, std::string_view body) {
        const std::string request = next_request();
        reports.emplace_back(hub.begin_report(id_of(device), body, {}, request), request);
    }

    // Overlapping and waiting operations on both loops, with upkeep in between.
    void play() {
        create("a");
        create("b");
        create("edge", "", true);
        hub.settle();
        patch("a", R"({"tags":{"site":1},"properties":{"desired":{"x":1}}})");
        report("a", R"({"y":1})");
        patch("a", R"({"properties":{"desired":{"x":null,"z":{"deep":true}}}})");
        report("b", R"({"y":1})");
        hub.turn_loops();
        report("a", R"({"y":2})");
        update("b", Status::disabled);
        hub.settle();
        hub.tick_for(7s);
        create("a", "m1");
        patch("b", R"({"tags":{"t":1}})");
        remove("a");
        create("a");
        patch("edge", R"({"tags":{"t":1}})");
        hub.settle();
        patch("a", R"({"tags":{"new":1}})");
        update("edge", Status::enabled);
        hub.tick(0ms);
        hub.tick_for(7s);
        remove("b");
        report("edge", R"({"k":[1,2]})");
        hub.settle();
    }

    // Each answer is a promise: tells which were not kept.
    std::string broken(const Past& past, bool outcome_known = true) const {
        std::string wrong = past.wrong;
        const auto judge = [&](const auto& answers) {
            for (const auto& [answer, request] : answers) {
                if (!answer.there()) {
                    wrong += request + " was never answered\n";
                    continue;
                }
                const bool stored = past.requests.contains(request);
                if (answer.get() && !stored)
                    wrong += request + " was acknowledged and is not there\n";
                // After a failed sync nobody knows; any other refusal leaves no trace.
                const bool known =
                    outcome_known || (!answer.get() && answer.get().error().code != Code::internal);
                if (!answer.get() && known && stored)
                    wrong += request + " was refused and is there\n";
            }
        };
        judge(twins);
        judge(identities);
        judge(removals);
        judge(reports);
        return wrong;
    }

    TestHub& hub;
    int requests = 0;
    std::vector<std::pair<Answer<Result<TwinView>>, std::string>> twins;
    std::vector<std::pair<Answer<Result<IdentityView>>, std::string>> identities;
    std::vector<std::pair<Answer<Result<>>, std::string>> removals;
    std::vector<std::pair<Answer<Result<std::uint64_t>>, std::string>> reports;
};

std::uint64_t commits_of_script() {
    TestHub hub;
    Script script(hub);
    script.play();
    return hub.engine().commits();
}

TEST(FailureSweep, WhicheverCommitIsRefusedNothingIsHalfDone) {
    const std::uint64_t commits = commits_of_script();
    ASSERT_GT(commits, 10u);
    for (std::uint64_t nth = 1; nth <= commits; ++nth) {
        for (const std::uint64_t times : {1u, 2u}) {
            SCOPED_TRACE("commit " + std::to_string(nth) + ", times " + std::to_string(times));
            TestHub hub;
            hub.engine().fail_commits(nth, Fault::refused, times);
            Script script(hub);
            script.play();
            EXPECT_EQ(script.broken(read_past(hub.engine())), "");
            EXPECT_EQ(wrong_with(hub), "");
            hub.tick_for(10s);
            EXPECT_EQ(wrong_with(hub), "");
            ASSERT_TRUE(hub.crash(3));
            EXPECT_EQ(script.broken(read_past(hub.engine())), "");
            EXPECT_EQ(wrong_with(hub), "");
            if (HasFailure()) return;
        }
    }
}

TEST(FailureSweep, WhicheverSyncFailsWhatWasAcknowledgedIsThereAfterwards) {
    const std::uint64_t commits = commits_of_script();
    for (std::uint64_t nth = 1; nth <= commits; ++nth) {
        for (const bool written : {false, true}) {
            SCOPED_TRACE("commit " + std::to_string(nth) + (written ? ", written" : ""));
            TestHub hub;
            hub.engine().fail_commits(nth, Fault::sync_failed);
            Script script(hub);
            script.play();
            ASSERT_TRUE(hub.crash(2, written ? hub.engine().unsynced_bytes() : 0));
            EXPECT_EQ(script.broken(read_past(hub.engine()), false), "");
            EXPECT_EQ(wrong_with(hub), "");
            hub.tick_for(10s);
            EXPECT_EQ(wrong_with(hub), "");
            if (HasFailure()) return;
        }
    }
}

// --- any history, any crash ---------------------------------------------------------------------

constexpr const char* devices[] = {"a", "b", "c"};

struct History {
    TestHub hub;
    Script script{hub};
    std::map<std::string, TestLink> links;

    explicit History(Settings settings) : hub(std::move(settings)) {}

    void step() {
        const char* device =
            *rc::gen::elementOf(std::vector<const char*>(std::begin(devices), std::end(devices)));
        switch (*rc::gen::weightedElement<int>({{6, 0},
                                                {2, 1},
                                                {4, 2},
                                                {1, 3},
                                                {2, 4},
                                                {4, 5},
                                                {4, 6},
                                                {3, 7},
                                                {1, 8},
                                                {1, 9},
                                                {2, 10},
                                                {1, 11}})) {
            case 0: script.patch(device, write_body()); break;
            case 1: {
                const std::string request = script.next_request();
                script.write(hub.begin(hub.twins().update(
                                 id_of(device), patch_of(write_body(), twin::Kind::replace), {},
                                 author_of(request))),
                             request);
                break;
            }
            case 2: script.report(device, to_text(*twin::testing::any_patch())); break;
            case 3: script.remove(device); break;
            case 4: script.create(device, "", *rc::gen::inRange(0, 4) == 0); break;
            case 5: hub.turn_loops(); break;
            case 6: hub.turn(); break;
            case 7: hub.tick(std::chrono::milliseconds{*rc::gen::inRange(0, 7000)}); break;
            case 8:
                hub.engine().fail_commits(*rc::gen::inRange<std::uint64_t>(1, 4), Fault::refused,
                                          *rc::gen::inRange<std::uint64_t>(1, 3));
                break;
            case 9:
                script.update(device, *rc::gen::element(Status::enabled, Status::disabled),
                              *rc::gen::inRange(0, 3) == 0);
                break;
            case 10: connect(device); break;
            default: script.create(device, "m"); break;
        }
    }

    static std::string write_body() {
        json::object body;
        const int parts = *rc::gen::inRange(0, 3);  // one at least: an empty patch writes nothing
        if (parts != 1) body["tags"] = *twin::testing::any_patch();
        if (parts != 0) body["properties"] = json::object{{"desired", *twin::testing::any_patch()}};
        return to_text(body);
    }

    void connect(const char* device) {
        const auto known = hub.begin(hub.shard(id_of(device)).identity(id_of(device)));
        hub.turn_loops();
        if (!known.there() || !known.get()) return;
        hub.shard(id_of(device))
            .attach(*known.get(), links[device],
                    {.clean_session = true,
                     .model_id = *rc::gen::element<std::string>("", "dtmi:a;1", "dtmi:a;2"),
                     .client = {}});
    }

    void check_notifications() {
        for (auto& [device, link] : links) {
            for (std::size_t i = 1; i < link.versions.size(); ++i)
                RC_ASSERT((link.versions[i] == link.versions[i - 1] + 1 ||
                           link.versions[i] == 2u));  // 2: a new life
        }
    }
};

void play(std::uint32_t checkpoint_twins_max) {
    History history(Settings{.cached_twins_max = 2,
                             .checkpoint_twins_max = checkpoint_twins_max,
                             .checkpoint_age = 1000ms});
    const int lives = *rc::gen::inRange(1, 4);
    for (int life = 0; life < lives; ++life) {
        const int steps = *rc::gen::inRange(0, 40);
        for (int i = 0; i < steps; ++i) history.step();
        history.check_notifications();
        const bool crashes = *rc::gen::arbitrary<bool>();
        const std::size_t loops = *rc::gen::inRange<std::size_t>(1, 4);
        if (!crashes) {
            history.hub.settle();
            RC_ASSERT(wrong_with(history.hub) == "");
        }
        RC_ASSERT(history.hub.crash(loops).has_value());
        history.links.clear();
        // What was not answered may or may not be there; it has no promise to keep.
        const auto forget = [](auto& list) {
            std::erase_if(list, [](const auto& entry) { return !entry.first.there(); });
        };
        forget(history.script.twins);
        forget(history.script.identities);
        forget(history.script.removals);
        forget(history.script.reports);
        RC_ASSERT(history.script.broken(read_past(history.hub.engine())) == "");
        RC_ASSERT(wrong_with(history.hub) == "");
    }
}

RC_GTEST_PROP(AnyHistory, KeepsEveryPromiseOverCrashes, ()) { play(20'000); }
RC_GTEST_PROP(AnyHistory, KeepsEveryPromiseWhenDocumentsAreWrittenEachTime, ()) { play(0); }
RC_GTEST_PROP(AnyHistory, KeepsEveryPromiseWhenSomeDocumentsAreWrittenEachTime, ()) { play(1); }

}  // namespace
}  // namespace twinhub::hub
