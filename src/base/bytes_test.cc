#include "base/bytes.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace twinhub {
namespace {

RC_GTEST_PROP(Bytes, ReadBackWhatWasWritten,
              (std::uint64_t number, std::int64_t other, const std::string& text)) {
    std::string bytes;
    append_varint(bytes, number);
    append_signed(bytes, other);
    append_text(bytes, text);
    ByteReader reader(bytes);
    RC_ASSERT(reader.varint() == number);
    RC_ASSERT(reader.signed_number() == other);
    RC_ASSERT(reader.text() == text);
    RC_ASSERT(reader.finished());
}

RC_GTEST_PROP(Bytes, AnyPrefixFailsAndStaysFailed,
              (std::uint64_t number, const std::string& text)) {
    std::string bytes;
    append_text(bytes, text);
    append_varint(bytes, number);
    const auto cut = *rc::gen::inRange<std::size_t>(0, bytes.size());
    ByteReader reader(std::string_view(bytes).substr(0, cut));
    reader.text();
    reader.varint();
    RC_ASSERT(reader.failed());
    RC_ASSERT(reader.byte() == 0);
}

TEST(Bytes, ANumberOfMoreThan64BitsIsAFault) {
    ByteReader reader(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10));
    EXPECT_EQ(reader.varint(), 0u);
    EXPECT_TRUE(reader.failed());
}

}  // namespace
}  // namespace twinhub
