#include "gateway/outgoing/url.h"

#include <gmock/gmock.h>

namespace twinhub::gateway {
namespace {

TEST(Url, IsTakenApart) {
    EXPECT_EQ(parse_https_url("https://Example.com").value(),
              (Url{.host = "example.com", .port = 443, .target = "/"}));
    EXPECT_EQ(parse_https_url("HTTPS://example.com:8443/a/b?c=d#e").value(),
              (Url{.host = "example.com", .port = 8443, .target = "/a/b?c=d"}));
    EXPECT_EQ(parse_https_url("https://example.com?code=1").value().target, "/?code=1");
    EXPECT_EQ(parse_https_url("https://[::1]:9/").value(),
              (Url{.host = "::1", .port = 9, .target = "/"}));
}

TEST(Url, NamesItsAuthorityAndHidesItsQuery) {
    const Url url = parse_https_url("https://[2001:db8::1]:9/hook?code=secret").value();
    EXPECT_EQ(url.authority(), "[2001:db8::1]:9");
    EXPECT_EQ(url.shown(), "https://[2001:db8::1]:9/hook");
    EXPECT_EQ(parse_https_url("https://h/").value().authority(), "h");
}

TEST(Url, IsRefusedWhenItIsNotOneOfHttps) {
    for (const char* text :
         {"", "http://h/", "https:/h", "https://", "https:///path", "https://h:0/",
          "https://h:65536/", "https://h:/", "https://h:8x/", "https://[::1/", "https://[]/",
          "https://[::1]x/", "https://user:geheim@h/", "https://h/a b", "https://h/a\r\nX: y",
          "https://h\x80/", "https://h!/"}) {
        const auto url = parse_https_url(text);
        ASSERT_FALSE(url.has_value()) << text;
        EXPECT_EQ(url.error().code, Code::argument_invalid) << text;
        EXPECT_THAT(url.error().message, ::testing::Not(::testing::HasSubstr("geheim")));
    }
}

}  // namespace
}  // namespace twinhub::gateway
