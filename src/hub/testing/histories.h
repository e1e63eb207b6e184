#pragma once

#include "hub/queries.h"
#include "hub/testing/test_hub.h"
#include "query/compile.h"
#include "query/testing/generators.h"

#include <rapidcheck/gtest.h>

#include <string>
#include <string_view>
#include <vector>

// Fleets with any past, and what is asked of them; `below` and what uses it inside of properties.
namespace twinhub::hub::testing {

inline std::shared_ptr<const query::Plan> plan_of(std::string_view text) {
    auto plan = query::compile(text);
    EXPECT_TRUE(plan) << text << ": " << plan.error().message;
    return std::make_shared<const query::Plan>(std::move(*plan));
}

inline Result<QueryPage> page_of(TestHub& hub, std::shared_ptr<const query::Plan> plan,
                                 std::string cursor = {}, std::size_t rows_max = 100) {
    return hub.run(hub.hub().queries().run(
        std::move(plan), {.cursor = std::move(cursor), .rows_max = rows_max, .principal = "p"}));
}
inline Result<QueryPage> page_of(TestHub& hub, std::string_view text, std::string cursor = {},
                                 std::size_t rows_max = 100) {
    return page_of(hub, plan_of(text), std::move(cursor), rows_max);
}

inline std::vector<std::string> answer_of(TestHub& hub,
                                          const std::shared_ptr<const query::Plan>& plan,
                                          std::size_t rows_max = 100) {
    std::vector<std::string> rows;
    std::string cursor;
    do {
        const auto page = page_of(hub, plan, cursor, rows_max);
        EXPECT_TRUE(page) << plan->text << ": " << page.error().message;
        if (!page) return rows;
        EXPECT_LE(page->rows.size(), rows_max);
        rows.insert(rows.end(), page->rows.begin(), page->rows.end());
        cursor = page->cursor;
    } while (!cursor.empty());
    return rows;
}
inline std::vector<std::string> answer_of(TestHub& hub, std::string_view text,
                                          std::size_t rows_max = 100) {
    return answer_of(hub, plan_of(text), rows_max);
}

inline std::size_t below(std::size_t bound) { return *rc::gen::inRange<std::size_t>(0, bound); }

// A section of a generated twin, as a patch may have it.
inline json::object section_of(const json::object& twin, std::string_view name) {
    const json::value* found = name == "tags" ? twin.if_contains("tags")
                                              : twin.at("properties").as_object().if_contains(name);
    json::object section = found == nullptr ? json::object{} : found->as_object();
    section.erase("$metadata");
    section.erase("$version");
    return section;
}

// Whether the hub may go down in a history and come back.
enum class Restarts : std::uint8_t { no, yes };

inline void change_something(TestHub& hub, TestLink& link, Restarts restarts = Restarts::yes) {
    const TwinId id =
        id_of("d" + std::to_string(below(6)), below(3) == 0 ? std::string_view("m") : "");
    IdentitySpec spec;
    spec.id = id;
    switch (below(10)) {
        case 0:
        case 1: (void)hub.run(hub.registry().create(std::move(spec), author_of())); return;
        case 2: (void)hub.run(hub.registry().remove(id, {}, author_of())); return;
        case 3:
            spec.status = below(2) == 0 ? Status::enabled : Status::disabled;
            (void)hub.run(hub.registry().update(std::move(spec), twin::Match::any(), author_of()));
            return;
        case 4: {
            if (!hub.run(hub.twins().get(id))) return;
            hub.connect(id, link);
            if (below(2) == 0) hub.shard(id).detach(id, link);
            return;
        }
        case 5: {
            const auto twin_of_any = *query::testing::any_twin("x");
            const std::string report = to_text(json::value(section_of(twin_of_any, "reported")));
            if (!twin::parse_report(report)) return;  // a null in an array
            const auto answer = hub.begin_report(id, report);
            hub.settle();
            return;
        }
        case 6:
            if (restarts == Restarts::no) return hub.tick(std::chrono::seconds(below(3)));
            if (below(2) == 0) RC_ASSERT(hub.restart(1 + below(3)).has_value());
            else RC_ASSERT(hub.crash(1 + below(3)).has_value());
            return;
        case 7: hub.tick(std::chrono::seconds(below(20))); return;
        default: {
            const auto twin_of_any = *query::testing::any_twin("x");
            const json::object body{
                {"tags", section_of(twin_of_any, "tags")},
                {"properties", {{"desired", section_of(twin_of_any, "desired")}}}};
            auto update =
                twin::parse_service_update(to_text(json::value(body)),
                                           below(2) == 0 ? twin::Kind::replace : twin::Kind::patch);
            if (update) (void)hub.run(hub.twins().update(id, std::move(*update), {}, author_of()));
        }
    }
}

}  // namespace twinhub::hub::testing
