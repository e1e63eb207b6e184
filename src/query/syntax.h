#pragma once

#include "query/functions.h"
#include "query/plan.h"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

// What the parser makes of a text: its shape, with names and types unchecked.
namespace twinhub::query {

struct SyntaxPath {
    std::vector<Segment> segments;
    std::uint32_t offset = 0;
};

// A node of an expression. AND and OR hold all operands of a chain.
struct SyntaxNode {
    Op op = Op::constant;
    bool undefined = false;  // the constant `undefined`
    bool list = false;       // an array of constants: `operands`
    json::value constant;
    SyntaxPath path;
    const FunctionInfo* function = nullptr;
    std::vector<SyntaxNode> operands;
    std::uint32_t offset = 0;
    int height = 1;  // of the tree below and including this node

    bool is_constant() const { return op == Op::constant && !list; }
};

struct SyntaxItem {
    Aggregate aggregate = Aggregate::none;
    std::optional<SyntaxPath> path;  // none for count
    std::optional<std::string> alias;
    std::uint32_t offset = 0;
};

struct SyntaxSort {
    SyntaxPath path;
    bool descending = false;
};

struct SyntaxQuery {
    Explain explain = Explain::no;
    std::optional<std::uint64_t> top;
    std::uint32_t top_offset = 0;
    bool star = false;
    std::uint32_t select_offset = 0;  // of the select list
    std::vector<SyntaxItem> items;
    Collection collection = Collection::devices;
    std::optional<AsOf> as_of;
    std::optional<SyntaxNode> where;
    std::vector<SyntaxPath> group_by;
    std::uint32_t group_offset = 0;
    std::vector<SyntaxSort> order_by;
    std::optional<std::uint64_t> limit;
    std::uint64_t offset = 0;
};

}  // namespace twinhub::query
