#include "query/lexer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::query {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> texts(std::string_view text) {
    std::vector<std::string> out;
    for (const Token& token : tokenize(text, nullptr)) out.emplace_back(token.text);
    return out;
}

TEST(Lexer, SplitsWordsNumbersAndSymbols) {
    EXPECT_THAT(texts("a<>b<=1.5e3%-x"),
                ElementsAre("a", "<>", "b", "<=", "1.5e3", "%", "-", "x", ""));
    EXPECT_THAT(texts("tags.odd-key"), ElementsAre("tags", ".", "odd", "-", "key", ""));
    EXPECT_THAT(texts("$version $1 _x größe"), ElementsAre("$version", "$1", "_x", "größe", ""));
}

TEST(Lexer, SkipsCommentsAndSpacesOfWebPages) {
    EXPECT_THAT(texts("/* a * b */a/**/b /* '*/\t\n\f\v\xC2\xA0 c"),
                ElementsAre("a", "b", "c", ""));
}

TEST(Lexer, KnowsReservedWordsInAnyCase) {
    for (const char* word : {"select", "TOP", "From", "where", "GROUP", "by", "as", "AND", "or",
                             "not", "in", "nin", "True", "false", "NULL", "undefined"})
        EXPECT_EQ(tokenize(word, nullptr)[0].kind, TokenKind::reserved) << word;
    for (const char* word :
         {"order", "LIMIT", "offset", "desc", "asc", "explain", "analyze", "of", "count", "having"})
        EXPECT_EQ(tokenize(word, nullptr)[0].kind, TokenKind::word) << word;
}

struct Literal {
    const char* text;
    const char* value;
};

TEST(Lexer, DecodesStrings) {
    for (const auto& [text, value] :
         {Literal{R"('it\'s "hot"')", R"(it's "hot")"},
          Literal{R"("it's \"hot\"")", R"(it's "hot")"}, Literal{R"('p\u0075mp')", "pump"},
          Literal{R"('\u00e9\u20AC')", "é€"}, Literal{R"('\ud83d\ude00')", "\xF0\x9F\x98\x80"},
          Literal{R"('a\\b')", R"(a\b)"}, Literal{"''", ""}, Literal{"'a\nb'", "a\nb"}}) {
        const Token token = tokenize(text, nullptr)[0];
        EXPECT_EQ(token.kind, TokenKind::string) << text;
        EXPECT_EQ(token.value, value) << text;
    }
}

struct Number {
    const char* text;
    double value;
};

TEST(Lexer, ReadsNumbers) {
    for (const auto& [text, value] :
         {Number{"0", 0}, Number{"42", 42}, Number{"42.50", 42.5}, Number{"1e3", 1000},
          Number{"1.5E-2", 0.015}, Number{"2e+1", 20}, Number{"0x5", 5}, Number{"0XfF", 255},
          Number{"007", 7}, Number{"1e-400", 0}, Number{"9007199254740993", 9007199254740992.0},
          Number{"0x10000000000000000", 18446744073709551616.0}}) {
        const Token token = tokenize(text, nullptr)[0];
        EXPECT_EQ(token.kind, TokenKind::number) << text;
        EXPECT_EQ(token.number, value) << text;
    }
    EXPECT_EQ(tokenize("18446744073709551615", nullptr)[0].integer, 18446744073709551615U);
    EXPECT_EQ(tokenize("18446744073709551616", nullptr)[0].integer, std::nullopt);
    EXPECT_EQ(tokenize("1.0", nullptr)[0].integer, std::nullopt);
}

TEST(Lexer, ReadsEscapedNames) {
    EXPECT_EQ(tokenize("[[odd-key]]", nullptr)[0].value, "odd-key");
    EXPECT_EQ(tokenize("[[a b'\"]]", nullptr)[0].value, "a b'\"");
    EXPECT_THAT(texts("[ [1] ]"), ElementsAre("[", "[", "1", "]", "]", ""));
}

struct Wrong {
    const char* text;
    ErrorKind kind;
    std::uint32_t offset;
    const char* hint;  // part of it
};
void PrintTo(const Wrong& row, std::ostream* out) { *out << row.text; }

class LexerErrors : public ::testing::TestWithParam<Wrong> {};

TEST_P(LexerErrors, SayWhatAndWhere) {
    const Wrong& row = GetParam();
    const Token last = tokenize(row.text, nullptr).back();
    ASSERT_EQ(last.kind, TokenKind::bad);
    EXPECT_EQ(last.error->kind, row.kind);
    EXPECT_EQ(last.error->offset, row.offset);
    EXPECT_THAT(last.error->hint, ::testing::HasSubstr(row.hint));
}

INSTANTIATE_TEST_SUITE_P(
    Table, LexerErrors,
    ::testing::Values(
        Wrong{"a 'x", ErrorKind::syntax, 2, "add '"}, Wrong{"'it''s'", ErrorKind::syntax, 0, "\\'"},
        Wrong{R"('a\n')", ErrorKind::syntax, 2, "\\u"},
        Wrong{R"('\u12g4')", ErrorKind::syntax, 1, "four"},
        Wrong{R"('\ud800')", ErrorKind::syntax, 7, "pair"},
        Wrong{R"('\ud800\u0041')", ErrorKind::syntax, 13, "pair"},
        Wrong{R"('\udc00')", ErrorKind::syntax, 7, "pair"},
        Wrong{"é /* x", ErrorKind::syntax, 2, "*/"},
        Wrong{"a == b", ErrorKind::syntax, 2, "write ="},
        Wrong{"a && b", ErrorKind::syntax, 2, "AND"}, Wrong{"a || b", ErrorKind::syntax, 2, "OR"},
        Wrong{"!a", ErrorKind::syntax, 0, "NOT"}, Wrong{"a;", ErrorKind::syntax, 1, "semicolon"},
        Wrong{"‘a’", ErrorKind::syntax, 0, "straight"}, Wrong{"#", ErrorKind::syntax, 0, ""},
        Wrong{"0x", ErrorKind::invalid_literal, 0, ""},
        Wrong{"0xg", ErrorKind::invalid_literal, 0, ""},
        Wrong{"1.", ErrorKind::invalid_literal, 0, ""},
        Wrong{"1e", ErrorKind::invalid_literal, 0, ""},
        Wrong{"12abc", ErrorKind::invalid_literal, 0, ""},
        Wrong{"1e999", ErrorKind::invalid_literal, 0, ""},
        Wrong{"tags.1st", ErrorKind::syntax, 5, "[[1st]]"}, Wrong{"[[]]", ErrorKind::syntax, 0, ""},
        Wrong{"[[a", ErrorKind::syntax, 0, "[ [1] ]"},
        Wrong{"[[1],[2]]", ErrorKind::syntax, 0, "[ [1] ]"}));

struct Hint {
    const char* comment;
    std::optional<std::int64_t> milliseconds;
    std::optional<std::uint64_t> rows;
};
void PrintTo(const Hint& row, std::ostream* out) { *out << row.comment; }

class Hints : public ::testing::TestWithParam<Hint> {};

TEST_P(Hints, AskForABudget) {
    const Hint& row = GetParam();
    Budget budget;
    tokenize(row.comment, &budget);
    EXPECT_EQ(budget.time_max ? std::optional(budget.time_max->count()) : std::nullopt,
              row.milliseconds);
    EXPECT_EQ(budget.scan_max, row.rows);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Hints,
    ::testing::Values(Hint{"/*+ timeout(2s) maxScan(100000) */", 2000, 100000},
                      Hint{"/*+TIMEOUT(250ms)*/", 250, {}}, Hint{"/*+ maxscan(5) */", {}, 5},
                      Hint{"/*+ timeout(3) */", 3000, {}}, Hint{"/*+ timeout(1m) */", 60000, {}},
                      Hint{"/*+ timeout(900m) */", 3600000, {}}, Hint{"/* timeout(2s) */", {}, {}},
                      Hint{"/*+ timeout(0s) */", {}, {}},
                      Hint{"/*+ timeout(soon) maxScan(7) */", {}, 7},
                      Hint{"/*+ index(tags) */", {}, {}}, Hint{"/*+ timeout(2s */", {}, {}},
                      Hint{"/*+ )timeout(2s) */", {}, {}}, Hint{"/*+ maxScan(-1) */", {}, {}}));

}  // namespace
}  // namespace twinhub::query
