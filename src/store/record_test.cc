#include "store/record.h"

#include "base/encoding.h"
#include "store/crc32c.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace twinhub::store {
namespace {

// RFC 3720 appendix B.4.
TEST(Crc32c, AgreesWithThePublishedVectors) {
    EXPECT_EQ(crc32c(0, ""), 0u);
    EXPECT_EQ(crc32c(0, "123456789"), 0xe3069283u);
    EXPECT_EQ(crc32c(0, std::string(32, '\0')), 0x8a9136aau);
    EXPECT_EQ(crc32c(0, std::string(32, '\xff')), 0x62a8ab43u);
}

RC_GTEST_PROP(Crc32c, IsTheSameInPartsAndWithoutTheInstruction,
              (const std::string& first, const std::string& second)) {
    RC_ASSERT(crc32c(crc32c(0, first), second) == crc32c(0, first + second));
    RC_ASSERT(crc32c_portable(0, first) == crc32c(0, first));
}

// The disk format: a change here makes every store unreadable.
TEST(Record, IsFramedAsDrawn) {
    EXPECT_EQ(hex_encode(sealed(Kind::twin, 2, "key", "body")),
              "d703"
              "0200"
              "04000000" +
                  hex_encode(sealed(Kind::twin, 2, "key", "body").substr(8, 4)) +
                  hex_encode("body"));
    EXPECT_EQ(hex_encode(sealed(Kind::twin, 1, "k", "b")),
              "d703010001000000"
              "fdc03244"
              "62");
}

RC_GTEST_PROP(Record, OpensToWhatWasSealed,
              (const std::string& before, const std::string& key, const std::string& body)) {
    const auto format = *rc::gen::inRange<Format>(1, 1000);
    std::string value = before;
    seal(Kind::change, format, key, body, value);
    RC_ASSERT(value.starts_with(before));
    value.erase(0, before.size());
    const auto opened = open(Kind::change, format, "changes", key, value);
    RC_ASSERT(opened.has_value());
    RC_ASSERT(opened->body == body);
    RC_ASSERT(opened->format == format);
}

RC_GTEST_PROP(Record, AnyFlippedBitIsFound, (const std::string& key, const std::string& body)) {
    std::string value = sealed(Kind::twin, 1, key, body);
    const auto bit = *rc::gen::inRange<std::size_t>(0, value.size() * 8);
    value[bit / 8] = static_cast<char>(value[bit / 8] ^ (1 << (bit % 8)));
    RC_ASSERT(open(Kind::twin, 1, "twins", key, value).error().code == Code::corrupted);
}

RC_GTEST_PROP(Record, AnyOtherLengthIsFound, (const std::string& key, const std::string& body)) {
    const std::string value = sealed(Kind::twin, 1, key, body);
    const auto kept = *rc::gen::inRange<std::size_t>(0, value.size());
    RC_ASSERT(open(Kind::twin, 1, "twins", key, value.substr(0, kept)).error().code ==
              Code::corrupted);
    RC_ASSERT(open(Kind::twin, 1, "twins", key, value + "x").error().code == Code::corrupted);
}

TEST(Record, DoesNotOpenUnderAnotherKey) {
    const auto opened = open(Kind::twin, 1, "twins", "b", sealed(Kind::twin, 1, "a", "body"));
    EXPECT_EQ(opened.error().message, "The record twins[b] is damaged: its checksum is wrong");
}

TEST(Record, DoesNotOpenAsAnotherKind) {
    const auto opened =
        open(Kind::identity, 1, "identities", "a", sealed(Kind::twin, 1, "a", "body"));
    EXPECT_EQ(opened.error().message, "The record identities[a] is damaged: it is of another kind");
}

TEST(Record, ANewerFormatIsToldApartFromDamage) {
    const auto opened = open(Kind::twin, 2, "twins", "a", sealed(Kind::twin, 3, "a", "body"));
    EXPECT_EQ(opened.error(), (Error{Code::not_implemented,
                                     "The record twins[a] is of format 3, written by a newer "
                                     "release; this one reads up to format 2",
                                     {}}));
}

TEST(Record, AFormatOfZeroIsDamage) {
    EXPECT_EQ(open(Kind::twin, 1, "twins", "a", sealed(Kind::twin, 0, "a", "")).error().code,
              Code::corrupted);
}

TEST(Record, KeysAreShownWithoutUnprintableBytes) {
    EXPECT_EQ(printable(std::string("\0\x01"
                                    "dev-1\0mod\\\xff",
                                    13)),
              "\\x00\\x01dev-1\\x00mod\\x5c\\xff");
    EXPECT_EQ(printable(std::string(400, 'a')), std::string(300, 'a') + "...");
}

}  // namespace
}  // namespace twinhub::store
