// Queries about the past end to end: the changes of a small fleet over HTTP, then each question of
// tests/conformance/as-of-conformance.json.
#include "base/json_members.h"
#include "gateway/http/testing/service_client.h"
#include "query/testing/conformance.h"

#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

class AsOfDoor : public testing::Test {
protected:
    AsOfDoor() {
        for (const json::value& change : table.at("changes").as_array()) make(change.as_object());
        move_to(table);
    }

    void move_to(const json::object& object) {
        const std::string name = object.contains("at") ? "at" : "now";
        door.on_memory().clock().set(parse_instant(text_in(object, name)).value());
    }
    void make(const json::object& change) {
        move_to(change);
        const std::string device = text_in(change, "device");
        const std::string what = text_in(change, "do");
        const json::value* const body = change.if_contains("body");
        Response response{.status = 200, .fields = {}, .body = {}};
        if (what == "create" || what == "disable") {
            json::object identity{{"deviceId", device}};
            if (what == "disable") identity["status"] = "disabled";
            response = door.ask("PUT", "/devices/" + device, to_text(json::value(identity)),
                                what == "disable" ? "If-Match: *\r\n" : "");
        } else if (what == "delete") {
            response = door.ask("DELETE", "/devices/" + device, {}, "If-Match: *\r\n");
        } else if (what == "patch") {
            response = door.ask("PATCH", "/twins/" + device, to_text(*body));
        } else {
            ASSERT_EQ(what, "report");
            report(device, to_text(*body));
        }
        ASSERT_LT(response.status, 300u) << to_text(json::value(change)) << response.body;
    }
    void report(const std::string& device, const std::string& body) {
        const TwinId id{DeviceId::parse(device).value(), {}};
        bool done = false;
        door.hub().shards().of(id.device).report(
            id, twin::parse_report(body).value(), {}, {.cause = hub::Cause::device},
            [&done](const Result<std::uint64_t>& result) { done = result.has_value(); });
        door.on_memory().run_until([&done] { return done; });
    }

    const json::object table = query::testing::as_of_conformance();
    ServiceDoor door;
};

TEST_F(AsOfDoor, EveryCaseGivesTheRowsOfTheTable) {
    for (const json::value& each : table.at("cases").as_array()) {
        const json::object& one = each.as_object();
        SCOPED_TRACE(text_in(one, "name"));
        const Response response =
            door.ask("POST", "/devices/query", to_text(json::value{{"query", one.at("query")}}));
        if (one.contains("rows")) {
            EXPECT_EQ(response.status, 200u) << response.body;
            EXPECT_EQ(response.json(), one.at("rows")) << response.body;
        } else {
            EXPECT_EQ(json::value(response.status), one.at("status")) << response.body;
            EXPECT_EQ(response.field("iothub-errorcode"), text_in(one, "code"));
        }
    }
}

}  // namespace
}  // namespace twinhub::gateway::http
