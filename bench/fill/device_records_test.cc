#include "fill/device_records.h"

#include "hub/testing/test_hub.h"
#include "load/credentials.h"
#include "load/twin_body.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace twinhub::fill {
namespace {

using namespace hub::testing;
using store::Family;

constexpr std::uint64_t devices = 300;

std::map<Slot, std::vector<std::uint64_t>> slots_of_devices() {
    std::map<Slot, std::vector<std::uint64_t>> slots;
    for (std::uint64_t number = 0; number < devices; ++number)
        slots[slot_of(id_of(load::device_name(number)).device)].push_back(number);
    for (auto& [slot, numbers] : slots)
        std::ranges::sort(numbers, {}, [](std::uint64_t n) { return load::device_name(n); });
    return slots;
}

void put(store::Engine& engine, Family family, const Records& records) {
    store::Batch batch;
    for (std::size_t at = 0; at < records.size(); ++at)
        batch.put(family, records.at(at).key, records.at(at).value);
    const std::array<const store::Batch*, 1> batches{&batch};
    ASSERT_TRUE(engine.commit(batches));
}

// Bulk loads want them so.
void expect_rising(const Records& records) {
    for (std::size_t at = 1; at < records.size(); ++at)
        ASSERT_LT(records.at(at - 1).key, records.at(at).key);
}

TEST(SlotRecords, MakeAHubWhoseHistoryCountsAndTwinsAgree) {
    TestHub hub;
    SeededRandom random;
    for (const auto& [slot, numbers] : slots_of_devices()) {
        const SlotRecords records = slot_records(slot, numbers, TestClock::start, random).value();
        for (const Records* const family :
             {&records.identities, &records.twins, &records.changes, &records.presences})
            expect_rising(*family);
        put(hub.engine(), Family::identities, records.identities);
        put(hub.engine(), Family::twins, records.twins);
        put(hub.engine(), Family::changes, records.changes);
        put(hub.engine(), Family::metadata, records.presences);
        put(hub.engine(), Family::metadata, records.facts);
    }
    ASSERT_TRUE(hub.restart());

    EXPECT_EQ(wrong_with(hub), "");
    EXPECT_EQ(hub.run(hub.registry().statistics())->devices_enabled, devices);
    const load::TwinParts parts = load::twin_parts(7);
    const twin::Twin twin = hub.view(id_of("load-7")).twin;
    EXPECT_EQ(twin.tags.to_json(), parse_json(parts.tags).value());
    EXPECT_EQ(twin.desired.to_json(), parse_json(parts.desired).value());
    EXPECT_EQ(twin.reported.to_json(), parse_json(parts.reported).value());
    // The next change continues where the records end.
    ASSERT_TRUE(hub.patch(id_of("load-7"), R"({"tags":{"zone":"z99"}})"));
    EXPECT_EQ(wrong_with(hub), "");
}

// A figure measured on a filled hub is one of a hub that was filled through its doors.
TEST(SlotRecords, AreThoseOfAHubThatWasAskedForThem) {
    constexpr std::uint64_t number = 7;
    const TwinId id = id_of(load::device_name(number));
    const load::TwinParts parts = load::twin_parts(number);
    TestHub hub;
    const Instant created = hub.clock().now();
    std::vector<hub::BulkItem> items(1);
    items[0].mode = hub::ImportMode::create;
    items[0].spec.id = id;
    items[0].initial_twin = patch_of(R"({"tags":)" + parts.tags + R"(,"properties":{"desired":)" +
                                     parts.desired + "}}");
    ASSERT_TRUE(hub.run(hub.registry().bulk(std::move(items), author_of())).empty());
    hub.clock().advance(report_after);
    hub.shard(id).report(id, report_of(parts.reported), {},
                         hub::Author{.cause = hub::Cause::device},
                         [](const Result<std::uint64_t>& version) { EXPECT_TRUE(version); });
    hub.settle();
    hub.tick_for(std::chrono::seconds{10});  // the document is written whole

    SeededRandom random;
    const Slot slot = slot_of(id.device);
    const SlotRecords records = slot_records(slot, {number}, created, random).value();
    ASSERT_EQ(records.changes.size(), 2u);
    const auto expect_same = [&](Family family, const Records& ours) {
        for (std::size_t at = 0; at < ours.size(); ++at)
            EXPECT_EQ(hub.engine().get(family, ours.at(at).key).value(), ours.at(at).value)
                << store::name_of(family) << ' ' << at;
    };
    expect_same(Family::twins, records.twins);
    expect_same(Family::changes, records.changes);
    expect_same(Family::metadata, records.facts);
}

}  // namespace
}  // namespace twinhub::fill
