#include "hub/testing/test_hub.h"

namespace twinhub::hub {
namespace {

using namespace testing;

const TwinId d1 = id_of("d1");

TEST(Twins, EachWriteAnswersWithTheWholeNewTwin) {
    TestHub hub;
    hub.create(spec_of("d1"));
    const auto patched =
        hub.patch(d1, R"({"tags":{"site":"west"},"properties":{"desired":{"rate":40,"old":1}}})");
    ASSERT_TRUE(patched);
    EXPECT_EQ(patched->twin, hub.view(d1).twin);
    EXPECT_EQ(patched->twin.versions,
              (twin::Versions{.version = 3, .etag = 2, .desired = 2, .reported = 1}));
    const auto replaced = hub.run(hub.twins().update(
        d1, patch_of(R"({"properties":{"desired":{"rate":41}}})", twin::Kind::replace), {},
        author_of()));
    ASSERT_TRUE(replaced);
    EXPECT_EQ(to_text(replaced->twin.desired.to_json()), R"({"rate":41})");
    EXPECT_EQ(to_text(replaced->twin.tags.to_json()), "{}");
    EXPECT_EQ(replaced->twin.versions,
              (twin::Versions{.version = 4, .etag = 3, .desired = 3, .reported = 1}));
    EXPECT_EQ(wrong_with(hub), "");
}

TEST(Twins, AnEtagGuardsAWrite) {
    TestHub hub;
    hub.create(spec_of("d1"));
    const std::string etag = hub.view(d1).twin.etag();
    EXPECT_TRUE(hub.patch(d1, R"({"tags":{"a":1}})", match_of(etag)));
    EXPECT_EQ(hub.patch(d1, R"({"tags":{"a":2}})", match_of(etag)).error().code,
              Code::precondition_failed);
    EXPECT_TRUE(hub.patch(d1, R"({"tags":{"a":3}})", twin::Match::any()));
    hub.begin_report(d1, R"({"x":1})");
    EXPECT_TRUE(
        hub.patch(d1, R"({"tags":{"a":4}})", match_of("AAAAAAAAAAM=")));  // reports leave it
    EXPECT_EQ(to_text(hub.view(d1).twin.tags.to_json()), R"({"a":4})");
}

TEST(Twins, OfManyWritersWithOneEtagExactlyOneWins) {
    TestHub hub;
    hub.create(spec_of("d1"));
    std::vector<Answer<Result<TwinView>>> answers;
    for (int i = 0; i < 10; ++i)
        answers.push_back(hub.begin_patch(d1, R"({"tags":{"n":)" + std::to_string(i) + "}}",
                                          match_of("AAAAAAAAAAE=")));
    hub.settle();
    int won = 0;
    for (const auto& answer : answers) {
        won += answer.get().has_value();
        if (!answer.get()) EXPECT_EQ(answer.get().error().code, Code::precondition_failed);
    }
    EXPECT_EQ(won, 1);
    EXPECT_EQ(hub.view(d1).twin.versions.version, 3u);
}

TEST(Twins, AnEmptyPatchChangesNothing) {
    TestHub hub;
    hub.create(spec_of("d1"));
    const twin::Twin before = hub.view(d1).twin;
    EXPECT_EQ(hub.patch(d1, "{}")->twin, before);
    EXPECT_EQ(read_past(hub.engine()).changes, 1u);
}

TEST(Twins, ARefusedWriteLeavesNoTrace) {
    TestHub hub;
    hub.create(spec_of("d1"));
    const twin::Twin before = hub.view(d1).twin;
    json::object tags;
    for (int i = 0; i < 4; ++i) tags["k" + std::to_string(i)] = std::string(4000, 'x');
    const auto refused = hub.patch(d1, to_text(json::object{{"tags", tags}}));
    EXPECT_EQ(refused.error().code, Code::argument_invalid);
    EXPECT_EQ(hub.view(d1).twin, before);
    EXPECT_EQ(read_past(hub.engine()).changes, 1u);
}

TEST(Twins, AMissingModuleIsToldAsAMissingDevice) {
    TestHub hub;
    hub.create(spec_of("d1"));
    for (const TwinId& id : {id_of("d2"), id_of("d1", "m1")}) {
        EXPECT_EQ(hub.run(hub.twins().get(id)).error().code, Code::device_not_found);
        EXPECT_EQ(hub.patch(id, "{}").error().code, Code::device_not_found);
    }
}

TEST(Twins, PagesShowEveryTwinOnceInTheSameOrder) {
    TestHub hub;
    std::set<std::string> expected;
    for (int i = 0; i < 25; ++i) {
        const std::string device = "d" + std::to_string(i);
        hub.create(spec_of(device));
        if (i % 5 == 0) hub.create(spec_of(device, "m"));
        expected.insert(device);
    }
    for (const std::size_t limit : {1u, 7u, 25u, 100u}) {
        std::set<std::string> seen;
        std::string cursor;
        std::size_t pages = 0;
        do {
            const auto page = hub.run(hub.twins().page(Twins::Collection::devices, cursor, limit));
            ASSERT_TRUE(page);
            EXPECT_LE(page->twins.size(), limit);
            for (const TwinView& twin : page->twins) {
                EXPECT_FALSE(twin.identity->id.is_module());
                EXPECT_TRUE(seen.insert(twin.identity->id.text()).second);
            }
            cursor = page->cursor;
            ++pages;
        } while (!cursor.empty());
        EXPECT_EQ(seen, expected);
        EXPECT_EQ(pages, (25 + limit - 1) / limit);
    }
    EXPECT_EQ(hub.run(hub.twins().page(Twins::Collection::modules, "", 100))->twins.size(), 5u);
    EXPECT_EQ(hub.run(hub.twins().page(Twins::Collection::devices, "not a cursor", 1)).error().code,
              Code::argument_invalid);
}

TEST(Twins, ATwinReadFromDiskIsTheOneThatWasWritten) {
    TestHub hub;
    hub.create(spec_of("d1"));
    ASSERT_TRUE(
        hub.patch(d1, R"({"tags":{"a":[1,2.5,"x"]},"properties":{"desired":{"b":{"c":true}}}})"));
    hub.begin_report(d1, R"({"r":1e300})");
    hub.settle();
    const twin::Twin before = hub.view(d1).twin;
    hub.run(hub.hub().drain());
    ASSERT_TRUE(hub.restart());
    hub.engine().set_cold(true);
    EXPECT_EQ(hub.view(d1).twin, before);
    // Many who ask for it at once wait for one reading.
    ASSERT_TRUE(hub.restart());
    std::vector<Answer<Result<TwinView>>> answers;
    for (int i = 0; i < 5; ++i) answers.push_back(hub.begin(hub.twins().get(d1)));
    hub.settle();
    for (const auto& answer : answers) EXPECT_EQ(answer.get()->twin, before);
}

TEST(Twins, TheAuthorIsInTheRecord) {
    TestHub hub;
    hub.create(spec_of("d1"));
    const Author author{.cause = Cause::job,
                        .principal = "service",
                        .on_behalf_of = "ada",
                        .change = "c-1",
                        .reason = "because",
                        .request_id = "r-1",
                        .client = "192.0.2.7"};
    ASSERT_TRUE(hub.run(hub.twins().update(d1, patch_of(R"({"tags":{"a":1}})"), {}, author)));
    const Slot slot = slot_of(d1.device);
    const std::string key = store::change_key(slot, 2);
    const std::string value = *hub.engine().get(store::Family::changes, key).value();
    const auto record = decode_change_record(
        store::open(store::Kind::change, change_record_format, "changes", key, value)->body);
    EXPECT_EQ(record->author, author);
    EXPECT_EQ(record->at, hub.clock().now());
}

TEST(Twins, AResetIsOneChangeThatSurvivesACrash) {
    TestHub hub;
    const TwinId id = id_of("d1");
    hub.create(spec_of("d1"));
    (void)hub.patch(id, R"({"tags":{"site":"x"},"properties":{"desired":{"a":1}}})");
    (void)hub.begin_report(id, R"({"b":2})");
    hub.settle();
    const TwinView before = hub.view(id);
    TestLink link;
    hub.connect(id, link);
    hub.shard(id).subscriptions_changed(id, ~0u);
    const auto reset = hub.run(hub.twins().reset(
        id, patch_of(R"({"tags":{"site":"y"},"properties":{"desired":{"c":3}}})"), author_of()));
    ASSERT_TRUE(reset) << reset.error().message;
    EXPECT_EQ(reset->twin.versions.version, before.twin.versions.version + 1);
    EXPECT_EQ(to_text(reset->twin.tags.to_json()), R"({"site":"y"})");
    EXPECT_EQ(to_text(reset->twin.desired.to_json()), R"({"c":3})");
    EXPECT_EQ(to_text(reset->twin.reported.to_json()), "{}");
    EXPECT_EQ(link.versions, std::vector{before.twin.versions.desired + 1});
    ASSERT_TRUE(hub.crash());
    EXPECT_EQ(hub.view(id).twin, reset->twin);
    EXPECT_EQ(wrong_with(hub), "");
    const auto missing = hub.run(hub.twins().reset(id_of("d2"), patch_of("{}"), author_of()));
    EXPECT_EQ(missing.error().code, Code::device_not_found);
}

}  // namespace
}  // namespace twinhub::hub
