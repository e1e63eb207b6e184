#include "hub/configurations/target.h"

#include "query/evaluate.h"
#include "query/narrow.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

using query::Segment;
using query::Value;

bool is_key(const query::Path& path, std::size_t index, std::string_view key) {
    if (index >= path.segments.size()) return false;
    const auto* own = std::get_if<std::string>(&path.segments[index]);
    return own != nullptr && *own == key;
}

std::unexpected<Error> invalid(std::string message) {
    return failure(Code::configuration_target_invalid, std::move(message), "targetCondition");
}

// What a condition may read of a twin and of time.
Result<> check_reads(const query::Plan& plan) {
    for (const query::Path& path : plan.paths) {
        const bool allowed = (path.segments.size() == 1 &&
                              (is_key(path, 0, "deviceId") || is_key(path, 0, "moduleId"))) ||
                             is_key(path, 0, "tags") ||
                             (is_key(path, 0, "properties") && is_key(path, 1, "reported"));
        if (!allowed)
            return invalid(
                "A target condition reads deviceId, moduleId, tags and reported properties");
        for (const Segment& segment : path.segments)
            if (const auto* key = std::get_if<std::string>(&segment); key && key->starts_with('$'))
                return invalid("A target condition cannot read metadata and versions");
    }
    for (const query::Expr& expr : plan.exprs)
        if (expr.op == query::Op::call && (expr.function == query::Function::now ||
                                           expr.function == query::Function::age_seconds))
            return invalid("A target condition cannot depend on the time");
    return {};
}

Value value_in(const json::value& tree, std::span<const Segment> path) {
    const json::value* at = &tree;
    for (const Segment& segment : path) {
        if (const auto* key = std::get_if<std::string>(&segment)) {
            const json::object* object = at->if_object();
            at = object != nullptr ? object->if_contains(*key) : nullptr;
        } else {
            const json::array* array = at->if_array();
            at = array != nullptr ? array->if_contains(std::get<std::uint32_t>(segment)) : nullptr;
        }
        if (at == nullptr) return {};
    }
    return Value::of(*at);
}

Value value_in(const twin::Node& root, std::span<const Segment> path) {
    const twin::Node* node = &root;
    while (!path.empty() && node->is_object()) {
        const auto* key = std::get_if<std::string>(&path.front());
        node = key != nullptr ? node->find(*key) : nullptr;
        if (node == nullptr) return {};
        path = path.subspan(1);
    }
    return node->is_object() ? Value::object_mark() : value_in(node->leaf(), path);
}

// A twin as conditions see it.
class TwinRow final : public query::RowSource {
public:
    TwinRow(const query::Plan& plan, const TwinId& id, const twin::Twin& twin)
        : plan_(plan), id_(id), twin_(twin) {}

    Value get(query::PathIndex index) override {
        const query::Path& path = plan_.paths[index];
        const std::span<const Segment> segments(path.segments);
        if (is_key(path, 0, "deviceId")) return Value::string(id_.device.text());
        if (is_key(path, 0, "moduleId"))
            return id_.is_module() ? Value::string(id_.module.text()) : Value();
        if (is_key(path, 0, "tags")) {
            if (twin_.tags.object().members.empty()) return {};
            return value_in(twin_.tags, segments.subspan(1));
        }
        return value_in(twin_.reported, segments.subspan(2));
    }

private:
    const query::Plan& plan_;
    const TwinId& id_;
    const twin::Twin& twin_;
};

bool is_same(const twin::Node* a, const twin::Node* b) {
    if (a == nullptr || b == nullptr) return a == b;
    if (a->is_object() != b->is_object()) return false;
    // Objects share what did not change, down to their members: other ones are looked at by those
    // who read below them.
    if (a->is_object()) return &a->object() == &b->object();
    return a->leaf() == b->leaf();
}

const twin::Node* node_at(const twin::Node& root, const std::vector<std::string>& keys) {
    const twin::Node* node = &root;
    for (const std::string& key : keys) {
        if (!node->is_object()) return node;
        node = node->find(key);
        if (node == nullptr) return nullptr;
    }
    return node;
}

query::PathIndex path_in(query::Plan& plan, std::string_view name) {
    const query::Path path{.segments = {std::string(name)}, .time = false};
    const auto found = std::ranges::find(plan.paths, path);
    if (found != plan.paths.end()) return static_cast<query::PathIndex>(found - plan.paths.begin());
    plan.paths.push_back(path);
    return static_cast<query::PathIndex>(plan.paths.size() - 1);
}

}  // namespace

void make_count(query::Plan& plan) {
    plan.star = false;
    plan.grouped = true;
    plan.group_by.clear();
    plan.order_by.clear();
    plan.items = {{query::Aggregate::count, 0, "n"}};
    plan.limit.reset();
    plan.offset = 0;
}

void make_ids(query::Plan& plan) {
    plan.star = false;
    plan.items = {{query::Aggregate::none, path_in(plan, "deviceId"), "deviceId"}};
    if (plan.collection == query::Collection::modules)
        plan.items.push_back({query::Aggregate::none, path_in(plan, "moduleId"), "moduleId"});
}

Result<Target> Target::compile(ContentKind kind, std::string_view text,
                               const query::Options& options) {
    auto plan = query::compile_condition(text, query::Place::target, options);
    if (!plan) {
        const Error why = query::to_error(plan.error());
        return invalid(why.where.empty() ? why.message : why.message + " at " + why.where);
    }
    const bool of_modules = kind == ContentKind::module;
    const auto collection = of_modules ? query::Collection::modules : query::Collection::devices;
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    const bool empty = begin == std::string_view::npos;
    const bool everything = !plan->where.has_value();
    if (plan->collection != collection && !empty && !everything)
        return invalid(of_modules ? "The target condition of a moduleContent begins with FROM "
                                    "devices.modules WHERE"
                                  : "This content is for devices, not for modules");
    plan->collection = collection;
    TRY_VOID(check_reads(*plan));
    Target target;
    target.kind_ = kind;
    target.empty_ = empty;
    target.options_ = options;
    for (const query::Path& path : plan->paths) {
        if (path.segments.size() == 1 && !is_key(path, 0, "tags")) continue;
        const bool tags = is_key(path, 0, "tags");
        Place place{tags ? twin::Part::tags : twin::Part::reported, {}};
        for (std::size_t i = tags ? 1 : 2; i < path.segments.size(); ++i) {
            const auto* key = std::get_if<std::string>(&path.segments[i]);
            if (key == nullptr) break;
            place.keys.push_back(*key);
        }
        target.reads_.push_back(std::move(place));
    }
    target.plan_ = std::make_shared<const query::Plan>(std::move(*plan));
    return target;
}

bool Target::matches(const TwinId& id, const twin::Twin& twin, Instant now) const {
    if (empty_) return false;
    TwinRow row(*plan_, id, twin);
    return query::Evaluator(*plan_, now).passes(row);
}

bool Target::is_touched(const twin::Twin& before, const twin::Twin& after) const {
    return std::ranges::any_of(reads_, [&](const Place& place) {
        const twin::Node& was = before.part(place.part);
        const twin::Node& is = after.part(place.part);
        return &was.object() != &is.object() &&
               !is_same(node_at(was, place.keys), node_at(is, place.keys));
    });
}

query::Plan Target::ids() const {
    query::Plan plan = *plan_;
    if (kind_ == ContentKind::edge) {
        auto edge =
            query::compile_condition("capabilities.iotEdge = true", query::Place::job, options_);
        CHECK(edge.has_value());
        query::narrow(plan, *edge);
    }
    make_ids(plan);
    return plan;
}

query::Plan Target::count(std::string_view condition) const {
    query::Plan plan = *plan_;
    if (!condition.empty()) {
        auto further = query::compile_condition(condition, query::Place::job, options_);
        CHECK(further.has_value());
        further->collection = plan.collection;
        query::narrow(plan, *further);
    }
    make_count(plan);
    return plan;
}

}  // namespace twinhub::hub
