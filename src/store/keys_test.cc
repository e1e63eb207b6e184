#include "store/keys.h"

#include "base/encoding.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace twinhub::store {
namespace {

DeviceId device(std::string_view text) { return DeviceId::parse(text).value(); }
TwinId twin(std::string_view device_text, std::string_view module_text = {}) {
    TwinId id{device(device_text), {}};
    if (!module_text.empty()) id.module = ModuleId::parse(module_text).value();
    return id;
}

rc::Gen<std::string> id_text() {
    return rc::gen::suchThat(
        rc::gen::container<std::string>(rc::gen::elementOf(std::string("aB09-.$"))),
        [](const std::string& text) { return !text.empty() && text.size() <= 128; });
}

// These vectors are the disk format: data written by any release depends on them.
TEST(Keys, ATwinKeyIsSlotDeviceAndModule) {
    const DeviceId id = device("dev-1");
    std::string slot;
    slot.push_back(static_cast<char>(slot_of(id) >> 8));
    slot.push_back(static_cast<char>(slot_of(id) & 0xff));
    EXPECT_EQ(twin_key(twin("dev-1")), slot + std::string("dev-1\0", 6));
    EXPECT_EQ(twin_key(twin("dev-1", "m")), slot + std::string("dev-1\0m", 7));
}

TEST(Keys, AChangeKeyIsBigEndian) {
    EXPECT_EQ(hex_encode(change_key(0x0102, 0x030405060708090a)),
              "01020304"
              "05060708090a");
}

TEST(Keys, AMetadataKeyIsItsAreaAndText) {
    EXPECT_EQ(metadata_key(Area::hub, "policies"), "Hpolicies");
    EXPECT_EQ(metadata_key(Area::store, ""), "S");
}

RC_GTEST_PROP(Keys, ATwinKeyReadsBack, ()) {
    const TwinId id = twin(*id_text(), *rc::gen::oneOf(rc::gen::just(std::string()), id_text()));
    RC_ASSERT(parse_twin_key(twin_key(id)) == id);
}

RC_GTEST_PROP(Keys, AChangeKeyReadsBackAndKeepsTheOrder,
              (Slot slot, std::uint64_t first, std::uint64_t second)) {
    RC_ASSERT(parse_change_key(change_key(slot, first)) == (ChangeKey{slot, first}));
    RC_ASSERT((change_key(slot, first) < change_key(slot, second)) == (first < second));
}

RC_GTEST_PROP(Keys, AnyBytesCanBeAskedWhoseKeyTheyAre, (const std::string& bytes)) {
    const auto id = parse_twin_key(bytes);
    RC_ASSERT((!id || twin_key(*id) == bytes));
    const auto change = parse_change_key(bytes);
    RC_ASSERT((!change || change_key(change->slot, change->sequence) == bytes));
}

TEST(Keys, AKeyInTheWrongSlotIsNobodys) {
    std::string key = twin_key(twin("dev-1"));
    key[1] = static_cast<char>(key[1] ^ 1);
    EXPECT_EQ(parse_twin_key(key), std::nullopt);
}

TEST(Keys, ASlotHoldsItsDevicesAndTheirModulesOnly) {
    const Slot slot = slot_of(device("dev-1"));
    EXPECT_TRUE(slot_range(slot).holds(twin_key(twin("dev-1"))));
    EXPECT_TRUE(slot_range(slot).holds(twin_key(twin("dev-1", "m"))));
    EXPECT_TRUE(slot_range(slot).holds(change_key(slot, ~std::uint64_t{0})));
    EXPECT_FALSE(slot_range(static_cast<Slot>(slot + 1)).holds(twin_key(twin("dev-1"))));
    EXPECT_TRUE(slots_range(0, 255).holds(twin_key(twin("dev-1"))));
    EXPECT_EQ(slots_range(0, 0xffff).to, "");
}

TEST(Keys, ADeviceRangeStartsWithTheDeviceAndEndsWithItsModules) {
    const Range range = device_range(device("dev"));
    EXPECT_EQ(range.from, twin_key(twin("dev")));
    EXPECT_TRUE(range.holds(twin_key(twin("dev", "zz"))));
    EXPECT_FALSE(range.holds(twin_key(twin("dev")).substr(0, 5) + std::string("-1\0", 3)));
    const Range modules = modules_range(device("dev"));
    EXPECT_FALSE(modules.holds(twin_key(twin("dev"))));
    EXPECT_TRUE(modules.holds(twin_key(twin("dev", "!"))));
}

TEST(Keys, AChangesRangeHoldsBothItsEnds) {
    const std::uint64_t last = ~std::uint64_t{0};
    EXPECT_TRUE(changes_range(7, 3, 5).holds(change_key(7, 3)));
    EXPECT_TRUE(changes_range(7, 3, 5).holds(change_key(7, 5)));
    EXPECT_FALSE(changes_range(7, 3, 5).holds(change_key(7, 2)));
    EXPECT_FALSE(changes_range(7, 3, 5).holds(change_key(7, 6)));
    EXPECT_TRUE(changes_range(7, 3, last).holds(change_key(7, last)));
    EXPECT_FALSE(changes_range(7, 3, last).holds(change_key(8, 0)));
}

TEST(Keys, APrefixOfTheHighestBytesHasNoUpperEnd) {
    EXPECT_EQ(prefix_range("a\xff"), (Range{"a\xff", "b"}));
    EXPECT_EQ(prefix_range("\xff\xff"), (Range{"\xff\xff", ""}));
    EXPECT_EQ(prefix_range(""), (Range{"", ""}));
}

RC_GTEST_PROP(Keys, APrefixRangeHoldsExactlyWhatStartsWithIt,
              (const std::string& prefix, const std::string& rest, const std::string& other)) {
    RC_ASSERT(prefix_range(prefix).holds(prefix + rest));
    RC_ASSERT(prefix_range(prefix).holds(other) == other.starts_with(prefix));
}

}  // namespace
}  // namespace twinhub::store
