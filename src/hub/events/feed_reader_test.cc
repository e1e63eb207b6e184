#include "hub/events/feed_reader.h"

#include "hub/changes/changes.h"
#include "hub/testing/histories.h"
#include "twin/view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace twinhub::hub {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

json::value value(std::string_view text) { return parse_json(text).value(); }

std::shared_ptr<const Route> route_of(std::string condition = {},
                                      std::vector<std::string> project = {}) {
    return std::make_shared<const Route>(
        Route::make({.name = "r",
                     .sources = {EventSource::twin_changes, EventSource::lifecycle},
                     .condition = std::move(condition),
                     .project = std::move(project),
                     .sink = "s",
                     .dead_letter = {}})
            .value());
}

// One route of a hub, as it is after each start.
struct Reading {
    Reading(TestHub& test, std::shared_ptr<const Route> route)
        : hub(test),
          cursors(RouteCursors::open(test.hub(), test.hub().shards().at(0).executor()).value()),
          reader(test.hub(), test.hub().shards().at(0).executor(), cursors, std::move(route)) {}

    std::vector<RoutedEvent> all_from(ChangeCursor from) {
        std::vector<RoutedEvent> events;
        while (true) {
            auto page = hub.run(reader.page(from));
            EXPECT_TRUE(page) << (page ? "" : page.error().message);
            if (!page) return events;
            std::ranges::move(page->events, std::back_inserter(events));
            from = page->next;
            if (page->at_end) return events;
        }
    }
    std::vector<std::string> kinds_from(ChangeCursor from) {
        std::vector<std::string> kinds;
        for (const RoutedEvent& routed : all_from(from))
            kinds.push_back(routed.event.twin.text() + " " + routed.event.kind);
        return kinds;
    }

    TestHub& hub;
    std::shared_ptr<RouteCursors> cursors;
    FeedReader reader;
};

TEST(FeedReader, TellsWhatHappenedInOrder) {
    TestHub hub;
    hub.create(spec_of("d1"));
    ASSERT_TRUE(hub.patch(id_of("d1"), R"({"tags":{"site":"a"}})"));
    ASSERT_TRUE(hub.run(hub.twins().update(
        id_of("d1"), patch_of(R"({"tags":{"site":"b"}})", twin::Kind::replace), {}, author_of())));
    ASSERT_TRUE(hub.run(hub.registry().remove(id_of("d1"), {}, author_of())));
    Reading reading(hub, route_of());
    EXPECT_THAT(reading.kinds_from({}), ElementsAre("d1 createDeviceIdentity", "d1 updateTwin",
                                                    "d1 replaceTwin", "d1 deleteDeviceIdentity"));
    const auto events = reading.all_from({});
    EXPECT_EQ(value(events[2].event.body).at("tags"), value(R"({"site":"b"})"));
    EXPECT_THAT(reading.kinds_from(events[1].after),
                ElementsAre("d1 replaceTwin", "d1 deleteDeviceIdentity"));
    EXPECT_THAT(reading.kinds_from(reading.reader.newest()), IsEmpty());
}

TEST(FeedReader, JudgesByTheTwinAsTheChangeLeftIt) {
    TestHub hub;
    hub.create(spec_of("d1"));
    ASSERT_TRUE(hub.patch(id_of("d1"), R"({"tags":{"site":"EU"}})"));
    ASSERT_TRUE(hub.patch(id_of("d1"), R"({"properties":{"desired":{"n":1}}})"));
    ASSERT_TRUE(hub.patch(id_of("d1"), R"({"tags":{"site":"US"}})"));
    ASSERT_TRUE(hub.patch(id_of("d1"), R"({"properties":{"desired":{"n":2}}})"));
    Reading reading(hub, route_of("$twin.tags.site = 'EU'", {"$body.properties.desired.n"}));
    std::vector<std::string> bodies;
    for (const RoutedEvent& routed : reading.all_from({})) bodies.push_back(routed.event.body);
    EXPECT_THAT(bodies, ElementsAre("{}", R"({"n":1})"));
}

TEST(FeedReader, CountsWhatCannotBeDecided) {
    TestHub hub;
    hub.create(spec_of("d1"));
    ASSERT_TRUE(hub.patch(id_of("d1"), R"({"tags":{"site":"EU"}})"));
    Reading reading(hub, route_of("$body.tags.site = 'EU'"));
    const auto page = hub.run(reading.reader.page({}));
    ASSERT_TRUE(page);
    EXPECT_EQ(page->events.size(), 1u);
    EXPECT_EQ(page->undefined, 1u);  // of the creation, which had no tags
}

TEST(RouteCursors, AreThereAfterACrash) {
    TestHub hub;
    hub.create(spec_of("d1"));
    ChangeCursor place;
    {
        Reading reading(hub, route_of());
        EXPECT_FALSE(reading.reader.saved());
        place = reading.reader.newest();
        ASSERT_TRUE(hub.run(reading.reader.save(place)));
        EXPECT_EQ(reading.reader.saved(), place);
    }
    hub.create(spec_of("d2"));
    ASSERT_TRUE(hub.crash());
    Reading reading(hub, route_of());
    ASSERT_EQ(reading.reader.saved(), place);
    EXPECT_THAT(reading.kinds_from(place), ElementsAre("d2 createDeviceIdentity"));
}

TEST(RouteCursors, MakeNoChangesThemselves) {
    TestHub hub;
    hub.create(spec_of("d1"));
    Reading reading(hub, route_of());
    const ChangeCursor newest = reading.reader.newest();
    ASSERT_TRUE(hub.run(reading.reader.save(newest)));
    EXPECT_EQ(reading.reader.newest(), newest);
}

// What a consumer makes of the events: twins by id, folded.
using Twins = std::map<std::string, json::value>;

json::value merged(json::value target, const json::value& patch) {
    if (!patch.is_object()) return patch;
    json::object result = target.is_object() ? target.get_object() : json::object();
    for (const auto& [name, change] : patch.get_object()) {
        if (change.is_null()) result.erase(name);
        else result[name] = merged(result.contains(name) ? result[name] : json::value(), change);
    }
    return result;
}

json::value without_metadata(json::value body) {
    for (const char* part : {"desired", "reported"})
        if (auto* properties = body.as_object().if_contains("properties"))
            if (auto* section = properties->as_object().if_contains(part))
                section->as_object().erase("$metadata");
    return body;
}

void fold(Twins& twins, const HubEvent& event) {
    json::value body = without_metadata(value(event.body));
    json::value& twin = twins[event.twin.text()];
    if (event.kind == "deleteDeviceIdentity") twins.erase(event.twin.text());
    else if (event.kind == "updateTwin") twin = merged(std::move(twin), body);
    else twin = std::move(body);
}

json::value section_as_told(const twin::Twin& twin, twin::Part part) {
    std::string text;
    twin::append_section(text, twin, part, twin::Metadata::without);
    return value(text);
}

// Whatever happens to the hub, the events, folded, are its twins; and each twin's come in order.
RC_GTEST_PROP(FeedReader, EventsFoldedAreTheTwins, ()) {
    TestHub hub({}, 1 + below(3));
    TestLink link;
    const std::size_t steps = below(40);
    for (std::size_t i = 0; i < steps; ++i) change_something(hub, link);
    hub.settle();
    Twins twins;
    std::map<std::string, std::uint64_t> last;
    Reading reading(hub, route_of());
    for (const RoutedEvent& routed : reading.all_from({})) {
        std::uint64_t& before = last[routed.event.twin.text()];
        RC_ASSERT(routed.event.sequence > before);
        before = routed.event.sequence;
        fold(twins, routed.event);
    }
    for (int device = 0; device < 6; ++device)
        for (const char* module : {"", "m"}) {
            const TwinId id = id_of("d" + std::to_string(device), module);
            const auto view = hub.run(hub.twins().get(id));
            RC_ASSERT(twins.contains(id.text()) == view.has_value());
            if (!view) continue;
            const json::value& told = twins[id.text()];
            RC_ASSERT(told.at("version").to_number<std::uint64_t>() == view->twin.versions.version);
            RC_ASSERT(told.at_pointer("/properties/desired") ==
                      section_as_told(view->twin, twin::Part::desired));
            RC_ASSERT(told.at_pointer("/properties/reported") ==
                      section_as_told(view->twin, twin::Part::reported));
            RC_ASSERT(told.at("tags") == section_as_told(view->twin, twin::Part::tags));
        }
}

}  // namespace
}  // namespace twinhub::hub
