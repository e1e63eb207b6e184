#include "query/checker.h"

#include "query/expression_builder.h"
#include "query/limits.h"
#include "query/names.h"
#include "query/prune.h"

#include <algorithm>

namespace twinhub::query {
namespace {

template <class Range, class Value, class Projection = std::identity>
bool holds(const Range& range, const Value& value, Projection projection = {}) {
    return std::ranges::find(range, value, projection) != std::ranges::end(range);
}

class Checker {
public:
    Checker(const SyntaxQuery& query, std::string_view text, Plan& plan, Names names)
        : query_(query), text_(text), plan_(plan), builder_(plan, text, names) {}

    Checked<> run() {
        TRY_VOID(check_jobs());
        TRY_VOID(check_select());
        TRY_VOID(check_where());
        TRY_VOID(check_groups());
        TRY_VOID(check_order());
        plan_.limit = query_.limit;
        if (query_.top) plan_.limit = std::min(*query_.top, plan_.limit.value_or(*query_.top));
        return {};
    }

private:
    std::unexpected<QueryError> fail(std::uint32_t offset, ErrorKind kind, std::string message,
                                     std::string hint = {}) const {
        return std::unexpected(error_at(text_, offset, kind, std::move(message), std::move(hint)));
    }

    // Spec query-language 3: devices.jobs gives whole rows only.
    Checked<> check_jobs() const {
        if (plan_.collection != Collection::jobs) return {};
        const auto refuse = [&](std::uint32_t offset, std::string_view what) {
            return fail(offset, ErrorKind::unsupported_projection,
                        "devices.jobs has no " + std::string(what), "use SELECT * and WHERE");
        };
        if (query_.top) return refuse(query_.top_offset, "TOP");
        if (!query_.star) return refuse(query_.select_offset, "columns and aggregates");
        if (!query_.group_by.empty()) return refuse(query_.group_offset, "GROUP BY");
        return {};
    }

    Checked<> check_select() {
        plan_.star = query_.star;
        std::size_t nameless = 0;
        for (const SyntaxItem& written : query_.items) {
            Item item;
            item.aggregate = written.aggregate;
            if (written.path) {
                TRY(item.path, builder_.intern(*written.path));
            }
            const std::string* key = nullptr;
            if (written.aggregate == Aggregate::none) key = last_key(plan_.paths[item.path]);
            if (written.alias) {
                item.name = *written.alias;
            } else if (key) {
                item.name = *key;
            } else {
                item.name = "$" + std::to_string(++nameless);
            }
            if (holds(plan_.items, item.name, &Item::name))
                return fail(written.offset, ErrorKind::duplicate_column,
                            "Two columns have the name '" + item.name + "'",
                            "give one of them another name with AS");
            plan_.grouped |= item.aggregate != Aggregate::none;
            plan_.items.push_back(std::move(item));
        }
        return {};
    }

    Checked<> check_where() {
        if (!query_.where) return {};
        TRY(const ExprIndex where, builder_.build(*query_.where));
        plan_.where = where;
        Expr& built = plan_.exprs[where];
        if (built.op != Op::constant) return {};
        // All rows or none.
        if (!built.undefined && built.constant == json::value(true)) {
            plan_.where.reset();
        } else {
            built.constant = false;
            built.undefined = false;
        }
        return {};
    }

    Checked<> check_groups() {
        for (const SyntaxPath& written : query_.group_by) {
            TRY(const PathIndex key, builder_.intern(written));
            if (!holds(plan_.group_by, key)) plan_.group_by.push_back(key);
        }
        if (plan_.star && !plan_.group_by.empty())
            return fail(query_.select_offset, ErrorKind::invalid_aggregate,
                        "SELECT * cannot be grouped", "select the keys and aggregates");
        plan_.grouped |= !plan_.group_by.empty();
        if (!plan_.grouped) return {};
        for (std::size_t i = 0; i < plan_.items.size(); ++i) {
            const Item& item = plan_.items[i];
            if (item.aggregate != Aggregate::none || holds(plan_.group_by, item.path)) continue;
            return fail(query_.items[i].offset, ErrorKind::invalid_aggregate,
                        "The column '" + item.name + "' is neither an aggregate nor a group key",
                        "add it to GROUP BY");
        }
        return {};
    }

    Checked<> check_order() {
        for (const SyntaxSort& written : query_.order_by) {
            SortKey key{.by = PathIndex{0}, .descending = written.descending};
            const std::optional<std::size_t> item = item_of(written.path);
            if (plan_.grouped && !item)
                return fail(written.path.offset, ErrorKind::invalid_aggregate,
                            "Groups are sorted by a column of the answer",
                            "add it to SELECT and name it with AS");
            if (plan_.grouped) {
                key.by = *item;
            } else if (item) {
                key.by = plan_.items[*item].path;
            } else {
                TRY(key.by, builder_.intern(written.path));
            }
            plan_.order_by.push_back(key);
        }
        return {};
    }

    // The column that a sort key names: by its name, or in groups by its path.
    std::optional<std::size_t> item_of(const SyntaxPath& path) const {
        const auto* name = std::get_if<std::string>(&path.segments[0]);
        const bool single = path.segments.size() == 1 && name;
        const Path canonical = canonical_path(plan_.collection, path.segments);
        for (std::size_t i = 0; i < plan_.items.size(); ++i) {
            const Item& item = plan_.items[i];
            // In rows a system name is the path, whatever the columns are called.
            if (single && item.name == *name &&
                (plan_.grouped || !is_system_name(plan_.collection, *name)))
                return i;
        }
        for (std::size_t i = 0; i < plan_.items.size() && plan_.grouped; ++i)
            if (plan_.items[i].aggregate == Aggregate::none &&
                plan_.paths[plan_.items[i].path] == canonical)
                return i;
        return {};
    }

    const SyntaxQuery& query_;
    std::string_view text_;
    Plan& plan_;
    ExpressionBuilder builder_;
};

}  // namespace

Checked<Plan> check(const SyntaxQuery& query, std::string_view text, const Options& options,
                    Names names) {
    Plan plan;
    plan.text = text;
    plan.dialect = options.dialect;
    plan.missing = options.missing;
    plan.collection = query.collection;
    plan.as_of = query.as_of;
    plan.explain = query.explain;
    plan.offset = query.offset;
    TRY_VOID(Checker(query, text, plan, names).run());
    prune(plan);
    return plan;
}

}  // namespace twinhub::query
