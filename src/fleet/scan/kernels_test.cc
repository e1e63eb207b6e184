#include "fleet/scan/kernels.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace twinhub::fleet {
namespace {

std::size_t any_size() {
    return *rc::gen::element<std::size_t>(0, 1, 63, 64, 65, 128, 4032, 4095, 4096);
}

// Few values, so that equal ones meet; also the greatest of their width.
template <class Code>
std::vector<Code> any_codes(std::size_t size) {
    const auto seed = *rc::gen::arbitrary<std::uint32_t>();
    std::vector<Code> codes(size);
    for (std::size_t i = 0; i < size; ++i) {
        const std::uint32_t mixed = (seed + static_cast<std::uint32_t>(i) * 2654435761u) >> 16;
        codes[i] = mixed % 9 == 0 ? std::numeric_limits<Code>::max() : static_cast<Code>(mixed % 5);
    }
    return codes;
}

template <class Test>
Bits expected(std::size_t size, Test test) {
    Bits bits;
    for (std::size_t i = 0; i < size; ++i)
        if (test(i)) bits.set(i);
    return bits;
}

Bits dirty() { return Bits::full(); }  // what was there before must not show

template <class Code>
void check_codes() {
    const std::size_t size = any_size();
    const std::vector<Code> codes = any_codes<Code>(size);
    Bits found = dirty();
    for (const std::vector<Code>& wanted :
         {std::vector<Code>{}, {Code{3}}, {Code{0}, std::numeric_limits<Code>::max()}}) {
        match_codes(codes.data(), size, wanted, found);
        RC_ASSERT(found == expected(size, [&](std::size_t i) {
                      return std::ranges::count(wanted, codes[i]) > 0;
                  }));
    }
    std::vector<Code> small = codes;
    for (Code& code : small) code = static_cast<Code>(code % 6);
    const std::vector<std::uint8_t> table{1, 2, 4, 6, 0, 0x80};
    for (const std::uint8_t mask : {std::uint8_t{2}, std::uint8_t{0x80}, std::uint8_t{5}}) {
        found = dirty();
        look_up_codes(small.data(), size, table.data(), mask, found);
        RC_ASSERT(found == expected(size, [&](std::size_t i) { return table[small[i]] & mask; }));
    }
    std::vector<std::uint32_t> counts(256, 7);
    count_codes(small.data(), size, counts.data());
    for (std::size_t code = 0; code < counts.size(); ++code)
        RC_ASSERT(counts[code] ==
                  7 + static_cast<std::uint32_t>(std::ranges::count(small, Code(code))));
}

template <class Wide, class Narrow>
void check_pair() {
    const std::size_t size = any_size();
    const std::vector<Wide> a = any_codes<Wide>(size);
    const std::vector<Narrow> b = any_codes<Narrow>(size);
    Bits found = dirty();
    different_codes(a.data(), b.data(), size, found);
    RC_ASSERT(found == expected(size, [&](std::size_t i) { return a[i] != b[i]; }));
}

RC_GTEST_PROP(Kernels, LookAtCodesOfEightBits, ()) { check_codes<std::uint8_t>(); }
RC_GTEST_PROP(Kernels, LookAtCodesOfSixteenBits, ()) { check_codes<std::uint16_t>(); }
RC_GTEST_PROP(Kernels, LookAtCodesOfThirtyTwoBits, ()) { check_codes<std::uint32_t>(); }

RC_GTEST_PROP(Kernels, CompareTwoColumnsOfCodes, ()) {
    check_pair<std::uint8_t, std::uint8_t>();
    check_pair<std::uint16_t, std::uint16_t>();
    check_pair<std::uint32_t, std::uint32_t>();
    check_pair<std::uint16_t, std::uint8_t>();
    check_pair<std::uint32_t, std::uint8_t>();
    check_pair<std::uint32_t, std::uint16_t>();
}

RC_GTEST_PROP(Kernels, CompareNumbersAndPassOverAllElse, ()) {
    const std::size_t size = any_size();
    const auto seed = *rc::gen::arbitrary<std::uint32_t>();
    std::vector<Word> words(size);
    for (std::size_t i = 0; i < size; ++i) {
        const auto mixed = (seed + static_cast<std::uint32_t>(i) * 2654435761u) >> 24;
        if (mixed % 4 == 0) words[i] = Word::of_code(mixed % 3);
        else words[i] = Word::of_number(static_cast<double>(mixed % 8) - 4);
    }
    const double limit = *rc::gen::element(-4.0, -1.0, 0.0, 2.5, 3.0, 1e300);
    const auto check = [&](Order order, auto holds) {
        Bits found = dirty();
        compare_numbers(words.data(), size, order, limit, found);
        RC_ASSERT(found == expected(size, [&](std::size_t i) {
                      return words[i].is_number() && holds(words[i].number());
                  }));
    };
    check(Order::less, [&](double n) { return n < limit; });
    check(Order::less_equal, [&](double n) { return n <= limit; });
    check(Order::equal, [&](double n) { return n == limit; });
    check(Order::different, [&](double n) { return n != limit; });
    check(Order::greater_equal, [&](double n) { return n >= limit; });
    check(Order::greater, [&](double n) { return n > limit; });
    Bits found = dirty();
    not_numbers(words.data(), size, found);
    RC_ASSERT(found == expected(size, [&](std::size_t i) { return !words[i].is_number(); }));
}

RC_GTEST_PROP(Kernels, FindWhatIsBetween, ()) {
    const std::size_t size = any_size();
    std::vector<std::int64_t> cells(size);
    for (std::size_t i = 0; i < size; ++i)
        cells[i] = i % 7 == 0 ? std::numeric_limits<std::int64_t>::min()
                              : static_cast<std::int64_t>(i % 11) - 5;
    const std::int64_t from =
        *rc::gen::element<std::int64_t>(std::numeric_limits<std::int64_t>::min(), -3, 0, 2);
    const std::int64_t to =
        *rc::gen::element<std::int64_t>(std::numeric_limits<std::int64_t>::min(), -3, 0, 4,
                                        std::numeric_limits<std::int64_t>::max());
    Bits found = dirty();
    between(cells.data(), size, from, to, found);
    RC_ASSERT(found ==
              expected(size, [&](std::size_t i) { return cells[i] >= from && cells[i] <= to; }));
}

TEST(Bits, CountsVisitsAndFilters) {
    Bits bits;
    for (const std::size_t i : std::vector<std::size_t>{0, 63, 64, 4095}) bits.set(i);
    EXPECT_EQ(bits.count(), 4u);
    std::vector<std::size_t> seen;
    bits.each([&](std::size_t i) { seen.push_back(i); });
    EXPECT_EQ(seen, (std::vector<std::size_t>{0, 63, 64, 4095}));
    bits.filter([](std::size_t i) { return i % 2 == 0; });
    EXPECT_TRUE(bits.test(0) && bits.test(64) && !bits.test(63) && !bits.test(4095));
    bits.reset(0);
    bits.reset(64);
    EXPECT_TRUE(bits.none());
    EXPECT_FALSE(Bits::full().none());
}

}  // namespace
}  // namespace twinhub::fleet
