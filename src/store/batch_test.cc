#include "store/batch.h"

#include <gtest/gtest.h>

#include <vector>

namespace twinhub::store {
namespace {

using Kind = Operation::Kind;

std::vector<std::string> lines(const Batch& batch) {
    std::vector<std::string> all;
    for (const Operation& operation : batch)
        all.push_back(std::to_string(static_cast<int>(operation.kind)) + " " +
                      std::string(name_of(operation.family)) + " " + std::string(operation.key) +
                      "=" + std::string(operation.value));
    return all;
}

TEST(Batch, GivesItsOperationsBackInOrder) {
    Batch batch;
    batch.put(Family::twins, "a", "1");
    batch.remove(Family::identities, "b");
    batch.remove_range(Family::changes, "c", "d");
    batch.put(Family::metadata, "", std::string_view("\0x", 2));
    EXPECT_EQ(lines(batch),
              (std::vector<std::string>{"0 twins a=1", "1 identities b=", "2 changes c=d",
                                        std::string("0 metadata =\0x", 14)}));
    EXPECT_EQ(batch.operations(), 4u);
}

TEST(Batch, ANewOneIsEmpty) {
    const Batch batch;
    EXPECT_TRUE(batch.empty());
    EXPECT_TRUE(batch.begin() == batch.end());
    EXPECT_EQ(batch.bytes(), 0u);
}

TEST(Batch, AnEmptyOrBackwardRangeIsNotAnOperation) {
    Batch batch;
    batch.remove_range(Family::changes, "b", "b");
    batch.remove_range(Family::changes, "b", "a");
    EXPECT_TRUE(batch.empty());
}

TEST(Batch, IsEmptyAfterItsContentMovedAway) {
    Batch batch;
    batch.put(Family::twins, "a", "1");
    const Batch taken = std::move(batch);
    EXPECT_EQ(taken.operations(), 1u);
    EXPECT_TRUE(batch.empty());  // NOLINT(bugprone-use-after-move): promised
    batch.put(Family::twins, "b", "2");
    EXPECT_EQ(lines(batch), std::vector<std::string>{"0 twins b=2"});
}

TEST(Batch, AppendsAnotherBehindItsOwn) {
    Batch first;
    first.put(Family::twins, "a", "1");
    Batch second;
    second.remove(Family::twins, "a");
    first.append(second);
    EXPECT_EQ(lines(first), (std::vector<std::string>{"0 twins a=1", "1 twins a="}));
    first.clear();
    EXPECT_TRUE(first.empty());
}

}  // namespace
}  // namespace twinhub::store
