#pragma once

#include "fleet/column.h"

#include <absl/container/btree_set.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace twinhub::fleet {

// The columns at one path. Desired and reported have one tree of paths together, so that both
// columns of a path share a dictionary; tags have one of their own. How what is desired stands is
// beside it (DriftCell).
enum class Side : std::uint8_t { desired, reported, drift };  // of tags: desired
inline constexpr std::array sides{Side::desired, Side::reported, Side::drift};

// A node is there as long as some row has something at its path or below.
class PathNode {
    struct ByName {
        using is_transparent = void;
        using Pointer = std::unique_ptr<PathNode>;
        bool operator()(const Pointer& a, const Pointer& b) const { return a->name_ < b->name_; }
        bool operator()(const Pointer& a, std::string_view b) const { return a->name_ < b; }
        bool operator()(std::string_view a, const Pointer& b) const { return a < b->name_; }
    };

public:
    using Children = absl::btree_set<std::unique_ptr<PathNode>, ByName>;

    explicit PathNode(std::string_view name) : name_(name) {}

    std::string_view name() const { return name_; }
    const Children& children() const { return children_; }  // in the order of their names
    const PathNode* child(std::string_view name) const;
    const Column* column(Side side) const { return columns_[index(side)].get(); }

    // Walks the children by names that rise.
    class Finger {
    public:
        explicit Finger(PathNode& node) : node_(&node), at_(node.children_.begin()) {}
        PathNode& find_or_make(std::string_view name);

    private:
        PathNode* node_;
        Children::iterator at_;
        bool stands_ = false;  // on the child that was found last
    };

    PathNode* child(std::string_view name);
    PathNode& make_child(std::string_view name) { return Finger(*this).find_or_make(name); }
    Column& make_column(Side side, const std::uint32_t& capacity);
    Column* column(Side side) { return columns_[index(side)].get(); }
    // After a change of the column: gives up what is empty, narrows what has shrunk.
    void settle(Side side);
    // Takes out the child, or all those, of which nothing is left.
    void settle_child(std::string_view name);
    void settle_children();
    void resize();  // this column and all below: the table's capacity has changed

    struct Bytes {
        std::size_t columns = 0;
        std::size_t dictionaries = 0;
        std::size_t nodes = 0;
    };
    void add_bytes(Bytes& bytes) const;

private:
    static std::size_t index(Side side) { return static_cast<std::size_t>(side); }
    bool has_columns() const { return columns_[0] || columns_[1] || columns_[2]; }
    bool empty() const { return !has_columns() && children_.empty(); }

    std::string name_;
    Children children_;
    std::unique_ptr<Dictionary> dictionary_;
    std::array<std::unique_ptr<Column>, sides.size()> columns_;
};

}  // namespace twinhub::fleet
