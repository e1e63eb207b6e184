#include "query/narrow.h"
#include "query/testing/reference.h"
#include "query/testing/reference_values.h"

#include <algorithm>

namespace twinhub::query::testing {
namespace {

std::string id_part(const json::object& document, std::string_view key) {
    const auto* value = document.if_contains(key);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::vector<std::string> id_of(const json::object& document) {
    return {id_part(document, "deviceId"), id_part(document, "moduleId"),
            id_part(document, "jobId")};
}

// The order of ORDER BY: undefined comes before everything.
int order_of(const Maybe& a, const Maybe& b, bool time) {
    if (!a || !b) return (a ? 1 : 0) - (b ? 1 : 0);
    return order_of(*a, *b, time, TimesFirst::yes);
}

// One row of the answer, and what it is sorted by.
struct Sortable {
    json::object row;
    std::vector<Maybe> keys;  // of ORDER BY
    std::vector<Maybe> group;
    std::vector<std::string> id;
};

void sort_rows(std::vector<Sortable>& rows, const Plan& plan) {
    const auto is_time = [&](const SortKey& key) {
        if (const auto* path = std::get_if<PathIndex>(&key.by)) return plan.paths[*path].time;
        const Item& item = plan.items[std::get<std::size_t>(key.by)];
        const bool value = item.aggregate == Aggregate::none || item.aggregate == Aggregate::min ||
                           item.aggregate == Aggregate::max;
        return value && plan.paths[item.path].time;
    };
    std::ranges::sort(rows, [&](const Sortable& a, const Sortable& b) {
        for (std::size_t i = 0; i < plan.order_by.size(); ++i) {
            const int order = order_of(a.keys[i], b.keys[i], is_time(plan.order_by[i]));
            if (order != 0) return plan.order_by[i].descending ? order > 0 : order < 0;
        }
        for (std::size_t i = 0; i < a.group.size(); ++i) {
            if (const int order = order_of(a.group[i], b.group[i], false); order != 0)
                return order < 0;
            if (!a.group[i]) continue;
            const std::string left = canonical_json(*a.group[i]);
            const std::string right = canonical_json(*b.group[i]);
            if (left != right) return left < right;
        }
        return a.id < b.id;
    });
}

Maybe aggregated(const Plan& plan, const Item& item, const std::vector<const json::object*>& rows) {
    if (item.aggregate == Aggregate::count) return json::value(std::int64_t(rows.size()));
    std::vector<json::value> numbers, texts;
    for (const json::object* row : rows) {
        const Maybe value = column_of(plan, *row, item.path);
        if (value && value->is_number()) numbers.push_back(*value);
        if (value && value->is_string()) texts.push_back(*value);
    }
    if (item.aggregate == Aggregate::sum || item.aggregate == Aggregate::avg) {
        if (numbers.empty()) return {};
        double sum = 0;
        for (const json::value& number : numbers) sum += number_in(number);
        if (item.aggregate == Aggregate::avg) sum /= static_cast<double>(numbers.size());
        return json::value(sum);
    }
    const std::vector<json::value>& candidates = numbers.empty() ? texts : numbers;
    if (candidates.empty()) return {};
    const bool time = plan.paths[item.path].time;
    json::value best = candidates.front();
    for (const json::value& candidate : candidates) {
        int order = order_of(candidate, best, time, TimesFirst::yes);
        if (order == 0) order = order_of(candidate, best, false, TimesFirst::yes);
        if (item.aggregate == Aggregate::min ? order < 0 : order > 0) best = candidate;
    }
    return best;
}

std::vector<Sortable> group_rows(const Plan& plan,
                                 const std::vector<const json::object*>& selected) {
    struct Group {
        std::vector<Maybe> key;
        std::vector<const json::object*> rows;
    };
    std::map<std::vector<std::string>, Group> groups;
    if (plan.group_by.empty()) groups[{}];  // aggregates alone: always one row
    for (const json::object* document : selected) {
        std::vector<std::string> names;
        std::vector<Maybe> key;
        for (const PathIndex path : plan.group_by) {
            key.push_back(column_of(plan, *document, path));
            names.push_back(key.back() ? canonical_json(*key.back()) : "undefined");
        }
        Group& group = groups[names];
        group.key = key;
        group.rows.push_back(document);
    }
    std::vector<Sortable> rows;
    for (const auto& [name, group] : groups) {
        Sortable& made = rows.emplace_back();
        made.group = group.key;
        for (const Item& item : plan.items) {
            Maybe value;
            if (item.aggregate != Aggregate::none) {
                value = aggregated(plan, item, group.rows);
            } else {
                const auto key = std::ranges::find(plan.group_by, item.path);
                value = group.key[static_cast<std::size_t>(key - plan.group_by.begin())];
            }
            if (value) made.row[item.name] = *value;
        }
        for (const SortKey& key : plan.order_by) {
            const Item& item = plan.items[std::get<std::size_t>(key.by)];
            const auto* value = made.row.if_contains(item.name);
            made.keys.push_back(value ? Maybe(*value) : Maybe());
        }
    }
    return rows;
}

std::vector<Sortable> project_rows(const Plan& plan,
                                   const std::vector<const json::object*>& selected) {
    std::vector<Sortable> rows;
    for (const json::object* document : selected) {
        Sortable& made = rows.emplace_back();
        made.id = id_of(*document);
        if (plan.star) {
            made.row = *document;
            for (const char* pseudo : {"$drift", "$connection"}) made.row.erase(pseudo);
            cut_hidden(plan, made.row);
        }
        for (const Item& item : plan.items)
            if (const Maybe value = column_of(plan, *document, item.path))
                made.row[item.name] = *value;
        for (const SortKey& key : plan.order_by)
            made.keys.push_back(column_of(plan, *document, std::get<PathIndex>(key.by)));
    }
    return rows;
}

void append_canonical(std::string& out, const json::value& value) {
    if (const auto* object = value.if_object()) {
        std::map<std::string, json::value> members;
        for (const auto& [key, member] : *object) members.emplace(key, member);
        out += '{';
        for (const auto& [key, member] : members) {
            append_json_string(out, key);
            out += ':';
            append_canonical(out, member);
            out += ',';
        }
        out += '}';
    } else if (const auto* array = value.if_array()) {
        out += '[';
        for (const json::value& element : *array) {
            append_canonical(out, element);
            out += ',';
        }
        out += ']';
    } else if (value.is_number()) {
        append_json_number(out, number_in(value) + 0.0);
    } else {
        append_json(out, value);
    }
}

}  // namespace

std::vector<json::object> answer_of_selected(const Plan& plan,
                                             const std::vector<const json::object*>& selected) {
    std::vector<Sortable> rows =
        plan.grouped ? group_rows(plan, selected) : project_rows(plan, selected);
    sort_rows(rows, plan);
    std::vector<json::object> answer;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (i < plan.offset) continue;
        if (plan.limit && i - plan.offset >= *plan.limit) break;
        answer.push_back(std::move(rows[i].row));
    }
    return answer;
}

std::string canonical_json(const json::value& value) {
    std::string out;
    append_canonical(out, value);
    return out;
}

std::vector<std::string> canonical_rows(const std::vector<json::object>& rows) {
    std::vector<std::string> texts;
    texts.reserve(rows.size());
    for (const json::object& row : rows) texts.push_back(canonical_json(row));
    std::ranges::sort(texts);
    return texts;
}

}  // namespace twinhub::query::testing
