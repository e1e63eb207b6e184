#include "hub/events/change_events.h"

#include "twin/codec.h"
#include "twin/testing/generators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::hub {
namespace {

using ::testing::Contains;
using ::testing::Not;
using ::testing::Pair;
using twin::testing::twin_of;
using twin::testing::update;
using twin::testing::value;

constexpr Instant at{std::chrono::sys_days{std::chrono::year{2026} / 2 / 28} +
                     std::chrono::hours{10} + std::chrono::milliseconds{510}};

ChangeRecord change_of(ChangeKind kind, std::string_view module = {}) {
    ChangeRecord record;
    record.kind = kind;
    record.id = {DeviceId::parse("chiller-01").value(), {}};
    if (!module.empty()) record.id.module = ModuleId::parse(module).value();
    record.at = at;
    record.author.request_id = "request-1";
    return record;
}

ChangeRecord write_of(const twin::Twin& before, std::string_view body,
                      twin::Kind kind = twin::Kind::patch) {
    ChangeRecord record = change_of(ChangeKind::twin);
    record.change = twin::apply(before, update(body, kind), at)->change;
    return record;
}

TEST(ChangeEvents, OfAPatchHaveThePropertiesOfTheDocumentation) {
    const ChangeRecord record =
        write_of(twin::fresh(at), R"({"properties":{"desired":{"rate":40}}})");
    const auto event = event_of(record, 17, "hub.example.com", nullptr);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->kind, "updateTwin");
    EXPECT_EQ(event->source, EventSource::twin_changes);
    EXPECT_EQ(event->id, std::to_string(slot_of(record.id.device)) + ".17");
    const EventProperties application{{"hubName", "hub.example.com"},
                                      {"deviceId", "chiller-01"},
                                      {"opType", "updateTwin"},
                                      {"operationTimestamp", "2026-02-28T10:00:00.5100000Z"},
                                      {"iothub-message-schema", "twinChangeNotification"}};
    EXPECT_EQ(event->application, application);
    const EventProperties system{{"content-type", "application/json"},
                                 {"content-encoding", "utf-8"},
                                 {"correlation-id", "request-1"},
                                 {"user-id", "hub.example.com"},
                                 {"iothub-connection-device-id", "chiller-01"},
                                 {"iothub-enqueuedtime", "2026-02-28T10:00:00.51Z"},
                                 {"iothub-message-source", "twinChangeEvents"}};
    EXPECT_EQ(event->system, system);
    EXPECT_EQ(value(event->body).at("version"), 3);
    EXPECT_EQ(value(event->body).at_pointer("/properties/desired/rate"), 40);
}

TEST(ChangeEvents, OfAReplacementShowTheWholeTwin) {
    const twin::Twin before = twin_of(R"({"site":"a"})", R"({"fan":1})", R"({"battery":5})");
    const ChangeRecord record = write_of(
        before, R"({"tags":{"site":"b"},"properties":{"desired":{}}})", twin::Kind::replace);
    ASSERT_TRUE(needs_twin(record));
    EXPECT_EQ(value(event_of(record, 1, "h", nullptr)->body).at("tags"), value(R"({"site":"b"})"));
    const twin::Twin after = twin::redo(before, record.change).value();
    const auto event = event_of(record, 1, "h", &after);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->kind, "replaceTwin");
    const json::value body = value(event->body);
    EXPECT_EQ(body.at("deviceId"), value(R"("chiller-01")"));
    EXPECT_EQ(body.at("etag").as_string(), after.etag());
    EXPECT_EQ(body.at("tags"), value(R"({"site":"b"})"));
    EXPECT_EQ(body.at_pointer("/properties/reported/battery"), 5);
    EXPECT_EQ(body.at_pointer("/properties/desired/$version"), 2);
}

TEST(ChangeEvents, OfANewTwinSayNever) {
    const auto event = event_of(change_of(ChangeKind::created), 1, "h", nullptr);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->source, EventSource::lifecycle);
    EXPECT_THAT(event->application, Contains(Pair("opType", "createDeviceIdentity")));
    EXPECT_THAT(event->application,
                Contains(Pair("iothub-message-schema", "deviceLifecycleNotification")));
    EXPECT_THAT(event->system, Contains(Pair("iothub-message-source", "deviceLifecycleEvents")));
    EXPECT_EQ(value(event->body).at_pointer("/properties/desired/$metadata/$lastUpdated"),
              value(R"("0001-01-01T00:00:00Z")"));
    EXPECT_EQ(value(event->body).at("version"), 2);
}

TEST(ChangeEvents, OfADeletionShowTheLastTwin) {
    ChangeRecord record = change_of(ChangeKind::deleted, "m");
    twin::append_encoded(record.detail, twin_of(R"({"site":"a"})", "{}"));
    const auto event = event_of(record, 9, "h", nullptr);
    ASSERT_TRUE(event);
    // Modules have the opTypes of devices (spec twin-document 12).
    EXPECT_THAT(event->application, Contains(Pair("opType", "deleteDeviceIdentity")));
    EXPECT_THAT(event->application, Contains(Pair("moduleId", "m")));
    EXPECT_THAT(event->system, Contains(Pair("iothub-connection-module-id", "m")));
    EXPECT_EQ(value(event->body).at("tags"), value(R"({"site":"a"})"));
    EXPECT_EQ(value(event->body).at("moduleId"), value(R"("m")"));
}

TEST(ChangeEvents, OfADeletionThatAnOlderReleaseWroteSayWho) {
    const auto event = event_of(change_of(ChangeKind::deleted), 9, "h", nullptr);
    ASSERT_TRUE(event);
    EXPECT_EQ(value(event->body), value(R"({"deviceId":"chiller-01"})"));
}

TEST(ChangeEvents, AreNoneOfTheIdentityAlone) {
    EXPECT_FALSE(event_source_of(change_of(ChangeKind::identity)));
    EXPECT_FALSE(event_source_of(change_of(ChangeKind::model)));
    EXPECT_EQ(event_source_of(change_of(ChangeKind::twin)), EventSource::twin_changes);
}

TEST(SevenDigits, AreAlwaysSeven) {
    const auto text = [](std::string_view time) {
        return seven_digits(parse_instant(time).value());
    };
    EXPECT_EQ(text("2026-02-28T10:00:00Z"), "2026-02-28T10:00:00.0000000Z");
    EXPECT_EQ(text("2026-02-28T10:00:00.1234567Z"), "2026-02-28T10:00:00.1234567Z");
    EXPECT_EQ(text("2026-02-28T10:00:00.5Z"), "2026-02-28T10:00:00.5000000Z");
}

}  // namespace
}  // namespace twinhub::hub
