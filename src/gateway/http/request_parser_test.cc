#include "gateway/http/request_parser.h"

#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

// Feeds `text` in pieces of `size`, showing again what was not consumed; the unconsumed rest.
Result<std::string> feed(RequestParser& parser, std::string_view text, std::size_t size) {
    std::string held;
    for (std::size_t at = 0; at < text.size(); at += size) {
        held += text.substr(at, size);
        while (!held.empty() && !parser.is_done()) {
            TRY(const std::size_t count, parser.feed(held));
            held.erase(0, count);
            if (count == 0) break;
        }
    }
    return held;
}

struct Parsed {
    Request request;
    RequestParser parser;
};

Error error_of(std::string_view text, const Limits& limits = {}) {
    Parsed parsed;
    parsed.parser.begin(parsed.request, limits);
    const auto rest = feed(parsed.parser, text, text.size());
    return rest ? Error{} : rest.error();
}

constexpr std::string_view whole =
    "PATCH /twins/dev%2D1/?api-version=2021-04-12 HTTP/1.1\r\nhost: hub.local\r\nIF-MATCH: "
    "\"a\"\r\nIf-Match: \"b\"\r\n"
    "X-Other: ignored\r\nContent-Length: 11\r\n\r\n{\"tags\":{}}";

TEST(RequestParser, ReadsARequestOverEverySplit) {
    for (std::size_t size = 1; size <= whole.size(); ++size) {
        Parsed parsed;
        parsed.parser.begin(parsed.request, {});
        const auto rest = feed(parsed.parser, std::string(whole) + "GET ", size);
        ASSERT_TRUE(rest) << size;
        ASSERT_TRUE(parsed.parser.is_done()) << size;
        EXPECT_EQ(*rest, "GET ") << size;
        const Request& request = parsed.request;
        EXPECT_EQ(request.method, Method::patch);
        EXPECT_EQ(request.field(Field::host), "hub.local");
        EXPECT_EQ(request.field(Field::if_match), "\"a\", \"b\"");
        EXPECT_FALSE(request.field(Field::authorization));
        EXPECT_EQ(request.body, "{\"tags\":{}}");
        EXPECT_TRUE(request.keep_alive);
    }
}

TEST(RequestParser, ReadsChunksOverEverySplitAndIgnoresTrailers) {
    constexpr std::string_view text =
        "POST /devices HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
        "chunked\r\n\r\n4;x=y\r\nab\r\n\r\n3\r\ncde\r\n0\r\nHost: other\r\n\r\n";
    for (std::size_t size = 1; size <= text.size(); ++size) {
        Parsed parsed;
        parsed.parser.begin(parsed.request, {});
        ASSERT_TRUE(feed(parsed.parser, text, size)) << size;
        ASSERT_TRUE(parsed.parser.is_done()) << size;
        EXPECT_EQ(parsed.request.body, "ab\r\ncde") << size;
        EXPECT_EQ(parsed.request.field(Field::host), "h") << size;
    }
}

TEST(RequestParser, ReadsABodyThatIsOnlyTheLastChunkOverEverySplit) {
    constexpr std::string_view text =
        "POST /devices HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    for (std::size_t size = 1; size <= text.size(); ++size) {
        Parsed parsed;
        parsed.parser.begin(parsed.request, {});
        ASSERT_TRUE(feed(parsed.parser, text, size)) << size;
        ASSERT_TRUE(parsed.parser.is_done()) << size;
        EXPECT_EQ(parsed.request.body, "") << size;
    }
}

TEST(RequestParser, SkipsTheEmptyLineThatOldClientsLeaveBehindABody) {
    Parsed parsed;
    parsed.parser.begin(parsed.request, {});
    ASSERT_TRUE(feed(parsed.parser, "\r\n\r\nGET / HTTP/1.1\r\n\r\n", 1));
    EXPECT_TRUE(parsed.parser.is_done());
}

TEST(RequestParser, KnowsWhenTheClientWantsToEnd) {
    for (const auto& [text, keep_alive] :
         {std::pair{"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", false},
          std::pair{"GET / HTTP/1.0\r\n\r\n", false},
          std::pair{"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true}}) {
        Parsed parsed;
        parsed.parser.begin(parsed.request, {});
        ASSERT_TRUE(feed(parsed.parser, text, 7));
        EXPECT_EQ(parsed.request.keep_alive, keep_alive) << text;
    }
}

class BrokenRequest : public testing::TestWithParam<std::string> {};
TEST_P(BrokenRequest, IsRefused) { EXPECT_EQ(error_of(GetParam()).code, Code::format_invalid); }
INSTANTIATE_TEST_SUITE_P(
    Table, BrokenRequest,
    testing::Values("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /\r\n\r\n",
                    "GET / HTTP/1.1\r\nno colon\r\n\r\n",
                    "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                    "GET / HTTP/1.1\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n",
                    "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
                    "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
                    "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
                    "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                    "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
                    std::string("GET / HTTP/1.1\r\nA: b\0c\r\n\r\n", 27),
                    "\x16\x03\x01\x02\x01\x01"));

TEST(RequestParser, RefusesALongHeaderHoweverItComes) {
    std::string text = "GET / HTTP/1.1\r\n";
    while (text.size() < 20'000) text += "X-Filler: 0123456789\r\n";
    EXPECT_EQ(error_of(text).code, Code::format_invalid);
    for (const std::size_t size : {1UL, 22UL, 1000UL}) {
        Parsed parsed;
        parsed.parser.begin(parsed.request, {});
        EXPECT_FALSE(feed(parsed.parser, text, size)) << size;
    }
    EXPECT_EQ(error_of("GET /" + std::string(20'000, 'a')).code, Code::format_invalid);
}

TEST(RequestParser, RefusesABodyAboveTheLimitBeforeItComes) {
    const Limits limits{.body_bytes_max = 100};
    EXPECT_EQ(error_of("POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\na", limits).code,
              Code::message_too_large);
    EXPECT_EQ(error_of("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n65\r\na", limits).code,
              Code::message_too_large);
    EXPECT_EQ(error_of("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" +
                           std::string(64, 'a') + "\r\n40\r\n",
                       limits)
                  .code,
              Code::message_too_large);
    EXPECT_EQ(error_of("POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n", limits), Error{});
}

TEST(RequestParser, LowersTheLimitOnceTheHeaderIsThere) {
    Parsed parsed;
    parsed.parser.begin(parsed.request, {});
    ASSERT_TRUE(parsed.parser.feed("POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\n0123456789a"));
    ASSERT_TRUE(parsed.parser.has_header());
    EXPECT_FALSE(parsed.parser.is_done()) << "the body waits for the caller's decision";
    EXPECT_EQ(parsed.parser.limit_body(10).error().code, Code::message_too_large);
    EXPECT_TRUE(parsed.parser.limit_body(11));
}

}  // namespace
}  // namespace twinhub::gateway::http
