#include "hub/live_plan.h"

#include "base/json.h"
#include "query/names.h"

#include <algorithm>
#include <initializer_list>

namespace twinhub::hub {
namespace {

using query::Function;
using query::Item;
using query::Plan;

// Names of the members in front: no text of a query can spell them.
constexpr std::string_view device_name =
    "\x01"
    "d";
constexpr std::string_view module_name =
    "\x01"
    "m";
constexpr std::string_view version_name =
    "\x01"
    "v";
constexpr std::string_view group_name =
    "\x01"
    "g";

query::PathIndex path_index(Plan& plan, query::Path path) {
    const auto known = std::ranges::find(plan.paths, path);
    if (known != plan.paths.end()) return static_cast<query::PathIndex>(known - plan.paths.begin());
    plan.paths.push_back(std::move(path));
    return static_cast<query::PathIndex>(plan.paths.size() - 1);
}

Result<> check(const Plan& plan) {
    const auto refuse = [](std::string why) {
        return failure(Code::argument_invalid, "A live query " + std::move(why));
    };
    if (plan.collection == query::Collection::jobs) return refuse("cannot be about jobs");
    if (plan.explain != query::Explain::no) return refuse("cannot be explained");
    if (plan.as_of) return refuse("shows what is, so it has no AS OF");
    if (plan.limit || plan.offset != 0) return refuse("has no TOP, LIMIT or OFFSET");
    if (!plan.order_by.empty()) return refuse("has no ORDER BY: events come as they happen");
    if (plan.group_by.size() > 1) return refuse("has at most one group key");
    for (const query::Expr& expr : plan.exprs)
        if (expr.op == query::Op::call &&
            (expr.function == Function::now || expr.function == Function::age_seconds))
            return refuse("cannot use NOW or AGE_SECONDS: they change without any write");
    for (const query::Path& path : plan.paths)
        if (query::is_pseudo(path))
            return refuse("cannot read drift or $connection: they change without any write");
    return {};
}

// Puts items in front of those asked for.
void lead(Plan& plan, std::initializer_list<std::pair<std::string_view, query::PathIndex>> items) {
    std::vector<Item> all;
    for (const auto& [name, path] : items) all.push_back({.path = path, .name = std::string(name)});
    std::ranges::move(plan.items, std::back_inserter(all));
    plan.items = std::move(all);
}

// What is left of a row behind its first members.
std::string behind(std::string_view row, const std::string& members) {
    CHECK(row.substr(1).starts_with(members));
    row.remove_prefix(1 + members.size());
    if (row.starts_with(',')) row.remove_prefix(1);
    return '{' + std::string(row);
}

void append_member(std::string& out, std::string_view name, std::string_view json) {
    if (!out.empty()) out += ',';
    append_json_string(out, name);
    out += ':';
    out += json;
}

std::string text_json(std::string_view text) {
    std::string out;
    append_json_string(out, text);
    return out;
}

std::string_view text_at(const json::object& object, std::string_view name) {
    const json::value* found = object.if_contains(name);
    return found != nullptr && found->is_string() ? std::string_view(found->get_string())
                                                  : std::string_view();
}

}  // namespace

Result<LivePlan> live_plan(std::shared_ptr<const query::Plan> asked) {
    TRY_VOID(check(*asked));
    LivePlan live;
    live.snapshot = asked;
    if (asked->grouped ? !asked->group_by.empty() : !asked->star) {
        Plan plan = *asked;
        if (asked->grouped) {
            lead(plan, {{group_name, plan.group_by.front()}});
        } else {
            const auto device = path_index(plan, {.segments = {"deviceId"}});
            const auto module = path_index(plan, {.segments = {"moduleId"}});
            const auto version = path_index(plan, {.segments = {"version"}});
            lead(plan, {{device_name, device}, {module_name, module}, {version_name, version}});
        }
        live.snapshot = std::make_shared<const Plan>(std::move(plan));
    }
    live.asked = std::move(asked);
    return live;
}

KeyedRow keyed_row(const LivePlan& plan, std::string row) {
    KeyedRow keyed;
    if (plan.asked->grouped && plan.asked->group_by.empty()) {
        keyed.row = std::move(row);
        return keyed;
    }
    const json::value parsed = parse_json(row).value();
    const json::object& object = parsed.get_object();
    std::string members;
    if (plan.asked->grouped) {
        if (const json::value* key = object.if_contains(group_name)) {
            append_json(keyed.key, *key);
            append_member(members, group_name, keyed.key);
        }
        keyed.row = behind(row, members);
        return keyed;
    }
    const bool star = plan.asked->star;
    const std::string_view device = text_at(object, star ? "deviceId" : device_name);
    const std::string_view module = text_at(object, star ? "moduleId" : module_name);
    append_json(keyed.version, object.at(star ? "version" : version_name));
    keyed.key = live_key(device, module);
    if (star) {
        keyed.row = std::move(row);
        return keyed;
    }
    append_member(members, device_name, text_json(device));
    if (!module.empty()) append_member(members, module_name, text_json(module));
    append_member(members, version_name, keyed.version);
    keyed.row = behind(row, members);
    return keyed;
}

std::string live_key(std::string_view device, std::string_view module) {
    std::string key = "{\"deviceId\":";
    append_json_string(key, device);
    if (!module.empty()) {
        key += ",\"moduleId\":";
        append_json_string(key, module);
    }
    key += '}';
    return key;
}

}  // namespace twinhub::hub
