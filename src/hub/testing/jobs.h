#pragma once

#include "hub/jobs/job_rows.h"
#include "hub/jobs/jobs.h"
#include "hub/testing/histories.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

// What the tests of jobs share.
namespace twinhub::hub::testing {

inline constexpr std::string_view fan =
    R"({"etag":"*","tags":{"a":1},"properties":{"desired":{"fan":2}}})";

inline std::string body_of(std::string_view condition, std::string_view task = fan,
                           std::string_view more = {}) {
    return R"({"type":"scheduleUpdateTwin","updateTwin":)" + std::string(task) +
           R"(,"queryCondition":")" + std::string(condition) + "\"" + std::string(more) + "}";
}
inline std::string method_body(std::string_view condition, std::string_view more = {}) {
    return R"({"type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":"reboot",)"
           R"("responseTimeoutInSeconds":30},"queryCondition":")" +
           std::string(condition) + "\"" + std::string(more) + "}";
}

inline Result<JobView> create_job(TestHub& hub, const std::string& id, const std::string& body) {
    auto spec = read_job(id, parse_json(body).value().as_object(),
                         Author{.principal = "iothubowner", .client = "10.0.0.1"},
                         hub.clock().now(), hub.hub().settings().jobs.ahead_max);
    if (!spec) return std::unexpected(spec.error());
    return hub.run(hub.hub().jobs().create(std::move(*spec)));
}
inline JobView job(TestHub& hub, const std::string& id) {
    const auto found = hub.run(hub.hub().jobs().get(id));
    EXPECT_TRUE(found && *found) << id;
    return found && *found ? **found : JobView{};
}
inline std::string status_of(TestHub& hub, const std::string& id) {
    return std::string(name_of(job(hub, id).state.status));
}
inline void tick_until_ended(TestHub& hub, const std::string& id, int ticks = 200) {
    while (ticks-- > 0 && !has_ended(job(hub, id).state.status)) hub.tick();
}

inline void create(TestHub& hub, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) hub.create(spec_of("d" + std::to_string(i)));
}

// Rows of devices.jobs, page by page.
inline std::vector<json::object> rows_of(TestHub& hub, std::string_view where,
                                         std::size_t page_rows = 3) {
    std::vector<json::object> rows;
    const auto plan = plan_of("SELECT * FROM devices.jobs" +
                              (where.empty() ? std::string() : " WHERE " + std::string(where)));
    std::string cursor;
    do {
        const auto page = hub.run(
            hub.hub().jobs().devices(plan, {.cursor = std::move(cursor), .rows_max = page_rows}));
        EXPECT_TRUE(page) << (page ? "" : page.error().message);
        if (!page) break;
        EXPECT_LE(page->rows.size(), page_rows);
        for (const std::string& row : page->rows)
            rows.push_back(parse_json(row).value().as_object());
        cursor = page->cursor;
    } while (!cursor.empty());
    return rows;
}
inline std::vector<std::string> statuses(TestHub& hub, std::string_view where) {
    std::vector<std::string> found;
    for (const json::object& row : rows_of(hub, where))
        found.push_back(std::string(row.at("deviceId").as_string()) + " " +
                        std::string(row.at("status").as_string()));
    std::ranges::sort(found);
    return found;
}

inline std::map<std::string, int> changes_by(TestHub& hub, const std::string& id) {
    std::map<std::string, int> counts;
    const auto cursor = hub.engine().scan(store::Family::changes, store::Range{});
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        const auto opened = store::open(store::Kind::change, change_record_format, "changes",
                                        cursor->key(), cursor->value());
        const ChangeRecord record = decode_change_record(opened.value().body).value();
        if (record.author.principal != principal_of_work("job", id)) continue;
        EXPECT_EQ(record.author.cause, Cause::job);
        EXPECT_EQ(record.author.on_behalf_of, "iothubowner");
        EXPECT_EQ(record.author.client, "10.0.0.1");
        ++counts[record.id.text()];
    }
    return counts;
}

}  // namespace twinhub::hub::testing
