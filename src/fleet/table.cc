#include "fleet/table.h"

#include "fleet/sources.h"
#include "fleet/staging.h"
#include "twin/drift/paths.h"

#include <algorithm>
#include <bit>

namespace twinhub::fleet {
namespace {

using query::Segment;
using query::Value;

constexpr std::uint32_t rows_max = 0xFFFF'FF00;

std::uint32_t rounded(std::uint64_t rows) {
    CHECK(rows <= rows_max);
    return static_cast<std::uint32_t>((rows + 63) / 64 * 64);
}

bool is_key(std::span<const Segment> path, std::size_t index, std::string_view key) {
    if (index >= path.size()) return false;
    const std::string* own = std::get_if<std::string>(&path[index]);
    return own != nullptr && *own == key;
}

}  // namespace

Table::Table()
    : system_(ids_, capacity_),
      tags_("tags"),
      properties_("properties"),
      configurations_("configurations") {}
Table::~Table() = default;

// The node of a path below tags, desired, reported or configurations, and the side of its column
// there.
std::pair<const PathNode*, Side> Table::node(std::span<const Segment> path) const {
    if (is_key(path, 0, "$drift") && is_key(path, 1, "at") && path.size() == 3) {
        const std::string* place = std::get_if<std::string>(&path[2]);
        if (place == nullptr) return {nullptr, Side::drift};
        const PathNode* node = &properties_;
        for (const std::string_view key : twin::drift::keys_of(*place))
            if (node != nullptr) node = node->child(key);
        return {node, Side::drift};
    }
    const PathNode* node = nullptr;
    Side side = Side::desired;
    if (is_key(path, 0, "tags")) {
        node = &tags_;
        path = path.subspan(1);
    } else if (is_key(path, 0, "configurations")) {
        node = &configurations_;
        path = path.subspan(1);
    } else if (is_key(path, 0, "properties") &&
               (is_key(path, 1, "desired") || is_key(path, 1, "reported"))) {
        node = &properties_;
        side = is_key(path, 1, "desired") ? Side::desired : Side::reported;
        path = path.subspan(2);
    }
    for (; node != nullptr && !path.empty(); path = path.subspan(1)) {
        const std::string* key = std::get_if<std::string>(&path.front());
        node = key == nullptr ? nullptr : node->child(*key);
    }
    return {node, side};
}

const Column* Table::column(std::span<const Segment> path) const {
    const auto [node, side] = this->node(path);
    return node != nullptr ? node->column(side) : system_.find(path);
}

bool Table::is_metadata(std::span<const Segment> path) {
    return is_key(path, 0, "properties") &&
           (is_key(path, 1, "desired") || is_key(path, 1, "reported")) &&
           is_key(path, 2, "$metadata");
}

void Table::for_each_child(std::span<const Segment> path, const SystemColumns::Visit& visit) const {
    if (const auto [node, side] = this->node(path); node != nullptr)
        for (const auto& child : node->children())
            if (const Column* column = child->column(side)) visit(child->name(), *column);
    system_.for_each_child(path, visit);
    const auto visit_root = [&](const PathNode& root, Side side, std::string_view name) {
        if (const Column* column = root.column(side)) visit(name, *column);
    };
    if (path.empty()) {
        visit_root(tags_, Side::desired, "tags");
        visit_root(configurations_, Side::desired, "configurations");
    }
    if (path.size() == 1 && is_key(path, 0, "properties")) {
        visit_root(properties_, Side::desired, "desired");
        visit_root(properties_, Side::reported, "reported");
    }
}

void Table::watch(Observer& observer) { observers_.push_back(&observer); }
void Table::unwatch(Observer& observer) { std::erase(observers_, &observer); }

void Table::announce(Row row) {
    for (Observer* observer : observers_) observer->before_change(row);
    ++revision_;
}

Row Table::put(const twin::IdentityFacts& facts, const twin::Twin& twin, const twin::Twin* was) {
    const Key key{facts.device_id, facts.module_id};
    if (const auto known = ids_.find(key)) {
        announce(*known);
        if (was != nullptr) {
            replace(*known, *was, twin);
        } else {
            leave_all(*known);
            enter(*known, twin);
        }
        system_.set_facts(*known, facts);
        leave_all(configurations_, Side::desired, *known);
        if (facts.configurations != nullptr) enter_configurations(*known, *facts.configurations);
        return *known;
    }
    const Row row = add_row(key);
    system_.set_facts(row, facts);
    enter(row, twin);
    if (facts.configurations != nullptr) enter_configurations(row, *facts.configurations);
    return row;
}

Row Table::add_row(const Key& key) {
    const Row row = next_row();
    announce(row);
    row_count_ = std::max(row_count_, row + 1);
    live_[row / 64] |= std::uint64_t{1} << (row % 64);
    ids_.add(row, key);
    return row;
}

void Table::change(Row row, const twin::Twin& was, const twin::Twin& is) {
    CHECK(is_live(row));
    announce(row);
    replace(row, was, is);
}

void Table::set_facts(Row row, const twin::IdentityFacts& facts) {
    CHECK(is_live(row));
    announce(row);
    system_.set_facts(row, facts);
}

void Table::set_presence(Row row, bool connected, Instant last_activity) {
    CHECK(is_live(row));
    announce(row);
    system_.set_presence(row, connected, last_activity);
}

void Table::set_message_count(Row row, std::uint64_t messages) {
    CHECK(is_live(row));
    announce(row);
    system_.set_message_count(row, messages);
}

void Table::set_drift(Row row, const DriftRow& drift) {
    CHECK(is_live(row));
    announce(row);
    system_.set_drift(row, drift.facts);
    set_cells(row, drift.cells);
}

void Table::set_overlay(Row row, const DriftOverlay& overlay, std::span<const DriftCell> cells) {
    CHECK(is_live(row));
    announce(row);
    system_.set_overlay(row, overlay);
    set_cells(row, cells);
}

void Table::set_drift_cells(Row row, std::span<const DriftCell> cells) {
    CHECK(is_live(row));
    announce(row);
    set_cells(row, cells);
}

// A place may have become another kind of one: what is taken away goes first.
void Table::set_cells(Row row, std::span<const DriftCell> cells) {
    for (const bool taken : {true, false})
        for (const DriftCell& cell : cells)
            if (cell.state.has_value() != taken)
                set_cell(properties_, twin::drift::keys_of(cell.path), row, cell.state);
}

void Table::set_cell(PathNode& node, std::span<const std::string_view> keys, Row row,
                     std::optional<twin::drift::State> state) {
    if (keys.empty()) {
        if (state) set(node, Side::drift, row, Value::string(name_of(*state)));
        else if (node.column(Side::drift) != nullptr) set(node, Side::drift, row, Value());
        return;
    }
    PathNode* child = state ? &node.make_child(keys.front()) : node.child(keys.front());
    if (child == nullptr) return;
    set_cell(*child, keys.subspan(1), row, state);
    node.settle_child(keys.front());
}

void Table::set_connection(Row row, const ConnectionFacts& connection) {
    CHECK(is_live(row));
    if (system_.shows_connection(row, connection)) return;
    announce(row);
    system_.set_connection(row, connection);
}

void Table::set_configurations(Row row, const twin::Object* configurations) {
    CHECK(is_live(row));
    announce(row);
    leave_all(configurations_, Side::desired, row);
    if (configurations != nullptr) enter_configurations(row, *configurations);
}

std::shared_ptr<const twin::Object> Table::configurations(Row row) const {
    const Column* column = configurations_.column(Side::desired);
    if (column == nullptr || !column->has(row)) return nullptr;
    std::vector<twin::Member> members;
    Scratch scratch;
    for (const auto& each : configurations_.children()) {
        const PathNode* status = each->child("status");
        const Column* words = status != nullptr ? status->column(Side::desired) : nullptr;
        if (words == nullptr || !words->has(row)) continue;
        const std::string_view word = words->value(row, scratch).string();
        std::vector<twin::Member> status_alone{
            {"status", twin::Node(json::value(json::string(word)), {})}};
        members.push_back({std::string(each->name()),
                           twin::Node(twin::make_object(std::move(status_alone)), {})});
    }
    return twin::make_object(std::move(members));
}

json::object Table::pseudo(Row row) const {
    json::object members;
    system_.add_pseudo(row, members);
    json::object at;
    std::string path;
    add_cells(properties_, row, path, 0, at);
    if (json::value* drift = members.if_contains("$drift"))
        drift->get_object()["at"] = std::move(at);
    return members;
}

void Table::add_cells(const PathNode& node, Row row, std::string& path, std::size_t depth,
                      json::object& at) const {
    if (const Column* column = node.column(Side::drift); column != nullptr && depth > 0) {
        Scratch scratch;
        const Value value = column->value(row, scratch);
        if (value.is(query::Type::string)) at[path] = value.string();
    }
    const std::size_t length = path.size();
    for (const auto& child : node.children()) {
        twin::drift::append_key(path, depth, child->name());
        add_cells(*child, row, path, depth + 1, at);
        path.resize(length);
    }
}

void Table::remove(Row row, const twin::Twin* was) {
    CHECK(is_live(row));
    announce(row);
    if (was != nullptr) {
        leave(tags_, Side::desired, row, was->tags);
        leave(properties_, Side::desired, row, was->desired);
        leave(properties_, Side::reported, row, was->reported);
    } else {
        leave_all(row);
    }
    leave_all(configurations_, Side::desired, row);
    system_.clear(row);
    ids_.remove(row);
    live_[row / 64] &= ~(std::uint64_t{1} << (row % 64));
    first_gap_ = std::min(first_gap_, row / 64);
    while (row_count_ > 0 && !is_live(row_count_ - 1)) --row_count_;
    if (row_count_ < capacity_ / 4 && capacity_ > 64) set_capacity(rounded(row_count_ * 2));
}

// The lowest one that is free, so that a table stays dense.
Row Table::next_row() {
    while (first_gap_ < live_.size() && ~live_[first_gap_] == 0) ++first_gap_;
    if (first_gap_ == live_.size()) {
        std::uint64_t capacity = std::uint64_t{capacity_} + std::max(capacity_ / 4, 64u);
        if (capacity_ < expected_)
            capacity = std::max(capacity, std::min<std::uint64_t>(capacity_ * 2ul, expected_));
        set_capacity(rounded(capacity));
    }
    return first_gap_ * 64 + static_cast<Row>(std::countr_one(live_[first_gap_]));
}

void Table::begin_load(std::uint32_t rows) {
    expected_ = rows;
    ids_.reserve(rows);
    ids_.defer_order();
    staging_ = std::make_unique<Staging>(tags_, properties_, configurations_);
}

void Table::load(const twin::IdentityFacts& facts, const twin::Twin& twin,
                 const ConnectionFacts& connection, const DriftRow* drift) {
    load_from(facts, TreeSource(twin), connection, drift);
}

void Table::load(const twin::IdentityFacts& facts, const twin::FlatTwin& twin,
                 const ConnectionFacts& connection, const DriftRow* drift) {
    load_from(facts, FlatSource(twin), connection, drift);
}

template <class Source>
void Table::load_from(const twin::IdentityFacts& facts, const Source& source,
                      const ConnectionFacts& connection, const DriftRow* drift) {
    const Row row = add_row({facts.device_id, facts.module_id});
    system_.stage(row, facts, source.twin().model_id, *staging_);
    system_.set_versions(row, source.twin().versions);
    fleet::enter(StagedTarget(*staging_, staging_->tags(), Side::desired, row),
                 StagedTarget(*staging_, staging_->properties(), Side::desired, row),
                 StagedTarget(*staging_, staging_->properties(), Side::reported, row), source);
    system_.stage_connection(row, connection, *staging_);
    if (facts.configurations != nullptr)
        fleet::enter(StagedTarget(*staging_, staging_->configurations(), Side::desired, row),
                     ObjectNode(*facts.configurations));
    if (drift != nullptr) {
        system_.stage_drift(row, drift->facts, *staging_);
        for (const DriftCell& cell : drift->cells) {
            StagedNode* node = &staging_->properties();
            for (const std::string_view key : twin::drift::keys_of(cell.path)) {
                std::size_t from = 0;
                node = &staging_->child(*node, from, key);
            }
            if (cell.state)
                staging_->add(node->cells[static_cast<std::size_t>(Side::drift)], row,
                              Value::string(name_of(*cell.state)));
        }
    }
    if (staging_->row_added()) load_staged();
}

void Table::load_staged() {
    system_.load(*staging_);
    load_staged(staging_->tags());
    load_staged(staging_->properties());
    load_staged(staging_->configurations());
    staging_->gone();
}

void Table::load_staged(StagedNode& staged) {
    for (const Side side : sides) {
        auto& cells = staged.cells[static_cast<std::size_t>(side)];
        if (cells.empty()) continue;
        staged.path->make_column(side, capacity_).load(cells);
        cells.clear();
    }
    for (const auto& child : staged.children) {
        if (child->path == nullptr) child->path = &staged.path->make_child(child->name);
        load_staged(*child);
    }
}

void Table::end_load() {
    load_staged();
    staging_.reset();
    expected_ = 0;
    ids_.restore_order();
}

void Table::set_capacity(std::uint32_t capacity) {
    capacity_ = capacity;
    live_.resize(capacity / 64, 0);
    live_.shrink_to_fit();
    ids_.trim(capacity);
    system_.resize();
    tags_.resize();
    properties_.resize();
    configurations_.resize();
}

// A row at a path.
class Table::RowTarget {
public:
    RowTarget(Table& table, PathNode& node, Side side, Row row)
        : table_(table), node_(node), side_(side), row_(row) {}

    void set(const Value& value) { table_.set(node_, side_, row_, value); }

    class Members;
    Members members() const;

private:
    Table& table_;
    PathNode& node_;
    Side side_;
    Row row_;
};

class Table::RowTarget::Members {
public:
    explicit Members(const RowTarget& of) : of_(of), finger_(of.node_) {}
    RowTarget next(std::string_view key) {
        return {of_.table_, finger_.find_or_make(key), of_.side_, of_.row_};
    }

private:
    RowTarget of_;
    PathNode::Finger finger_;
};

Table::RowTarget::Members Table::RowTarget::members() const { return Members(*this); }

void Table::enter(Row row, const twin::Twin& twin) {
    fleet::enter(RowTarget(*this, tags_, Side::desired, row),
                 RowTarget(*this, properties_, Side::desired, row),
                 RowTarget(*this, properties_, Side::reported, row), TreeSource(twin));
    system_.set_versions(row, twin.versions);
    system_.set_model(row, twin.model_id);
}

void Table::enter_configurations(Row row, const twin::Object& configurations) {
    fleet::enter(RowTarget(*this, configurations_, Side::desired, row), ObjectNode(configurations));
}

void Table::enter(PathNode& node, Side side, Row row, const twin::Node& value) {
    fleet::enter(RowTarget(*this, node, side, row), TreeNode(value));
}

void Table::replace(Row row, const twin::Twin& was, const twin::Twin& is) {
    const auto differ_part = [&](PathNode& root, Side side, const twin::Node& a,
                                 const twin::Node& b) {
        if (&a.object() != &b.object()) differ(root, side, row, a, b);
    };
    differ_part(tags_, Side::desired, was.tags, is.tags);
    differ_part(properties_, Side::desired, was.desired, is.desired);
    differ_part(properties_, Side::reported, was.reported, is.reported);
    const bool tagged = !is.tags.object().members.empty();
    if (tagged == was.tags.object().members.empty())
        set(tags_, Side::desired, row, tagged ? Value::object_mark() : Value());
    system_.set_versions(row, was.versions, is.versions);
    if (was.model_id != is.model_id) system_.set_model(row, is.model_id);
}

// The members of two objects, side by side.
void Table::differ(PathNode& node, Side side, Row row, const twin::Node& was,
                   const twin::Node& is) {
    const auto& before = was.object().members;
    const auto& after = is.object().members;
    for (std::size_t i = 0, k = 0; i < before.size() || k < after.size();) {
        const int order = i == before.size()  ? 1
                          : k == after.size() ? -1
                                              : before[i].key.compare(after[k].key);
        if (order < 0) {
            leave_child(node, side, row, before[i++]);
        } else if (order > 0) {
            enter(node.make_child(after[k].key), side, row, after[k].node);
            ++k;
        } else {
            differ_child(node, side, row, before[i++], after[k++]);
        }
    }
}

void Table::differ_child(PathNode& node, Side side, Row row, const twin::Member& was,
                         const twin::Member& is) {
    const bool before = was.node.is_object();
    const bool after = is.node.is_object();
    if (before && after) {
        if (&was.node.object() != &is.node.object())
            differ(node.make_child(is.key), side, row, was.node, is.node);
    } else if (!before && !after) {
        if (was.node.leaf() != is.node.leaf())
            set(node.make_child(is.key), side, row, TreeNode(is.node).value());
    } else {
        leave_child(node, side, row, was);
        enter(node.make_child(is.key), side, row, is.node);
    }
}

void Table::set(PathNode& node, Side side, Row row, const Value& value) {
    if (node.make_column(side, capacity_).set(row, value)) node.settle(side);
}

void Table::leave(PathNode& node, Side side, Row row, const twin::Node& value) {
    if (value.is_object())
        for (const twin::Member& member : value.object().members)
            leave_child(node, side, row, member);
    if (node.column(side) != nullptr) set(node, side, row, Value());
}

void Table::leave_child(PathNode& node, Side side, Row row, const twin::Member& member) {
    PathNode* child = node.child(member.key);
    CHECK(child != nullptr);  // `was` is what the row had
    leave(*child, side, row, member.node);
    node.settle_child(member.key);
}

void Table::leave_all(Row row) {
    leave_all(tags_, Side::desired, row);
    leave_all(properties_, Side::desired, row);
    leave_all(properties_, Side::reported, row);
}

void Table::leave_all(PathNode& node, Side side, Row row) {
    const Column* column = node.column(side);
    if (column == nullptr || !column->has(row)) return;
    Scratch scratch;
    if (column->value(row, scratch).is(query::Type::object)) {
        for (const auto& child : node.children()) leave_all(*child, side, row);
        node.settle_children();
    }
    set(node, side, row, Value());
}

Memory Table::memory() const {
    PathNode::Bytes bytes;
    tags_.add_bytes(bytes);
    properties_.add_bytes(bytes);
    configurations_.add_bytes(bytes);
    return {.columns = bytes.columns + system_.column_bytes(),
            .dictionaries = bytes.dictionaries + system_.dictionary_bytes(),
            .paths = bytes.nodes,
            .ids = ids_.bytes() + live_.capacity() * sizeof live_[0]};
}

}  // namespace twinhub::fleet
