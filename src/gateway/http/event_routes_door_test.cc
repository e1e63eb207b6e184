// Routes over HTTP, with a hub on the memory store behind.
#include "gateway/http/testing/service_client.h"
#include "gateway/routes/routes.h"
#include "gateway/routes/testing/route_bench.h"

#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

std::shared_ptr<const hub::Route> route_named(std::string name, std::string condition,
                                              std::vector<std::string> project = {}) {
    return std::make_shared<const hub::Route>(
        hub::Route::make({.name = std::move(name),
                          .sources = {hub::EventSource::twin_changes, hub::EventSource::messages},
                          .condition = std::move(condition),
                          .project = std::move(project),
                          .sink = "hook",
                          .dead_letter = {}})
            .value());
}

struct RoutesDoor : gateway::testing::RouteBench {
    ~RoutesDoor() override {
        routes->stop();
        run();
        routes.reset();
    }
    void add(std::shared_ptr<const hub::Route> route) {
        RouteReaders readers{std::make_unique<gateway::testing::FakeReader>(feed, route),
                             std::make_unique<gateway::testing::FakeReader>(events_log, route)};
        routes->add(route, std::move(readers), sink, {grave}, {});
    }
    Response ask(std::string_view method, std::string_view path, std::string_view body = {},
                 std::string_view policy = "service") {
        return door.ask(method, path, body, {}, policy);
    }

    ServiceDoor door;
    Executor executor = door.hub().shards().at(0).executor();
    std::unique_ptr<Routes> routes =
        std::make_unique<Routes>(hub::EventLog::open(door.hub(), executor, {}).value(),
                                 RouteSeams{.executor = executor,
                                            .deadlines = deadlines,
                                            .clock = clock,
                                            .random = random,
                                            .log = log,
                                            .metrics = route_metrics});
};

TEST_F(RoutesDoor, TellWhichRoutesWouldTakeAnEvent) {
    add(route_named("hot", "level = 'hot'", {"$body.temp", "$twin.tags.site"}));
    add(route_named("cold", "level = 'cold'"));
    routes->add_disabled(route_named("strange", "$body.temp.high > 1"));
    door.context().show_routes(*routes);
    const Response response = ask("POST", "/twinhub/routes/test", R"({
        "routingSource":"DeviceMessages","message":{"body":"{\"temp\":21}",
        "appProperties":{"level":"hot"},"systemProperties":{"contentType":"application/json"}},
        "twin":{"tags":{"site":"EU"}}})");
    ASSERT_EQ(response.status, 200u) << response.body;
    EXPECT_EQ(response.json(), parse_json(R"({"routes":[
                  {"name":"hot","enabled":true,"result":"true","body":{"temp":21,"site":"EU"}},
                  {"name":"cold","enabled":true,"result":"false"},
                  {"name":"strange","enabled":true,"result":"undefined"}]})")
                                   .value());
}

TEST_F(RoutesDoor, TryAConditionThatIsNotWrittenYet) {
    door.context().show_routes(*routes);
    const Response response = ask("POST", "/twinhub/routes/test",
                                  R"({"condition":"$body.version > 3",
            "routingSource":"TwinChangeEvents","message":{"body":{"version":4}}})");
    EXPECT_EQ(response.json(), parse_json(R"({"result":"true","routes":[]})").value());
    const Response wrong = ask("POST", "/twinhub/routes/test", R"({"condition":"a ="})");
    EXPECT_EQ(wrong.status, 400u);
    EXPECT_NE(wrong.body.find("line 1, column 4"), std::string::npos) << wrong.body;
    EXPECT_EQ(ask("POST", "/twinhub/routes/test", R"({"routingSource":"x"})").status, 400u);
}

TEST_F(RoutesDoor, ShowHowRoutesAre) {
    add(route_named("hot", "level = 'hot'"));
    routes->add_disabled(route_named("later", ""));
    door.context().show_routes(*routes);
    const Response response = ask("GET", "/twinhub/routes");
    ASSERT_EQ(response.status, 200u) << response.body;
    const json::array shown = response.json().at("routes").as_array();
    ASSERT_EQ(shown.size(), 2u);
    EXPECT_EQ(shown[0].at("name"), json::value("hot"));
    EXPECT_EQ(shown[0].at("condition"), json::value("level = 'hot'"));
    EXPECT_EQ(shown[0].at("sources"),
              parse_json(R"(["TwinChangeEvents","DeviceMessages"])").value());
    EXPECT_EQ(shown[0].at("delivered"), json::value(0));
    EXPECT_EQ(shown[1].at("state"), json::value("disabled"));
    EXPECT_EQ(ask("GET", "/twinhub/routes", {}, "device").status, 401u);
}

}  // namespace
}  // namespace twinhub::gateway::http
