#include "base/json.h"

#include <gtest/gtest.h>

namespace twinhub {
namespace {

std::string round_trip(std::string_view text) {
    const auto value = parse_json(text);
    return value ? to_text(*value) : "error: " + value.error().message + " @" + value.error().where;
}

TEST(Json, KeepsWholeNumbersAndFractionsApart) {
    EXPECT_EQ(round_trip("[1,1.0,-0.5,1e300,123456789012345678]"),
              "[1,1.0,-0.5,1e+300,123456789012345678]");
}

TEST(Json, ReadsDoublesExactly) {
    EXPECT_EQ(round_trip("0.1"), "0.1");
    EXPECT_EQ(round_trip("5e-324"), "5e-324");
}

TEST(Json, RefusesADuplicateKeyAndNamesIt) {
    const auto value = parse_json(R"({"a":{"x":1,"x":2}})");
    ASSERT_FALSE(value);
    EXPECT_EQ(value.error().code, Code::argument_invalid);
    EXPECT_EQ(value.error().where, "x");
}

TEST(Json, RefusesWhatIsNotOneValue) {
    for (const char* text : {"", "{", "{}x", "[1,]", "nul", "\"\xff\"", "NaN", "1e999", "01"})
        EXPECT_FALSE(parse_json(text)) << text;
}

TEST(Json, RefusesDeepNestingWithoutRecursion) {
    const auto value =
        parse_json(std::string(100000, '['), {.bytes_max = 1 << 20, .depth_max = 32});
    ASSERT_FALSE(value);
    EXPECT_EQ(value.error().code, Code::argument_invalid);
}

TEST(Json, ToleratesAByteOrderMarkAndWhiteSpace) {
    EXPECT_EQ(round_trip("\xef\xbb\xbf {\"a\" : [ ] } \n"), R"({"a":[]})");
}

TEST(Json, EscapesControlCharactersAndQuotes) {
    EXPECT_EQ(round_trip(R"("a\"\\\u0001\n")"), R"("a\"\\\u0001\n")");
}

// Strings are looked at several characters at once: every length and place must give the same.
TEST(Json, EscapesTheSameWhereverACharacterStands) {
    for (std::size_t size = 1; size <= 20; ++size)
        for (std::size_t at = 0; at < size; ++at)
            for (int c = 0; c < 256; ++c) {
                const bool plain = c >= 0x20 && c != '"' && c != '\\';
                std::string text(size, '\x80');
                text[at] = static_cast<char>(c);
                std::string written;
                append_json_string(written, text);
                if (plain) {
                    ASSERT_EQ(written, '"' + text + '"') << c;
                } else {
                    std::string alone;
                    append_json_string(alone, text.substr(at, 1));
                    ASSERT_GE(alone.size(), 4u) << c;
                    ASSERT_EQ(written, '"' + text.substr(0, at) +
                                           alone.substr(1, alone.size() - 2) + text.substr(at + 1) +
                                           '"')
                        << c;
                }
            }
}

}  // namespace
}  // namespace twinhub
