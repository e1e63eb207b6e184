// Damaged records: told by name, never a crash, never a wrong answer.
#include "base/bytes.h"
#include "hub/testing/histories.h"
#include "twin/testing/generators.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

namespace twinhub::hub {
namespace {

using namespace testing;
using store::Family;
using ::testing::HasSubstr;

const TwinId d1 = id_of("d1");

void put(TestHub& hub, Family family, std::string_view key, std::string_view value) {
    store::Batch batch;
    batch.put(family, key, value);
    const store::Batch* batches[] = {&batch};
    ASSERT_TRUE(hub.engine().commit(batches));
}

// A hub that has a device with a past, its documents written, and nothing in memory.
void prepare(TestHub& hub) {
    hub.create(spec_of("d1"));
    hub.create(spec_of("d2"));
    ASSERT_TRUE(hub.patch(d1, R"({"tags":{"a":1},"properties":{"desired":{"b":[1,2]}}})"));
    hub.run(hub.hub().drain());
    ASSERT_TRUE(hub.restart());
}

TEST(Damage, OfAStoredDocumentIsToldByNameAndHurtsNobodyElse) {
    for (const Family family : {Family::identities, Family::twins}) {
        TestHub hub;
        prepare(hub);
        const std::string key = store::twin_key(d1);
        const std::string sound = *hub.engine().get(family, key).value();
        double seen = hub.metrics().records_damaged.Value();
        for (std::size_t at = 0; at < sound.size(); at += 1 + sound.size() / 40) {
            std::string damaged = sound;
            damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
            put(hub, family, key, damaged);
            const auto view = hub.run(hub.twins().get(d1));
            ASSERT_FALSE(view) << "byte " << at;
            EXPECT_TRUE(view.error().code == Code::corrupted ||
                        view.error().code == Code::not_implemented)
                << "byte " << at;
            EXPECT_THAT(view.error().message + view.error().where, HasSubstr("d1"));
            // The registry does not ask for the twin.
            EXPECT_EQ(hub.run(hub.registry().get(d1)).has_value(), family == Family::twins);
            EXPECT_FALSE(hub.patch(d1, R"({"tags":{"a":2}})"));
            const auto report = hub.begin_report(d1, R"({"a":2})");
            hub.settle();
            EXPECT_FALSE(report.get());
            EXPECT_GT(hub.metrics().records_damaged.Value(), seen);
            seen = hub.metrics().records_damaged.Value();
            EXPECT_TRUE(hub.run(hub.twins().get(id_of("d2"))));
        }
        // The same from the disk, off the loop.
        hub.engine().set_cold(true);
        EXPECT_EQ(hub.run(hub.twins().get(d1)).error().code, Code::corrupted);
        hub.engine().set_cold(false);
        put(hub, family, key, sound);
        EXPECT_TRUE(hub.run(hub.twins().get(d1)));
    }
}

// All the ways in which a body may be wrong although its frame is sound: the end missing from any
// place on, or one byte another one.
std::vector<std::string> damaged_bodies(std::string_view sound) {
    std::vector<std::string> all;
    for (std::size_t at = 0; at < sound.size(); ++at) {
        all.emplace_back(sound.substr(0, at));
        all.emplace_back(sound);
        all.back()[at] = static_cast<char>(all.back()[at] ^ (at % 2 == 0 ? 0xff : 0x40));
    }
    return all;
}

// At a start the columns read all documents; of a damaged one they must have nothing.
TEST(Damage, LeavesNothingInTheColumns) {
    TestHub hub;
    prepare(hub);
    const std::vector<std::string> paths{"tags", "tags.a", "properties.desired.b", "deviceEtag",
                                         "version"};
    for (const Family family : {Family::identities, Family::twins}) {
        const std::string key = store::twin_key(d1);
        const std::string sound = *hub.engine().get(family, key).value();
        const auto kind = family == Family::twins ? store::Kind::twin : store::Kind::identity;
        const std::uint16_t format = family == Family::twins ? twin_record_format : identity_format;
        const std::string body(store::open(kind, format, "", key, sound).value().body);
        std::vector<std::string> damaged;
        for (std::size_t at = 0; at < sound.size(); at += 5) {
            damaged.push_back(sound.substr(0, at));
            damaged.push_back(sound);
            damaged.back()[at] = static_cast<char>(damaged.back()[at] ^ 0x10);
        }
        for (const std::string& bad : damaged_bodies(body))
            damaged.push_back(store::sealed(kind, format, key, bad));
        std::size_t refused = 0;
        for (const std::string& record : damaged) {
            put(hub, family, key, record);
            const double seen = hub.metrics().records_damaged.Value();
            ASSERT_TRUE(hub.restart());
            // Some bytes may be other ones without being wrong: then it is a twin like others.
            if (hub.metrics().records_damaged.Value() == seen) continue;
            ++refused;
            EXPECT_EQ(hub.metrics().records_damaged.Value(), seen + 1);
            EXPECT_THAT(answer_of(hub, "SELECT deviceId FROM devices"),
                        ::testing::ElementsAre(R"({"deviceId":"d2"})"));
            for (const std::string& path : paths)
                EXPECT_THAT(answer_of(hub, "SELECT deviceId FROM devices WHERE is_defined(" + path +
                                               ") AND deviceId != 'd2'"),
                            ::testing::IsEmpty());
        }
        EXPECT_GE(refused, damaged.size() / 2);
        put(hub, family, key, sound);
        ASSERT_TRUE(hub.restart());
        EXPECT_THAT(answer_of(hub, "SELECT deviceId FROM devices"), ::testing::SizeIs(2));
    }
}

// The record of another one under this name, whole in itself.
TEST(Damage, AnIdentityOfAnotherNameIsDamage) {
    TestHub hub;
    prepare(hub);
    const std::string key = store::twin_key(d1);
    const std::string other = store::twin_key(id_of("d2"));
    const std::string record = *hub.engine().get(Family::identities, other).value();
    const store::Opened opened =
        store::open(store::Kind::identity, identity_format, "", other, record).value();
    put(hub, Family::identities, key,
        store::sealed(store::Kind::identity, identity_format, key, opened.body));
    const double seen = hub.metrics().records_damaged.Value();
    ASSERT_TRUE(hub.restart());
    EXPECT_EQ(hub.metrics().records_damaged.Value(), seen + 1);
    EXPECT_THAT(answer_of(hub, "SELECT deviceId FROM devices"),
                ::testing::ElementsAre(R"({"deviceId":"d2"})"));
    EXPECT_EQ(hub.run(hub.twins().get(d1)).error().code, Code::corrupted);
}

TEST(Damage, ADocumentThatIsMissingIsNotMadeUp) {
    TestHub hub;
    prepare(hub);
    store::Batch batch;
    batch.remove(Family::twins, store::twin_key(d1));
    const store::Batch* batches[] = {&batch};
    ASSERT_TRUE(hub.engine().commit(batches));
    const auto view = hub.run(hub.twins().get(d1));
    EXPECT_EQ(view.error().code, Code::corrupted);
    EXPECT_THAT(view.error().message, HasSubstr("d1"));
}

TEST(Damage, OfAChangeThatIsNeededStopsTheStartWithItsName) {
    TestHub hub;
    hub.create(spec_of("d1"));
    ASSERT_TRUE(hub.patch(d1, R"({"tags":{"a":1}})"));
    const std::string key = store::change_key(slot_of(d1.device), 2);
    const std::string sound = *hub.engine().get(Family::changes, key).value();
    for (std::size_t at = 0; at < sound.size(); at += 7) {
        std::string damaged = sound;
        damaged[at] = static_cast<char>(damaged[at] ^ 1);
        put(hub, Family::changes, key, damaged);
        const Result<> opened = hub.restart();
        ASSERT_FALSE(opened) << "byte " << at;
        EXPECT_THAT(opened.error().message + opened.error().where, HasSubstr("changes"));
    }
    put(hub, Family::changes, key, sound);
    ASSERT_TRUE(hub.restart());
    EXPECT_EQ(wrong_with(hub), "");
}

TEST(Damage, AChangeThatDoesNotContinueItsDocumentStopsTheStart) {
    TestHub hub;
    hub.create(spec_of("d1"));
    ASSERT_TRUE(hub.patch(d1, R"({"tags":{"a":1}})"));
    ASSERT_TRUE(hub.patch(d1, R"({"tags":{"a":2}})"));
    store::Batch batch;
    batch.remove(Family::changes, store::change_key(slot_of(d1.device), 2));
    const store::Batch* batches[] = {&batch};
    ASSERT_TRUE(hub.engine().commit(batches));
    const Result<> opened = hub.restart();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::corrupted);
    EXPECT_THAT(opened.error().message, HasSubstr("d1"));
}

TEST(Damage, AnUnreadableDiskIsAnErrorAndPasses) {
    TestHub hub;
    prepare(hub);
    hub.engine().fail_reads(true);
    EXPECT_EQ(hub.run(hub.twins().get(d1)).error().code, Code::internal);
    EXPECT_FALSE(hub.run(hub.registry().remove(d1, twin::Match::any(), author_of())));
    EXPECT_FALSE(hub.run(hub.registry().list(10)));
    hub.engine().fail_reads(false);
    EXPECT_TRUE(hub.run(hub.twins().get(d1)));
    EXPECT_EQ(wrong_with(hub), "");
}

// --- the records themselves
// ------------------------------------------------------------------------

rc::Gen<std::string> any_text() { return rc::gen::arbitrary<std::string>(); }
Instant any_instant() { return Instant{Ticks{*rc::gen::arbitrary<std::int64_t>()}}; }

Identity any_identity() {
    Identity identity;
    identity.id = id_of(*rc::gen::element<std::string>("d", "a-longer-device.name", "x:1"),
                        *rc::gen::element<std::string>("", "m", "$edgeHub"));
    identity.generation_id = *any_text();
    identity.etag_number = *rc::gen::arbitrary<std::uint64_t>();
    identity.status = *rc::gen::element(Status::enabled, Status::disabled);
    identity.status_reason = *any_text();
    identity.status_updated = any_instant();
    identity.authentication.type = static_cast<AuthenticationType>(*rc::gen::inRange(0, 4));
    identity.authentication.primary_key = *any_text();
    identity.authentication.secondary_key = *any_text();
    identity.authentication.primary_thumbprint = *any_text();
    identity.authentication.secondary_thumbprint = *any_text();
    identity.iot_edge = *rc::gen::arbitrary<bool>();
    identity.device_scope = *any_text();
    identity.parent_scopes = *rc::gen::arbitrary<std::vector<std::string>>();
    identity.managed_by = *any_text();
    identity.created = any_instant();
    return identity;
}

// Cut anywhere, a record is refused or read; never read beyond its end (the sanitizers look).
void cut_everywhere(const std::string& bytes, const auto& decode) {
    for (std::size_t length = 0; length < bytes.size(); ++length) {
        const std::vector<char> exact(bytes.begin(),
                                      bytes.begin() + static_cast<std::ptrdiff_t>(length));
        const auto result = decode(std::string_view(exact.data(), exact.size()));
        if (!result)
            RC_ASSERT((result.error().code == Code::corrupted ||
                       result.error().code == Code::argument_invalid));
    }
}

RC_GTEST_PROP(Record, IdentitiesReadBackTheSame, ()) {
    const Identity identity = any_identity();
    std::string bytes;
    append_encoded(bytes, identity);
    RC_ASSERT(decode_identity(bytes).value() == identity);
    cut_everywhere(bytes, decode_identity);
}

RC_GTEST_PROP(Record, PresenceReadsBackTheSame, ()) {
    const Presence presence{
        *rc::gen::arbitrary<bool>(),          any_instant(), any_instant(),
        *rc::gen::arbitrary<std::uint32_t>(), any_instant(), {*any_text(), any_instant()}};
    std::string bytes;
    append_encoded(bytes, presence);
    RC_ASSERT(decode_presence(bytes).value() == presence);
    cut_everywhere(bytes, decode_presence);
}

TEST(Record, PresenceOfAnEarlierReleaseKnowsNoCertificate) {
    Presence presence{.connected = true, .last_activity = twin::testing::at(5)};
    std::string bytes;
    append_encoded(bytes, presence);
    presence.certificate = {"AB", twin::testing::at(9)};
    std::string more;
    append_encoded(more, presence);
    // What that release wrote ends before the certificate.
    std::string without;
    append_text(without, {});
    append_signed(without, never.time_since_epoch().count());
    append_varint(without, 0);  // no methods
    append_encoded(without, Session{});
    ASSERT_TRUE(bytes.ends_with(without));
    const std::string before = bytes.substr(0, bytes.size() - without.size());
    ASSERT_TRUE(more.starts_with(before));
    EXPECT_EQ(decode_presence(before)->certificate, CertificateSeen{});
    EXPECT_EQ(decode_presence(before)->last_activity, twin::testing::at(5));
    EXPECT_EQ(decode_presence(more)->certificate, presence.certificate);
    // A later one knew the certificate, and no session.
    std::string session;
    append_encoded(session, Session{});
    const std::string later = more.substr(0, more.size() - session.size());
    EXPECT_EQ(decode_presence(later)->certificate, presence.certificate);
    EXPECT_EQ(decode_presence(later)->session, Session{});
}

RC_GTEST_PROP(Record, ChangesReadBackTheSame, ()) {
    ChangeRecord record;
    record.kind = static_cast<ChangeKind>(*rc::gen::inRange(0, 5));
    record.id = id_of("d", *rc::gen::element<std::string>("", "m"));
    record.ordinal = *rc::gen::arbitrary<std::uint64_t>();
    record.previous = *rc::gen::arbitrary<std::uint64_t>();
    record.at = any_instant();
    record.author = {static_cast<Cause>(*rc::gen::inRange(0, static_cast<int>(last_cause) + 1)),
                     *any_text(),
                     *any_text(),
                     *any_text(),
                     *any_text(),
                     *any_text(),
                     *any_text()};
    record.detail = *any_text();
    const twin::Twin before = twin::testing::any_twin();
    if (record.kind == ChangeKind::twin)
        record.change = twin::testing::any_write(before, twin::testing::at(9)).value().change;
    std::string bytes;
    append_encoded(bytes, record);
    const ChangeRecord again = decode_change_record(bytes).value();
    RC_ASSERT((again.kind == record.kind && again.id == record.id &&
               again.ordinal == record.ordinal && again.previous == record.previous &&
               again.at == record.at && again.author == record.author &&
               again.detail == record.detail && again.change == record.change));
    cut_everywhere(bytes, decode_change_record);
}

TEST(Record, AnOlderChangeOfARolloutIsOneAllTheSame) {
    const auto read_back = [](Author author) {
        ChangeRecord record;
        record.id = id_of("d");
        record.kind = ChangeKind::deleted;
        record.author = std::move(author);
        std::string bytes;
        append_encoded(bytes, record);
        return decode_change_record(bytes).value().author.cause;
    };
    const Author ada{.principal = "ada"};
    EXPECT_EQ(read_back(author_of_work(Cause::job, "rollout", "r", ada)), Cause::rollout);
    EXPECT_EQ(read_back(author_of_work(Cause::rollout, "rollout", "r", ada)), Cause::rollout);
    EXPECT_EQ(read_back(author_of_work(Cause::rollback, "rollout", "r", ada)), Cause::rollback);
    EXPECT_EQ(read_back(author_of_work(Cause::job, "job", "r", ada)), Cause::job);
}

TEST(Record, AChangeOfAnIdentityHoldsWhatItWasBeforeWithoutItsKeys) {
    Identity identity;
    identity.id = id_of("d");
    identity.status_reason = "stolen";
    identity.authentication.primary_key = "secret";
    ChangeRecord record;
    record.kind = ChangeKind::identity;
    record.id = identity.id;
    record.detail = "status";
    std::string before;
    append_encoded(before, record);
    record.identity_before = std::make_shared<const Identity>(identity);
    std::string bytes;
    append_encoded(bytes, record);
    EXPECT_EQ(bytes.find("secret"), std::string::npos);
    const auto again = decode_change_record(bytes);
    ASSERT_TRUE(again && again->identity_before);
    identity.authentication.primary_key.clear();
    EXPECT_EQ(*again->identity_before, identity);
    // What older releases wrote ends before it.
    ASSERT_TRUE(bytes.starts_with(before));
    EXPECT_EQ(decode_change_record(before)->identity_before, nullptr);
}

RC_GTEST_PROP(Record, DocumentsReadBackTheSame, ()) {
    State state;
    state.twin = twin::testing::any_twin();
    state.sequence = *rc::gen::arbitrary<std::uint64_t>();
    state.ordinal = *rc::gen::arbitrary<std::uint64_t>();
    std::string bytes;
    append_twin_record(bytes, state);
    State again;
    RC_ASSERT(decode_twin_record(bytes, again).has_value());
    RC_ASSERT((again.twin == state.twin && again.sequence == state.sequence &&
               again.ordinal == state.ordinal));
    cut_everywhere(bytes,
                   [&again](std::string_view part) { return decode_twin_record(part, again); });
}

RC_GTEST_PROP(Record, AnyBytesAreAnswered, (const std::string& bytes)) {
    State state;
    (void)decode_identity(bytes);
    (void)decode_presence(bytes);
    (void)decode_change_record(bytes);
    (void)decode_twin_record(bytes, state);
}

}  // namespace
}  // namespace twinhub::hub
