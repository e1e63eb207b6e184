#include "twin/etag.h"

#include <gtest/gtest.h>

namespace twinhub::twin {
namespace {

TEST(Etag, IsTheCounterInEightBytes) {
    EXPECT_EQ(etag_text(1), "AAAAAAAAAAE=");
    EXPECT_EQ(etag_text(3), "AAAAAAAAAAM=");
    EXPECT_EQ(etag_text(7), "AAAAAAAAAAc=");
    EXPECT_EQ(etag_text(0x0102030405060708), "AQIDBAUGBwg=");
}

struct Row {
    const char* header;
    const char* etag;
    bool matches;
};

TEST(Match, ReadsEveryFormThatClientsSend) {
    const Row rows[] = {
        {"*", "AAAAAAAAAAE=", true},
        {R"("*")", "AAAAAAAAAAE=", true},
        {R"("AAAAAAAAAAE=")", "AAAAAAAAAAE=", true},
        {"AAAAAAAAAAE=", "AAAAAAAAAAE=", true},
        {R"(  "AAAAAAAAAAE="	)", "AAAAAAAAAAE=", true},
        {R"(W/"AAAAAAAAAAE=")", "AAAAAAAAAAE=", true},
        {R"("AAAAAAAAAAE=")", "AAAAAAAAAAI=", false},
        {R"("x", "AAAAAAAAAAE=")", "AAAAAAAAAAE=", true},
        {R"(x,*)", "AAAAAAAAAAE=", true},
        {R"("x","y")", "AAAAAAAAAAE=", false},
        {R"("a,b")", "a,b", true},
        {R"("1600e1d2-0000-0000")", R"("1600e1d2-0000-0000")", true},
        {R"(""1600e1d2"")", R"("1600e1d2")", true},
        {"aaaaaaaaaae=", "AAAAAAAAAAE=", false},
        {"\"", "\"", true},
    };
    for (const Row& row : rows) {
        const auto match = Match::parse(row.header);
        ASSERT_TRUE(match) << row.header;
        EXPECT_EQ(match->matches(row.etag), row.matches) << row.header;
        EXPECT_FALSE(match->is_absent());
    }
}

TEST(Match, RefusesAnEmptyEtag) {
    for (const char* header : {"", "  ", R"("")", "W/", R"(W/"")", ",", "a,,b"}) {
        const auto match = Match::parse(header);
        ASSERT_FALSE(match) << header;
        EXPECT_EQ(match.error().code, Code::argument_invalid);
    }
}

TEST(Match, WithoutAHeaderIsUnconditional) {
    EXPECT_TRUE(Match().is_absent());
    EXPECT_TRUE(Match().matches("x"));
    EXPECT_TRUE(Match::any().is_any());
    EXPECT_TRUE(Match::any().matches("x"));
    EXPECT_FALSE(Match::one_of({"a", "b"}).matches("c"));
    EXPECT_TRUE(Match::one_of({"a", "b"}).matches("b"));
}

}  // namespace
}  // namespace twinhub::twin
