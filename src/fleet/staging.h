#pragma once

#include "fleet/dictionary.h"
#include "fleet/path_node.h"
#include "fleet/staged_cell.h"
#include "fleet/system_columns.h"

#include <array>
#include <memory>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::fleet {

// A path with the cells that wait for its columns. Children are in the order of their names.
struct StagedNode {
    std::string name;
    PathNode* path = nullptr;  // once it is known
    std::vector<std::unique_ptr<StagedNode>> children;
    std::array<std::vector<StagedCell>, sides.size()> cells;  // by side

    explicit StagedNode(std::string_view its_name) : name(its_name) {}
};

// Some hundred new rows on their way into a table: their cells, sorted by column. A column that is
// given all of them at once keeps its dictionary in the cache, and the searches there do not wait
// for each other's memory.
class Staging {
public:
    static constexpr std::size_t rows_max = 128;

    Staging(PathNode& tags, PathNode& properties, PathNode& configurations);

    StagedNode& tags() { return tags_; }
    StagedNode& properties() { return properties_; }
    StagedNode& configurations() { return configurations_; }
    std::vector<StagedCell>& cells(Field field) { return fields_[static_cast<std::size_t>(field)]; }

    // `value` must not be undefined.
    void add(std::vector<StagedCell>& cells, Row row, const query::Value& value);
    // The next child by names that rise; `at` begins with 0.
    StagedNode& child(StagedNode& node, std::size_t& at, std::string_view name);

    bool row_added() { return ++rows_ == rows_max; }  // whether it is time to go
    void gone();                                      // all cells are in their columns

private:
    // Paths that are remembered from one batch to the next; a fleet may have any number of them.
    static constexpr std::size_t paths_max = 10'000;

    StagedNode tags_;
    StagedNode properties_;
    StagedNode configurations_;
    std::array<std::vector<StagedCell>, field_count> fields_;
    std::size_t rows_ = 0;
    std::size_t paths_ = 0;
    std::vector<char> first_texts_;
    std::pmr::monotonic_buffer_resource texts_;
    std::string canonical_;
};

// A new row at a path, for sources.h.
class StagedTarget {
public:
    StagedTarget(Staging& staging, StagedNode& node, Side side, Row row)
        : staging_(&staging), node_(&node), side_(side), row_(row) {}

    void set(const query::Value& value) {
        staging_->add(node_->cells[static_cast<std::size_t>(side_)], row_, value);
    }

    class Members;
    Members members() const;

private:
    Staging* staging_;
    StagedNode* node_;
    Side side_;
    Row row_;
};

class StagedTarget::Members {
public:
    explicit Members(const StagedTarget& of) : of_(of) {}
    StagedTarget next(std::string_view key) {
        return {*of_.staging_, of_.staging_->child(*of_.node_, at_, key), of_.side_, of_.row_};
    }

private:
    StagedTarget of_;
    std::size_t at_ = 0;
};

inline StagedTarget::Members StagedTarget::members() const { return Members(*this); }

}  // namespace twinhub::fleet
