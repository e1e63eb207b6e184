#include "fleet/ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace twinhub::fleet {
namespace {

using ::testing::ElementsAre;

std::vector<Row> order(const Ids& ids) { return {ids.begin(), ids.end()}; }

TEST(Ids, OrderIsThatOfBytesDeviceFirst) {
    Ids ids;
    ids.add(0, {"b", ""});
    ids.add(1, {"a", "z"});
    ids.add(2, {"a", "b"});
    ids.add(3, {"B", ""});
    ids.add(4, {"a-", "a"});
    EXPECT_THAT(order(ids), ElementsAre(3, 2, 1, 4, 0));
    EXPECT_EQ(*ids.from({"a", "c"}), 1u);
    EXPECT_EQ(*ids.from({"a", "z"}), 1u);
    EXPECT_EQ(*ids.after({"a", "z"}), 4u);
    EXPECT_EQ(ids.after({"b", ""}), ids.end());
    EXPECT_EQ(ids.modules(), 3u);
}

TEST(Ids, ADeviceAndAModuleAreNotOneText) {
    Ids ids;
    ids.add(0, {"ab", "c"});
    EXPECT_EQ(ids.find({"a", "bc"}), std::nullopt);
    EXPECT_EQ(ids.find({"abc", ""}), std::nullopt);
    EXPECT_EQ(ids.find({"ab", "c"}), 0u);
}

RC_GTEST_PROP(Ids, IsAMapBothWays, ()) {
    Ids ids;
    std::map<std::pair<std::string, std::string>, Row> model;
    const int steps = *rc::gen::inRange(0, 300);
    for (int i = 0; i < steps; ++i) {
        const std::pair<std::string, std::string> name{
            std::string(*rc::gen::inRange<std::size_t>(1, 120), 'd') +
                std::to_string(*rc::gen::inRange(0, 20)),
            *rc::gen::element<std::string>("", "m", "mm")};
        const Key key{name.first, name.second};
        if (const auto known = model.find(name); known != model.end()) {
            RC_ASSERT(ids.find(key) == known->second);
            RC_ASSERT(ids.key(known->second) == key);
            if (i % 2 == 0) {
                ids.remove(known->second);
                RC_ASSERT(!ids.has(known->second));
                model.erase(known);
            }
        } else {
            RC_ASSERT(ids.find(key) == std::nullopt);
            Row row = 0;
            while (ids.has(row)) ++row;
            ids.add(row, key);
            model[name] = row;
        }
    }
    std::vector<Row> rows;
    for (const auto& [name, row] : model) rows.push_back(row);
    RC_ASSERT(order(ids) == rows);
    RC_ASSERT(ids.size() == model.size());
}

}  // namespace
}  // namespace twinhub::fleet
