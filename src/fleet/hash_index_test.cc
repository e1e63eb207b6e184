#include "fleet/hash_index.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

namespace twinhub::fleet {
namespace {

std::uint32_t number_of(const HashIndex& index, std::uint32_t hash, std::uint32_t number) {
    return index.find(hash, [&](std::uint32_t found) { return found == number; }).value_or(0);
}

// Few hashes, also those at both ends, so that many numbers want the same place.
std::uint32_t any_hash() {
    switch (*rc::gen::inRange(0, 4)) {
        case 0: return *rc::gen::inRange<std::uint32_t>(0, 4);
        case 1: return 0xFFFF'FFFF - *rc::gen::inRange<std::uint32_t>(0, 4);
        case 2: return *rc::gen::inRange<std::uint32_t>(0, 40) << 26;
        default: return *rc::gen::arbitrary<std::uint32_t>();
    }
}

RC_GTEST_PROP(HashIndex, FindsWhatIsThereAndNothingElse, ()) {
    HashIndex index;
    std::map<std::uint32_t, std::uint32_t> hashes;  // by number
    if (*rc::gen::arbitrary<bool>()) index.reserve(*rc::gen::inRange<std::uint32_t>(0, 300));
    const int steps = *rc::gen::inRange(1, 400);
    for (int i = 0; i < steps; ++i) {
        const auto number = *rc::gen::inRange<std::uint32_t>(1, 200);
        const auto known = hashes.find(number);
        if (known == hashes.end()) {
            hashes[number] = any_hash();
            index.insert(hashes[number], number);
        } else {
            index.erase(known->second, number);
            RC_ASSERT(number_of(index, known->second, number) == 0u);
            hashes.erase(known);
        }
        RC_ASSERT(index.size() == hashes.size());
    }
    for (const auto& [number, hash] : hashes) RC_ASSERT(number_of(index, hash, number) == number);
    const std::uint32_t other = any_hash();
    std::set<std::uint32_t> seen;
    index.find(other, [&](std::uint32_t number) {
        RC_ASSERT(hashes.at(number) == other);
        seen.insert(number);
        return false;
    });
    RC_ASSERT(std::ranges::count(hashes, other, [](const auto& entry) { return entry.second; }) ==
              static_cast<std::ptrdiff_t>(seen.size()));
}

TEST(HashIndex, TakesTwelveBytesANumberAndGivesThemBack) {
    HashIndex index;
    std::uint64_t state = 0;
    std::vector<std::uint32_t> hashes;
    for (std::uint32_t number = 0; number < 100'000; ++number) {
        state = state * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
        hashes.push_back(static_cast<std::uint32_t>(state >> 32));
        index.insert(hashes.back(), number);
        if (number % 1000 == 999) EXPECT_LE(index.bytes(), (number + 1) * 13u + 600);
    }
    for (std::uint32_t number = 0; number < 100'000; ++number)
        ASSERT_EQ(index.find(hashes[number], [&](std::uint32_t n) { return n == number; }), number);
    for (std::uint32_t number = 0; number < 100'000; ++number) index.erase(hashes[number], number);
    EXPECT_EQ(index.size(), 0u);
    EXPECT_LT(index.bytes(), 600u);
}

// No hash is worse than all the same.
TEST(HashIndex, StandsANumberOfEqualHashes) {
    for (const std::uint32_t hash : {0u, 0x8000'0000u, 0xFFFF'FFFFu}) {
        HashIndex index;
        for (std::uint32_t number = 1; number <= 500; ++number) index.insert(hash, number);
        for (std::uint32_t number = 1; number <= 500; ++number)
            EXPECT_EQ(number_of(index, hash, number), number);
        for (std::uint32_t number = 1; number <= 500; number += 2) index.erase(hash, number);
        for (std::uint32_t number = 1; number <= 500; ++number)
            EXPECT_EQ(number_of(index, hash, number), number % 2 == 0 ? number : 0);
    }
}

}  // namespace
}  // namespace twinhub::fleet
