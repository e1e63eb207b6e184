#include "hub/testing/registry_calls.h"

#include <gmock/gmock.h>

namespace twinhub::hub {
namespace {

using namespace testing;
using namespace std::chrono_literals;

TEST(Registry, ACreatedDeviceHasAFreshTwinAtOnce) {
    TestHub hub;
    const IdentityView made = hub.create(spec_of("d1"));
    EXPECT_EQ(made.identity->status, Status::enabled);
    EXPECT_EQ(made.identity->status_updated, never);
    EXPECT_EQ(base64_decode(made.identity->authentication.primary_key)->size(), 32u);
    EXPECT_NE(made.identity->authentication.primary_key,
              made.identity->authentication.secondary_key);
    EXPECT_FALSE(made.presence.connected);
    EXPECT_EQ(*get(hub, id_of("d1"))->identity, *made.identity);
    const TwinView twin = hub.view(id_of("d1"));
    EXPECT_EQ(twin.twin, twin::fresh(hub.clock().now()));
    EXPECT_EQ(twin.twin.etag(), "AAAAAAAAAAE=");
    EXPECT_EQ(*twin.identity, *made.identity);
}

TEST(Registry, CreateAndUpdateAreNotMixedUp) {
    TestHub hub;
    hub.create(spec_of("d1"));
    EXPECT_EQ(code_of(hub.run(hub.registry().create(spec_of("d1"), author_of()))),
              Code::device_already_exists);
    EXPECT_EQ(code_of(update(hub, spec_of("d2"))), Code::device_not_found);
    EXPECT_EQ(code_of(get(hub, id_of("d2"))), Code::device_not_found);
    EXPECT_EQ(code_of(remove(hub, id_of("d2"))), Code::device_not_found);
    EXPECT_EQ(code_of(get(hub, id_of("d1", "m"))), Code::module_not_found);
    EXPECT_EQ(code_of(get(hub, id_of("d2", "m"))), Code::device_not_found);
}

TEST(Registry, OfTwoCreatorsExactlyOneWins) {
    TestHub hub;
    const auto first = hub.begin(hub.registry().create(spec_of("d1"), author_of()));
    const auto second = hub.begin(hub.registry().create(spec_of("d1"), author_of()));
    hub.settle();
    EXPECT_TRUE(first.get());
    EXPECT_EQ(code_of(second.get()), Code::device_already_exists);
}

TEST(Registry, EachUpdateGivesAnotherEtagAndGuardsByIt) {
    TestHub hub;
    std::string etag = hub.create(spec_of("d1")).identity->etag();
    std::set<std::string> seen{etag};
    for (int i = 0; i < 5; ++i) {
        const auto next = update(hub, spec_of("d1"), match_of(etag));
        ASSERT_TRUE(next);
        EXPECT_TRUE(seen.insert(next->identity->etag()).second);
        EXPECT_EQ(code_of(update(hub, spec_of("d1"), match_of(etag))), Code::precondition_failed);
        etag = next->identity->etag();
        EXPECT_EQ(hub.view(id_of("d1")).identity->etag(), etag);
    }
    EXPECT_EQ(code_of(remove(hub, id_of("d1"), match_of("nonsense"))), Code::precondition_failed);
    EXPECT_TRUE(remove(hub, id_of("d1"), match_of(etag)));
}

TEST(Registry, AnUpdateLeavesTheTwinAlone) {
    TestHub hub;
    hub.create(spec_of("d1"));
    ASSERT_TRUE(hub.patch(id_of("d1"), R"({"tags":{"a":1},"properties":{"desired":{"b":2}}})"));
    const twin::Twin before = hub.view(id_of("d1")).twin;
    ASSERT_TRUE(update(hub, spec_of("d1")));
    EXPECT_EQ(hub.view(id_of("d1")).twin, before);
}

TEST(Registry, KeysAreKeptAsGivenAndMadeWhereNoneAreGiven) {
    TestHub hub;
    const auto given = hub.create(with_keys(spec_of("d1"), key_a, key_b)).identity->authentication;
    EXPECT_EQ(given.primary_key, key_a);
    EXPECT_EQ(given.secondary_key, key_b);
    const auto kept = update(hub, with_keys(spec_of("d1"), key_b, key_a))->identity->authentication;
    EXPECT_EQ(kept.primary_key, key_b);
    const auto made = update(hub, with_keys(spec_of("d1"), "", ""))->identity->authentication;
    EXPECT_NE(made.primary_key, key_b);
    EXPECT_NE(update(hub, spec_of("d1"))->identity->authentication.primary_key, made.primary_key);
}

TEST(Registry, RefusesWhatBreaksARule) {
    TestHub hub;
    const auto x509 = [](std::string primary) {
        IdentitySpec spec = spec_of("d1");
        spec.authentication.emplace();
        spec.authentication->primary_thumbprint = std::move(primary);
        return spec;
    };
    IdentitySpec none = spec_of("d1");
    none.authentication.emplace();
    none.authentication->type = AuthenticationType::none;
    IdentitySpec both = with_keys(x509(std::string(40, 'a')), key_a, key_b);
    IdentitySpec long_reason = spec_of("d1");
    long_reason.status_reason = std::string(129, 'x');
    IdentitySpec broken_reason = spec_of("d1");
    broken_reason.status_reason = "\xff";
    IdentitySpec parents = edge_spec("d1");
    parents.parent_scopes = {"a", "b"};
    const struct {
        const char* what;
        IdentitySpec spec;
        Code code;
    } cases[] = {
        {"one key only", with_keys(spec_of("d1"), key_a, ""), Code::argument_invalid},
        {"the other key only", with_keys(spec_of("d1"), "", key_a), Code::argument_invalid},
        {"a key of 15 bytes", with_keys(spec_of("d1"), base64_encode(std::string(15, 'x')), key_a),
         Code::argument_invalid},
        {"a key of 65 bytes", with_keys(spec_of("d1"), key_a, base64_encode(std::string(65, 'x'))),
         Code::argument_invalid},
        {"a key that is not base64", with_keys(spec_of("d1"), "!!!!" + key_a, key_a),
         Code::argument_invalid},
        {"a thumbprint of 41 digits", x509(std::string(41, 'a')), Code::argument_invalid},
        {"a thumbprint with colons", x509(std::string(39, 'a') + ":"), Code::argument_invalid},
        {"no authentication for a device", none, Code::argument_invalid},
        {"keys and thumbprints", both, Code::argument_invalid},
        {"a long reason", long_reason, Code::argument_invalid},
        {"a reason in another encoding", broken_reason, Code::argument_invalid},
        {"a parent that is not there", parents, Code::device_scope_invalid},
    };
    for (const auto& c : cases) {
        EXPECT_EQ(code_of(hub.run(hub.registry().create(c.spec, author_of()))), c.code) << c.what;
        EXPECT_FALSE(get(hub, id_of("d1"))) << c.what;
    }
    EXPECT_EQ(read_past(hub.engine()).changes, 0u);
    EXPECT_EQ(hub.metrics().identity_refusals.Value(),
              std::size(cases) - 1.0);  // the last never reached its shard
}

TEST(Registry, LimitsOfKeysAndReasonsThemselvesAreAccepted) {
    TestHub hub;
    IdentitySpec spec = with_keys(spec_of("d1"), base64_encode(std::string(16, 'x')),
                                  base64_encode(std::string(64, 'x')));
    spec.status_reason = "";
    for (int i = 0; i < 128; ++i) *spec.status_reason += "é";
    EXPECT_EQ(hub.create(spec).identity->status_reason.size(), 256u);
}

TEST(Registry, ThumbprintsMakeADeviceSelfSigned) {
    TestHub hub;
    IdentitySpec spec = spec_of("d1");
    spec.authentication.emplace();
    spec.authentication->primary_thumbprint = "ABCDEF" + std::string(34, '0');
    spec.authentication->secondary_thumbprint = std::string(64, 'c');
    const Authentication made = hub.create(spec).identity->authentication;
    EXPECT_EQ(made.type, AuthenticationType::self_signed);
    EXPECT_EQ(made.primary_thumbprint, spec.authentication->primary_thumbprint);
    EXPECT_EQ(made.primary_key, "");
    IdentitySpec bare = spec_of("d2");
    bare.authentication.emplace();
    bare.authentication->type = AuthenticationType::self_signed;
    EXPECT_EQ(hub.create(bare).identity->authentication.type, AuthenticationType::self_signed);
    bare.id = id_of("d3");
    bare.authentication->type = AuthenticationType::certificate_authority;
    EXPECT_EQ(hub.create(bare).identity->authentication.type,
              AuthenticationType::certificate_authority);
}

TEST(Registry, StatusReasonAndTimeFollowTheStatus) {
    TestHub hub;
    IdentitySpec spec = spec_of("d1");
    spec.status = Status::disabled;
    spec.status_reason = "lost";
    const Instant created = hub.clock().now();
    const IdentityView made = hub.create(spec);
    EXPECT_EQ(made.identity->status, Status::disabled);
    EXPECT_EQ(made.identity->status_updated, created);
    hub.clock().advance(1h);
    spec.status_reason = "still lost";
    EXPECT_EQ(update(hub, spec)->identity->status_updated, created);
    const auto enabled = update(hub, spec_of("d1"));  // what is left out is reset
    EXPECT_EQ(enabled->identity->status, Status::enabled);
    EXPECT_EQ(enabled->identity->status_reason, "");
    EXPECT_EQ(enabled->identity->status_updated, created + 1h);
}

TEST(Registry, ARecreatedDeviceIsAnotherOne) {
    TestHub hub;
    const std::string first = hub.create(spec_of("d1")).identity->generation_id;
    ASSERT_TRUE(hub.patch(id_of("d1"), R"({"tags":{"a":1}})"));
    ASSERT_TRUE(remove(hub, id_of("d1")));
    EXPECT_EQ(code_of(hub.run(hub.twins().get(id_of("d1")))), Code::device_not_found);
    const std::string second = hub.create(spec_of("d1")).identity->generation_id;
    EXPECT_NE(first, second);  // although the clock stands still
    EXPECT_EQ(hub.view(id_of("d1")).twin, twin::fresh(hub.clock().now()));
    EXPECT_EQ(wrong_with(hub), "");
}

TEST(Registry, ModulesLiveAndDieWithTheirDevice) {
    TestHub hub;
    EXPECT_EQ(code_of(hub.run(hub.registry().create(spec_of("d1", "m1"), author_of()))),
              Code::device_not_found);
    hub.create(spec_of("d1"));
    IdentitySpec managed = spec_of("d1", "m1");
    managed.managed_by = "me";
    EXPECT_EQ(hub.create(managed).identity->managed_by, "me");
    hub.create(spec_of("d1", "m2"));
    EXPECT_EQ(code_of(hub.run(hub.registry().create(spec_of("d1", "m1"), author_of()))),
              Code::module_already_exists);
    EXPECT_EQ(hub.run(hub.registry().modules(id_of("d1").device))->size(), 2u);
    EXPECT_EQ(update(hub, spec_of("d1", "m1"))->identity->managed_by, "");
    ASSERT_TRUE(hub.patch(id_of("d1", "m1"), R"({"tags":{"a":1}})"));
    EXPECT_EQ(hub.view(id_of("d1")).twin.versions.version, 2u);  // a twin of its own
    ASSERT_TRUE(remove(hub, id_of("d1", "m2")));
    EXPECT_EQ(code_of(remove(hub, id_of("d1", "m2"))), Code::module_not_found);

    ASSERT_TRUE(remove(hub, id_of("d1")));
    EXPECT_EQ(code_of(hub.run(hub.registry().modules(id_of("d1").device))), Code::device_not_found);
    EXPECT_EQ(code_of(hub.run(hub.twins().get(id_of("d1", "m1")))), Code::device_not_found);
    EXPECT_EQ(hub.run(hub.registry().statistics())->modules, 0u);
    hub.create(spec_of("d1"));
    EXPECT_TRUE(hub.run(hub.registry().modules(id_of("d1").device))->empty());
    EXPECT_EQ(wrong_with(hub), "");
}

TEST(Registry, UserModulesCannotTakeTheNamesOfTheRuntime) {
    TestHub hub;
    hub.create(spec_of("d1"));
    EXPECT_EQ(code_of(hub.run(hub.registry().create(spec_of("d1", "$mine"), author_of()))),
              Code::argument_invalid);
}

TEST(Registry, AModuleAskedToHaveNoAuthenticationGetsKeys) {
    TestHub hub;
    hub.create(spec_of("d1"));
    IdentitySpec spec = spec_of("d1", "m1");
    spec.authentication.emplace();
    spec.authentication->type = AuthenticationType::none;
    EXPECT_EQ(hub.create(spec).identity->authentication.type, AuthenticationType::sas);
}

TEST(Registry, ADeviceHasAtMostSoManyModules) {
    TestHub hub(Settings{.modules_per_device_max = 2});
    hub.create(spec_of("d1"));
    std::vector<Answer<Result<IdentityView>>> answers;
    for (const char* name : {"a", "b", "c", "d"})
        answers.push_back(hub.begin(hub.registry().create(spec_of("d1", name), author_of())));
    hub.settle();
    int made = 0;
    for (const auto& answer : answers) {
        made += answer.get().has_value();
        if (!answer.get()) EXPECT_EQ(code_of(answer.get()), Code::too_many_modules);
    }
    EXPECT_EQ(made, 2);
}

TEST(Registry, AHubHasAtMostSoManyIdentities) {
    TestHub hub(Settings{.identities_max = 3});
    hub.create(spec_of("d1"));
    hub.create(spec_of("d1", "m1"));
    EXPECT_EQ(code_of(hub.run(hub.registry().create(edge_spec("d2"), author_of()))),
              Code::too_many_devices);
    hub.create(spec_of("d3"));
    EXPECT_EQ(code_of(hub.run(hub.registry().create(spec_of("d4"), author_of()))),
              Code::too_many_devices);
    EXPECT_EQ(code_of(hub.run(hub.registry().create(spec_of("d1", "m2"), author_of()))),
              Code::too_many_devices);
    EXPECT_EQ(code_of(hub.run(hub.registry().create(spec_of("d1"), author_of()))),
              Code::device_already_exists);
    IdentitySpec edge = edge_spec("d3");
    EXPECT_EQ(code_of(update(hub, edge)), Code::too_many_devices);
    ASSERT_TRUE(hub.restart());
    EXPECT_EQ(code_of(hub.run(hub.registry().create(spec_of("d4"), author_of()))),
              Code::too_many_devices);
    ASSERT_TRUE(remove(hub, id_of("d1")));
    // A creation that the store refused takes no room.
    hub.engine().fail_commits(1, store::MemoryEngine::Fault::refused);
    EXPECT_FALSE(hub.run(hub.registry().create(spec_of("d4"), author_of())));
    hub.create(spec_of("d4"));
    hub.create(spec_of("d5"));
    EXPECT_EQ(code_of(hub.run(hub.registry().create(spec_of("d6"), author_of()))),
              Code::too_many_devices);
}

BulkItem item(ImportMode mode, IdentitySpec spec) {
    BulkItem made;
    made.mode = mode;
    made.spec = std::move(spec);
    return made;
}

TEST(Bulk, GoodItemsStayWhenOthersFail) {
    TestHub hub;
    hub.create(spec_of("old"));
    std::vector<BulkItem> items;
    items.push_back(item(ImportMode::create, spec_of("new")));
    items.back().initial_twin = patch_of(R"({"tags":{"a":1},"properties":{"desired":{"b":2}}})");
    items.push_back(item(ImportMode::create, spec_of("old")));
    items.push_back(item(ImportMode::create, spec_of("new")));
    items.push_back(item(ImportMode::update, spec_of("missing")));
    items.push_back(item(ImportMode::create, spec_of("missing-too", "m")));
    items.push_back(item(ImportMode::create, with_keys(spec_of("bad"), key_a, "")));
    items.push_back(item(ImportMode::create_or_update, spec_of("upserted")));
    const auto errors = hub.run(hub.registry().bulk(items, author_of()));
    ASSERT_EQ(errors.size(), 5u);
    const std::pair<const char*, Code> expected[] = {{"old", Code::device_already_exists},
                                                     {"new", Code::device_defined_multiple_times},
                                                     {"missing", Code::device_not_found},
                                                     {"missing-too/m", Code::device_not_found},
                                                     {"bad", Code::argument_invalid}};
    for (std::size_t i = 0; i < errors.size(); ++i) {
        EXPECT_EQ(errors[i].id.text(), expected[i].first);
        EXPECT_EQ(errors[i].error.code, expected[i].second) << expected[i].first;
    }
    const twin::Twin made = hub.view(id_of("new")).twin;
    EXPECT_EQ(to_text(made.tags.to_json()), R"({"a":1})");
    EXPECT_EQ(to_text(made.desired.to_json()), R"({"b":2})");
    EXPECT_EQ(made.versions, twin::Versions{});
    EXPECT_TRUE(get(hub, id_of("upserted")));
    EXPECT_EQ(wrong_with(hub), "");
}

TEST(Bulk, ItemsOfManyDevicesShareFewCommits) {
    TestHub hub;
    std::vector<BulkItem> items;
    for (int i = 0; i < 100; ++i)
        items.push_back(item(ImportMode::create, spec_of("d" + std::to_string(i))));
    const std::uint64_t before = hub.engine().commits();
    EXPECT_TRUE(hub.run(hub.registry().bulk(std::move(items), author_of())).empty());
    EXPECT_LT(hub.engine().commits() - before, 10u);
    EXPECT_EQ(hub.run(hub.registry().statistics())->devices_enabled, 100u);
    EXPECT_EQ(hub.run(hub.registry().list(1000))->size(), 100u);
    EXPECT_EQ(hub.run(hub.registry().list(7))->size(), 7u);
}

TEST(Bulk, EveryModeDoesItsWork) {
    TestHub hub;
    const std::string etag = hub.create(spec_of("d1")).identity->etag();
    hub.create(spec_of("d1", "m1"));
    const auto one = [&hub](BulkItem what) {
        std::vector<BulkItem> items;
        items.push_back(std::move(what));
        const auto errors = hub.run(hub.registry().bulk(std::move(items), author_of()));
        return errors.empty() ? Code{255} : errors.front().error.code;
    };
    BulkItem matched = item(ImportMode::update_if_match, spec_of("d1"));
    matched.match = match_of(etag);
    EXPECT_EQ(one(matched), Code{255});
    EXPECT_EQ(one(matched), Code::precondition_failed);
    BulkItem upsert = item(ImportMode::create_or_update_if_match, spec_of("d1"));
    upsert.match = match_of(etag);
    EXPECT_EQ(one(upsert), Code::precondition_failed);
    upsert.mode = ImportMode::create_or_update;
    upsert.match = {};
    upsert.initial_twin = patch_of(R"({"tags":{"x":1}})");
    EXPECT_EQ(one(upsert), Code{255});
    EXPECT_EQ(to_text(hub.view(id_of("d1")).twin.tags.to_json()), R"({"x":1})");
    BulkItem twin = item(ImportMode::update_twin_if_match, spec_of("d1", "m1"));
    twin.initial_twin = patch_of(R"({"tags":{"y":1}})");
    twin.match = match_of("AAAAAAAAAAE=");
    EXPECT_EQ(one(twin), Code{255});
    EXPECT_EQ(one(twin), Code::precondition_failed);
    twin.mode = ImportMode::update_twin;
    twin.match = {};
    EXPECT_EQ(one(twin), Code{255});
    EXPECT_EQ(hub.view(id_of("d1", "m1")).twin.versions.version, 4u);
    BulkItem gone = item(ImportMode::remove_if_match, spec_of("d1"));
    gone.match = match_of(etag);
    EXPECT_EQ(one(gone), Code::precondition_failed);
    gone.mode = ImportMode::remove;
    gone.match = twin::Match::any();
    EXPECT_EQ(one(gone), Code{255});
    EXPECT_EQ(one(gone), Code::device_not_found);
    // Bulk creation takes any scope (the .NET tests rely on it).
    IdentitySpec scoped = spec_of("d2");
    scoped.device_scope = "anything";
    EXPECT_EQ(one(item(ImportMode::create, scoped)), Code{255});
    EXPECT_THAT(get(hub, id_of("d2"))->identity->parent_scopes, ::testing::ElementsAre("anything"));
}

TEST(Bulk, NothingInAnEmptyRequestFails) {
    TestHub hub;
    EXPECT_TRUE(hub.run(hub.registry().bulk({}, author_of())).empty());
}

TEST(KeyRenewal, ChangesTheChosenKeysOfThoseWhoHaveAny) {
    TestHub hub;
    hub.create(with_keys(spec_of("sas"), key_a, key_b));
    hub.create(spec_of("sas", "m1"));
    IdentitySpec x509 = spec_of("x509");
    x509.authentication.emplace();
    x509.authentication->type = AuthenticationType::self_signed;
    hub.create(x509);
    const std::string etag = get(hub, id_of("sas"))->identity->etag();
    const RotationResult first = hub.run(hub.registry().regenerate_keys(
        {id_of("x509"), id_of("sas"), id_of("none")}, KeyChoice::primary, author_of()));
    ASSERT_EQ(first.rotated.size(), 1u);
    EXPECT_EQ(first.rotated[0].id, id_of("sas"));
    EXPECT_NE(first.rotated[0].primary_key, key_a);
    EXPECT_EQ(first.rotated[0].secondary_key, key_b);
    ASSERT_EQ(first.errors.size(), 2u);
    EXPECT_EQ(first.errors[0].error.code, Code::operation_invalid);
    EXPECT_EQ(first.errors[1].error.code, Code::device_not_found);
    const auto now = get(hub, id_of("sas"));
    EXPECT_NE(now->identity->etag(), etag);
    EXPECT_EQ(now->identity->authentication.primary_key, first.rotated[0].primary_key);
    const RotationResult both = hub.run(hub.registry().regenerate_keys(
        {id_of("sas"), id_of("sas", "m1")}, KeyChoice::both, author_of()));
    ASSERT_EQ(both.rotated.size(), 2u);
    EXPECT_NE(both.rotated[0].secondary_key, key_b);
    EXPECT_EQ(both.rotated[1].id, id_of("sas", "m1"));
}

TEST(KeyRenewal, RenewsOnceWhoIsNamedTwice) {
    TestHub hub;
    hub.create(spec_of("d1"));
    const RotationResult result = hub.run(hub.registry().regenerate_keys(
        {id_of("d1"), id_of("none"), id_of("d1"), id_of("none")}, KeyChoice::both, author_of()));
    ASSERT_EQ(result.rotated.size(), 1u);
    EXPECT_EQ(result.errors.size(), 1u);
    EXPECT_EQ(get(hub, id_of("d1"))->identity->authentication.primary_key,
              result.rotated[0].primary_key);
}

TEST(Registry, CountsOutliveARestart) {
    TestHub hub;
    for (int i = 0; i < 10; ++i) {
        IdentitySpec spec = spec_of("d" + std::to_string(i));
        if (i < 3) spec.status = Status::disabled;
        hub.create(spec);
    }
    hub.create(spec_of("d5", "m1"));
    ASSERT_TRUE(update(hub, spec_of("d0")));
    ASSERT_TRUE(remove(hub, id_of("d9")));
    for (const std::size_t loops : {2u, 3u, 1u}) {
        const Statistics counts = *hub.run(hub.registry().statistics());
        EXPECT_EQ(counts.devices_enabled, 7u);
        EXPECT_EQ(counts.devices_disabled, 2u);
        EXPECT_EQ(counts.modules, 1u);
        EXPECT_EQ(wrong_with(hub), "");
        ASSERT_TRUE(hub.crash(loops));
    }
}

TEST(Registry, HistoryNamesWhatChangedAndNeverAKey) {
    TestHub hub;
    hub.create(with_keys(spec_of("d1"), key_a, key_b));
    IdentitySpec spec = with_keys(spec_of("d1"), key_b, key_a);
    spec.status = Status::disabled;
    ASSERT_TRUE(update(hub, spec));
    std::string all;
    const auto cursor = hub.engine().scan(store::Family::changes, store::Range{});
    for (cursor->seek_first(); cursor->valid(); cursor->next()) all += cursor->value();
    EXPECT_THAT(all,
                ::testing::HasSubstr("status=disabled authentication.symmetricKey.primaryKey"));
    EXPECT_THAT(all, ::testing::Not(::testing::HasSubstr(key_a)));
    EXPECT_THAT(all, ::testing::Not(::testing::HasSubstr(key_b)));
}

}  // namespace
}  // namespace twinhub::hub
