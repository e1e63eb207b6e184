#include "query/text_functions.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace twinhub::query {
namespace {

std::string cased(std::string_view text, LetterCase wanted) {
    Scratch scratch;
    return std::string(with_case(text, wanted, scratch).string());
}

TEST(LetterCases, FollowUnicode) {
    EXPECT_EQ(cased("ÀÉÎ Straße ΣΙΓΜΑ ЖЁ Ǆ 𐐀", LetterCase::lower), "àéî straße σιγμα жё ǆ 𐐨");
    EXPECT_EQ(cased("àéî straße σιγμα жё ǆ 𐐨 ÿ", LetterCase::upper), "ÀÉÎ STRAßE ΣΙΓΜΑ ЖЁ Ǆ 𐐀 Ÿ");
    EXPECT_EQ(cased("1-_/€", LetterCase::upper), "1-_/€");
}

TEST(LetterCases, EveryCharacterFitsTheRoomMadeForIt) {
    const auto bytes = [](char32_t c) {
        return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    };
    for (char32_t c = 0; c < 0x20000; ++c)
        for (const LetterCase wanted : {LetterCase::lower, LetterCase::upper}) {
            const char32_t other = with_case(c, wanted);
            ASSERT_LE(bytes(other) * 2, bytes(c) * 3) << std::hex << std::uint32_t{c};
            // Twice is once.
            ASSERT_EQ(with_case(other, wanted), other) << std::hex << std::uint32_t{c};
        }
}

TEST(LetterCases, RefuseTextsThatAreTooLong) {
    Scratch scratch;
    EXPECT_TRUE(
        with_case(std::string(40'000, 'a'), LetterCase::upper, scratch).is(Type::undefined));
}

TEST(Substring, CountsCharacters) {
    EXPECT_EQ(substring("aßc€", 1, 2).string(), "ßc");
    EXPECT_EQ(substring("aßc€", 3, {}).string(), "€");
    EXPECT_EQ(substring("aßc€", 4, {}).string(), "");
    EXPECT_EQ(substring("aßc€", 0, 0).string(), "");
    EXPECT_EQ(substring("aßc€", 1e300, 1e300).string(), "");
    EXPECT_EQ(index_of("aßc€", "€"), 3);
    EXPECT_EQ(character_count("aßc€"), 4U);
}

}  // namespace
}  // namespace twinhub::query
