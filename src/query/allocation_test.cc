// Rows are evaluated by the million: none of them may allocate.
#include "query/compile.h"
#include "query/document_row.h"
#include "query/testing/expressions.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TWINHUB_SANITIZED 1
#endif
#endif

#ifndef TWINHUB_SANITIZED  // sanitizers bring their own
namespace {
std::size_t allocations = 0;
}  // namespace

void* operator new(std::size_t size) {
    ++allocations;
    if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace twinhub::query {
namespace {

TEST(Allocation, HappensForTheFirstRowAlone) {
    const auto plan = compile(
        "SELECT * FROM devices WHERE NOT (tags.a = 'x' OR tags.n * 2 + 1 < -tags.n) AND "
        "CONCAT(LOWER(tags.a), UPPER(tags.b)) != SUBSTRING(tags.a, 1, 2) AND "
        "tags.n IN [1, 2, 5] AND ARRAY_CONTAINS(tags.list, 'y') AND "
        "lastActivityTime > '2026-01-01' AND AGE_SECONDS(lastActivityTime) < 1e12 AND NOW() > '1' "
        "AND "
        "GEO_DISTANCE(tags.at, 1, 2) < 5 AND tags.list[1] != properties.desired.$version");
    ASSERT_TRUE(plan);
    const json::object document = testing::object(R"({
        "lastActivityTime": "2026-02-03T04:05:06.789Z",
        "tags": {"a": "some text that is longer than a few bytes", "b": "ü", "n": 5,
                 "list": ["x", "y"], "at": {"lat": 1, "lon": 2}},
        "properties": {"desired": {"$version": "z"}}})");
    DocumentRow row(*plan, document);
    Evaluator evaluator(*plan, Instant{});
    ASSERT_TRUE(evaluator.passes(row));
    const std::size_t before = allocations;
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(evaluator.passes(row));
    EXPECT_EQ(allocations, before);
}

}  // namespace
}  // namespace twinhub::query
#endif
