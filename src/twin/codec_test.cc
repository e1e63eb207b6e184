#include "twin/codec.h"

#include "base/encoding.h"
#include "twin/testing/generators.h"

#include <rapidcheck/gtest.h>

namespace twinhub::twin {
namespace {

using testing::any_twin;
using testing::any_write;
using testing::at;
using testing::report;

template <class Value>
std::string encoded(const Value& value) {
    std::string bytes;
    append_encoded(bytes, value);
    return bytes;
}

RC_GTEST_PROP(Codec, BringsATwinBack, ()) {
    const Twin twin = any_twin();
    const std::string bytes = encoded(twin);
    const auto decoded = decode_twin(bytes);
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(*decoded == twin);
    RC_ASSERT(decoded->reported.size() == twin.reported.size());
    RC_ASSERT(encoded(*decoded) == bytes);
}

RC_GTEST_PROP(Codec, BringsAChangeBack, ()) {
    const Twin before = any_twin();
    const auto applied = any_write(before, at(9));
    const std::string bytes = encoded(applied->change);
    const auto decoded = decode_change(bytes);
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(*decoded == applied->change);
    RC_ASSERT(encoded(*decoded) == bytes);
    RC_ASSERT(redo(before, *decoded).value() == applied->next);
    RC_ASSERT(undo(applied->next, *decoded).value() == before);
}

TEST(Codec, RefusesEveryPrefixAndEveryExtraByte) {
    const Twin twin = testing::twin_of(R"({"a":1.5,"b":[true,"x",{"y":-3}]})", R"({"o":{"p":{}}})",
                                       R"({"text":"é"})");
    const auto applied = apply(twin, testing::update(R"({"tags":{"b":null,"c":{"d":1}}})"), at(2));
    const std::string twin_bytes = encoded(twin);
    const std::string change_bytes = encoded(applied->change);
    for (std::size_t size = 0; size < twin_bytes.size(); ++size)
        EXPECT_EQ(decode_twin(std::string_view(twin_bytes).substr(0, size)).error().code,
                  Code::corrupted)
            << size;
    for (std::size_t size = 0; size < change_bytes.size(); ++size)
        EXPECT_EQ(decode_change(std::string_view(change_bytes).substr(0, size)).error().code,
                  Code::corrupted)
            << size;
    EXPECT_FALSE(decode_twin(twin_bytes + '\0'));
    EXPECT_FALSE(decode_change(change_bytes + '\0'));
}

TEST(Codec, RefusesTheFormatOfANewerRelease) {
    std::string bytes = encoded(fresh(at(0)));
    ++bytes[0];
    EXPECT_EQ(decode_twin(bytes).error().code, Code::corrupted);
}

RC_GTEST_PROP(Codec, SurvivesAnyDamage, ()) {
    std::string bytes = encoded(any_twin());
    const auto place = *rc::gen::inRange<std::size_t>(0, bytes.size());
    bytes[place] = *rc::gen::arbitrary<char>();
    const auto decoded = decode_twin(bytes);
    if (!decoded) RC_ASSERT(decoded.error().code == Code::corrupted);
    else RC_ASSERT(encoded(*decoded) == bytes);
}

TEST(Codec, RefusesDeepNestingWithoutDeepRecursion) {
    std::string bytes = encoded(fresh(at(0))).substr(0, 6);
    for (int i = 0; i < 100000; ++i) bytes += std::string("\x30\x01\x00", 3);
    EXPECT_EQ(decode_twin(bytes).error().code, Code::corrupted);
}

TEST(Codec, DoesNotBelieveAHugeCount) {
    std::string bytes = encoded(fresh(at(0))).substr(0, 6);
    bytes += "\x30\xff\xff\xff\xff\x0f";
    EXPECT_EQ(decode_twin(bytes).error().code, Code::corrupted);
}

TEST(Codec, KeepsAReportOfTwoFieldsWithin150Bytes) {
    const Twin twin =
        testing::twin_of("{}", "{}", R"({"climate":{"temperature":21.25,"humidity":48}})");
    const auto applied = apply_report(
        twin, report(R"({"climate":{"temperature":21.5,"humidity":47}})"), {}, at(86400));
    EXPECT_LE(encoded(applied->change).size(), 150u);
}

// The bytes on disk must not change unnoticed: a different form needs a new format number.
TEST(Codec, WritesTheFormatThatIsOnDisk) {
    Twin twin = testing::twin_of(R"({"a":true})", R"({"n":-1,"s":"x"})", R"({"l":[1.5]})");
    twin.model_id = "m";
    EXPECT_EQ(
        hex_encode(encoded(twin)),
        "0102010101016d300101613500fffff3929edab23c0102016e3301017332017820fffff3929edab23c01016c31"
        "0104000000000000f83f");
    const auto applied = apply_report(twin, report(R"({"l":null,"m":{"k":true}})"), 1, at(1));
    EXPECT_EQ(
        hex_encode(encoded(applied->change)),
        "012280dab89c9edab23c02010101020000020002016c07016d0001016b052f80dac40902016c3101040000"
        "00000000f83f016d0e");
}

}  // namespace
}  // namespace twinhub::twin
