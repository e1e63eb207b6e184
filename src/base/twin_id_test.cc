#include "base/twin_id.h"

#include <gtest/gtest.h>

namespace twinhub {
namespace {

TEST(TwinIdText, IsReadAsItIsWritten) {
    for (const char* text : {"d", "d/m", "d%2F1", "a?b=c/$edgeHub", "a;b"}) {
        const auto id = parse_twin_id(text);
        ASSERT_TRUE(id) << text;
        EXPECT_EQ(id->text(), text);
    }
    EXPECT_EQ(parse_twin_id("d/m")->module.text(), "m");
    EXPECT_FALSE(parse_twin_id("d")->is_module());
}

TEST(TwinIdText, NamesOneDeviceAndAtMostOneModule) {
    for (const char* text : {"", "/", "/m", "d/", "d/m/x", "d d", "d/m m"}) {
        const auto id = parse_twin_id(text);
        ASSERT_FALSE(id) << text;
        EXPECT_EQ(id.error().code, Code::argument_invalid) << text;
    }
}

}  // namespace
}  // namespace twinhub
