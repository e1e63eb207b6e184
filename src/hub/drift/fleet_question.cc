#include "hub/drift/fleet_question.h"

#include "hub/queries.h"
#include "query/compile.h"
#include "query/narrow.h"
#include "twin/drift/paths.h"

namespace twinhub::hub {

std::string quoted_path(std::string_view path) {
    std::string text;
    for (const std::string_view key : twin::drift::keys_of(path)) {
        text += ".[[";
        text += key;
        text += "]]";
    }
    return text;
}

bool can_be_asked(std::string_view path) {
    return path.find("]]") == std::string_view::npos && !path.starts_with('.') &&
           !path.ends_with('.') && path.find("..") == std::string_view::npos && !path.empty();
}

Result<query::Plan> fleet_plan(std::string_view text, std::string_view where) {
    auto plan = query::compile(text);
    CHECK(plan.has_value());
    if (where.empty()) return std::move(*plan);
    auto condition = query::compile_condition(where, query::Place::job);
    if (!condition) return failure(Code::argument_invalid, condition.error().message, "where");
    if (condition->collection != plan->collection)
        return failure(Code::argument_invalid, "The condition must be about devices", "where");
    query::narrow(*plan, *condition);
    return std::move(*plan);
}

Task<Result<std::vector<json::object>>> ask_fleet(Queries& queries, std::string text,
                                                  std::string where, FleetAsker asker,
                                                  std::size_t rows_max) {
    CO_TRY(query::Plan made, fleet_plan(text, where));
    const auto plan = std::make_shared<const query::Plan>(std::move(made));
    std::vector<json::object> rows;
    std::string cursor;
    do {
        PageRequest request{.cursor = cursor,
                            .rows_max = 1000,
                            .principal = asker.principal,
                            .wanted = asker.wanted};
        CO_TRY(const QueryPage page, co_await queries.run(plan, std::move(request)));
        for (const std::string& row : page.rows) {
            CO_TRY(json::value parsed, parse_json(row));
            rows.push_back(std::move(parsed.as_object()));
        }
        cursor = page.cursor;
    } while (!cursor.empty() && rows.size() <= rows_max);
    co_return rows;
}

std::uint64_t number_in(const json::object& row, std::string_view name) {
    const json::value* value = row.if_contains(name);
    return value != nullptr && value->is_number() ? value->to_number<std::uint64_t>() : 0;
}

}  // namespace twinhub::hub
