#include "fleet/table.h"

#include "fleet/testing/naive.h"
#include "fleet/testing/sample_fleet.h"
#include "twin/testing/generators.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace twinhub::fleet {
namespace {

using ::testing::ElementsAre;
using testing::NaiveReading;
using testing::Sample;
using testing::SampleFleet;
using twin::testing::any_twin;
using twin::testing::any_write;
using twin::testing::at;
using twin::testing::twin_of;

// What IdentityFacts borrows, owned.
struct Identity {
    std::string device_id;
    std::string module_id;
    std::string device_etag = "MTIz";
    std::string status_reason;
    std::string thumbprint;
    std::string scope;
    std::vector<std::string> parents;
    bool enabled = true;
    bool connected = false;
    bool edge = false;
    std::uint64_t messages = 0;
    Instant status_update = never;
    Instant last_activity = never;

    twin::IdentityFacts facts() const {
        return {.device_id = device_id,
                .module_id = module_id,
                .device_etag = device_etag,
                .enabled = enabled,
                .status_reason = status_reason,
                .status_update_time = status_update,
                .connected = connected,
                .last_activity_time = last_activity,
                .cloud_to_device_message_count = messages,
                .authentication_type = thumbprint.empty() ? "sas" : "selfSigned",
                .primary_thumbprint = thumbprint,
                .iot_edge = edge,
                .device_scope = scope,
                .parent_scopes = parents};
    }
};

void choose_facts(Identity& identity) {
    const auto some = [](const char* text) {
        return *rc::gen::element<std::string>("", text, "other");
    };
    identity.device_etag = some("NDgyMjAx");
    identity.status_reason = some("lost");
    identity.thumbprint = some("AB12");
    identity.scope = some("ms-azure-iot-edge://gw-1");
    using Scopes = std::vector<std::string>;
    identity.parents =
        *rc::gen::element(Scopes{}, Scopes{"ms-azure-iot-edge://gw-1"}, Scopes{"a", "b"});
    identity.enabled = *rc::gen::arbitrary<bool>();
    identity.connected = *rc::gen::arbitrary<bool>();
    identity.edge = *rc::gen::arbitrary<bool>();
    identity.messages = *rc::gen::inRange<std::uint64_t>(0, 5);
    identity.status_update = *rc::gen::element(never, at(1), at(2));
}

std::vector<query::Segment> path(std::initializer_list<const char*> keys) {
    return {keys.begin(), keys.end()};
}

std::optional<std::string> text_of(const Table& table, Row row,
                                   std::initializer_list<const char*> keys) {
    const Column* column = table.column(path(keys));
    Scratch scratch;
    if (column == nullptr || !column->value(row, scratch).is(query::Type::string)) return {};
    return std::string(column->value(row, scratch).string());
}

class Model {
public:
    explicit Model(bool modules) : modules_(modules) {}

    void step() {
        std::string device = *rc::gen::element<std::string>("a", "b", "dev-1", "dev-2", "Z");
        std::string module = modules_ ? *rc::gen::element<std::string>("m", "$edgeHub") : "";
        const std::pair<std::string, std::string> name{device, module};
        auto known = rows_.find(name);
        if (known == rows_.end()) {
            Entry entry{{.device_id = device, .module_id = module}, any_twin()};
            choose_facts(entry.identity);
            entry.row = table.put(entry.identity.facts(), entry.twin);
            rows_.emplace(name, entry);
            return;
        }
        Entry& entry = known->second;
        RC_ASSERT(table.find({device, module}) == entry.row);
        const bool told = *rc::gen::arbitrary<bool>();
        switch (*rc::gen::inRange(0, 9)) {
            case 0: {
                const twin::Twin next = any_twin();
                choose_facts(entry.identity);
                const Row row =
                    table.put(entry.identity.facts(), next, told ? &entry.twin : nullptr);
                RC_ASSERT(row == entry.row);
                entry.twin = next;
                return;
            }
            case 1:
                table.remove(entry.row, told ? &entry.twin : nullptr);
                rows_.erase(known);
                return;
            case 2:
                choose_facts(entry.identity);
                return table.set_facts(entry.row, entry.identity.facts());
            case 3:
                entry.identity.connected = !entry.identity.connected;
                entry.identity.last_activity = at(*rc::gen::inRange(0, 3));
                return table.set_presence(entry.row, entry.identity.connected,
                                          entry.identity.last_activity);
            default: {
                const auto applied = any_write(entry.twin, at(9));
                if (!applied) return;
                table.change(entry.row, entry.twin, applied->next);
                entry.twin = applied->next;
            }
        }
    }

    std::optional<std::string> difference() {
        NaiveReading reading(table);
        std::vector<Row> order;
        for (auto& [name, entry] : rows_) {
            order.push_back(entry.row);
            if (auto found = reading.difference(entry.identity.facts(), entry.twin)) return found;
        }
        if (!std::ranges::equal(order, table.ids())) return "the key order is another one";
        if (table.live_count() != rows_.size()) return "the count is another one";
        for (const Row row : {0u, 1u, 2u, 3u, 4u, 5u, 63u})
            if (!table.is_live(row))
                if (auto found = reading.difference(row)) return "dead: " + *found;
        return {};
    }

    void clear() {
        for (const auto& [name, entry] : rows_) table.remove(entry.row, &entry.twin);
        rows_.clear();
    }

    Table table;

private:
    struct Entry {
        Identity identity;
        twin::Twin twin;
        Row row = 0;
    };
    bool modules_;
    std::map<std::pair<std::string, std::string>, Entry> rows_;
};

RC_GTEST_PROP(Table, SaysWhatTheServiceViewsSay, (bool modules)) {
    Model model(modules);
    const std::size_t empty = model.table.memory().total();
    const int steps = *rc::gen::inRange(1, 40);
    for (int i = 0; i < steps; ++i) {
        model.step();
        if (i % 4 > 0) continue;
        if (const auto found = model.difference()) RC_FAIL(*found);
    }
    model.clear();
    if (const auto found = model.difference()) RC_FAIL(*found);
    RC_ASSERT(model.table.column(path({"tags"})) == nullptr);
    RC_ASSERT(model.table.column(path({"deviceId"})) == nullptr);
    RC_ASSERT(model.table.memory().total() < empty + 10'000);
}

TEST(Table, AChangeLooksOnlyAtWhatIsNotShared) {
    Table table;
    const twin::Twin was = twin_of(R"({"site":"a","hall":{"bay":4}})", R"({"mode":"auto"})",
                                   R"({"mode":"eco","climate":{"co2":800}})");
    const Row row = table.put({.device_id = "one"}, was);
    const twin::Twin is =
        twin::testing::after_report(was, R"({"climate":{"co2":null,"t":21}})", at(1));
    table.change(row, was, is);
    EXPECT_EQ(NaiveReading(table).difference({.device_id = "one"}, is), std::nullopt);
    EXPECT_EQ(table.column(path({"properties", "reported", "climate", "co2"})), nullptr);
    EXPECT_EQ(text_of(table, row, {"properties", "reported", "mode"}), "eco");
}

TEST(Table, DesiredAndReportedOfAPathShareADictionary) {
    Table table;
    for (int i = 0; i < 100; ++i)
        table.put({.device_id = "d" + std::to_string(i)},
                  twin_of("{}", R"({"fw":{"version":"2.4.1"}})",
                          i % 10 == 0 ? R"({"fw":{"version":"2.3.0"}})"
                                      : R"({"fw":{"version":"2.4.1"}})"));
    const Column* desired = table.column(path({"properties", "desired", "fw", "version"}));
    const Column* reported = table.column(path({"properties", "reported", "fw", "version"}));
    ASSERT_TRUE(desired && reported);
    EXPECT_EQ(&desired->dictionary(), &reported->dictionary());
    ASSERT_EQ(desired->form(), Form::codes8);
    ASSERT_EQ(reported->form(), Form::codes8);
    int drifted = 0;
    for (Row row = 0; row < table.row_count(); ++row)
        drifted += desired->codes8()[row] != reported->codes8()[row];
    EXPECT_EQ(drifted, 10);
}

TEST(Table, RowsOfTheGoneAreUsedAgainLowestFirst) {
    Table table;
    const twin::Twin twin = twin_of("{}", "{}");
    std::vector<Row> rows;
    for (const char* id : {"a", "b", "c", "d"}) rows.push_back(table.put({.device_id = id}, twin));
    EXPECT_THAT(rows, ElementsAre(0, 1, 2, 3));
    table.remove(2, &twin);
    table.remove(1, &twin);
    EXPECT_FALSE(table.is_live(1));
    EXPECT_EQ(table.row_count(), 4u);
    EXPECT_EQ(table.put({.device_id = "e"}, twin), 1u);
    EXPECT_EQ(table.put({.device_id = "f"}, twin), 2u);
    EXPECT_EQ(table.put({.device_id = "g"}, twin), 4u);
    std::vector<std::string> ids;
    table.for_each_from({"b", ""}, [&](Row row) {
        ids.emplace_back(table.key(row).device);
        return ids.size() < 3;
    });
    EXPECT_THAT(ids, ElementsAre("d", "e", "f"));
}

TEST(Table, IsDenseUpToItsCapacityAndUndefinedBeyondItsRows) {
    Table table;
    SampleFleet fleet;
    for (int i = 0; i < 1000; ++i) {
        const Sample sample = fleet.next();
        table.put(sample.facts(), sample.twin);
    }
    EXPECT_EQ(table.capacity() % 64, 0u);
    EXPECT_EQ(table.live().size() * 64, table.capacity());
    const Column* region = table.column(path({"tags", "region"}));
    ASSERT_TRUE(region && region->form() == Form::codes8);
    ASSERT_EQ(region->codes8().size(), table.capacity());
    for (Row row = 0; row < table.capacity(); ++row) {
        EXPECT_EQ(region->codes8()[row] != undefined_code, row < 1000);
        EXPECT_EQ(table.is_live(row), row < 1000);
    }
}

TEST(Table, ObserversHearOfARowWhileItIsStillTheOld) {
    struct Listener : Observer {
        explicit Listener(const Table& watched) : table(watched) {}
        void before_change(Row row) override {
            heard.push_back(std::to_string(row) + ":" +
                            (table.is_live(row)
                                 ? text_of(table, row, {"tags", "site"}).value_or("-") +
                                       text_of(table, row, {"connectionState"}).value_or("-")
                                 : "dead"));
        }
        const Table& table;
        std::vector<std::string> heard;
    };
    Table table;
    Listener listener(table);
    table.watch(listener);
    const twin::Twin first = twin_of(R"({"site":"a"})", "{}");
    const twin::Twin second = twin_of(R"({"site":"b"})", "{}");
    const Row row = table.put({.device_id = "one"}, first);
    table.change(row, first, second);
    table.set_presence(row, true, at(1));
    table.set_facts(row, {.device_id = "one"});
    table.put({.device_id = "one"}, first, &second);
    table.remove(row, &first);
    EXPECT_THAT(listener.heard, ElementsAre("0:dead", "0:aDisconnected", "0:bDisconnected",
                                            "0:bConnected", "0:bDisconnected", "0:aDisconnected"));
    const std::uint64_t revision = table.revision();
    EXPECT_EQ(revision, 6u);
    table.unwatch(listener);
    table.put({.device_id = "two"}, first);
    EXPECT_EQ(listener.heard.size(), 6u);
}

TEST(Table, ChildrenOfAnObjectComeInTheOrderOfTheirNames) {
    Table table;
    table.put({.device_id = "one"},
              twin_of(R"({"b":1,"a":{"x":1},"ü":2})", R"({"p":1})", R"({"q":1})"));
    const auto names = [&](std::initializer_list<const char*> keys) {
        std::string names;
        table.for_each_child(path(keys), [&](std::string_view name, const Column&) {
            names += std::string(name) + " ";
        });
        return names;
    };
    EXPECT_EQ(names({"tags"}), "a b ü ");
    EXPECT_EQ(names({"tags", "a"}), "x ");
    EXPECT_EQ(names({"tags", "b"}), "");
    EXPECT_EQ(names({"properties"}), "desired reported ");
    EXPECT_EQ(names({"properties", "desired"}), "p $version ");
    EXPECT_EQ(names({"properties", "reported"}), "q $version ");
    EXPECT_EQ(names({"x509Thumbprint"}), "primaryThumbprint secondaryThumbprint ");
    EXPECT_EQ(names({}),
              "deviceId etag deviceEtag status statusUpdateTime connectionState lastActivityTime "
              "cloudToDeviceMessageCount authenticationType x509Thumbprint modelId version "
              "properties capabilities tags ");
}

TEST(Table, KnowsWhatIsMetadata) {
    EXPECT_TRUE(Table::is_metadata(path({"properties", "desired", "$metadata"})));
    EXPECT_TRUE(
        Table::is_metadata(path({"properties", "reported", "$metadata", "a", "$lastUpdated"})));
    EXPECT_FALSE(Table::is_metadata(path({"properties", "desired", "$version"})));
    EXPECT_FALSE(Table::is_metadata(path({"tags", "$metadata"})));
}

TEST(Table, AnUsualFleetTakesLessThanFourHundredAndTwentyBytesATwinAndGivesThemBack) {
    Table table;
    SampleFleet fleet;
    std::vector<Sample> samples;
    const std::size_t empty = table.memory().total();
    for (int i = 0; i < 10'000; ++i) {
        samples.push_back(fleet.next());
        table.put(samples.back().facts(), samples.back().twin);
    }
    const std::size_t full = table.memory().total() - empty;
    EXPECT_LT(full / samples.size(), 420u);
    NaiveReading reading(table);
    for (std::size_t i = 0; i < samples.size(); i += 997)
        EXPECT_EQ(reading.difference(samples[i].facts(), samples[i].twin), std::nullopt);
    for (std::size_t i = 0; i < samples.size(); ++i)
        if (i % 10 != 0) table.remove(*table.find({samples[i].device_id, ""}), &samples[i].twin);
    for (std::size_t i = 0; i < samples.size(); i += 1000)
        EXPECT_EQ(reading.difference(samples[i].facts(), samples[i].twin), std::nullopt);
    for (std::size_t i = 0; i < samples.size(); i += 10)
        table.remove(*table.find({samples[i].device_id, ""}), &samples[i].twin);
    EXPECT_LT(table.memory().total(), empty + 10'000);
    EXPECT_EQ(table.row_count(), 0u);
}

// Every device has keys of its own: the cost is that of the leaves, not of rows times paths.
TEST(Table, AFleetWithoutACommonKeyCostsInProportionToItsLeaves) {
    Table table;
    std::vector<twin::Twin> twins;
    const std::size_t empty = table.memory().total();
    const int devices = 4000;
    const int leaves = 10;
    for (int i = 0; i < devices; ++i) {
        json::object reported;
        for (int k = 0; k < leaves; ++k)
            reported["key-" + std::to_string(i) + "-" + std::to_string(k)] =
                "v" + std::to_string(k);
        twins.push_back(twin_of("{}", "{}", to_text(reported)));
        table.put({.device_id = "d" + std::to_string(i)}, twins.back());
    }
    EXPECT_LT(table.memory().total() - empty, devices * leaves * 600u);
    EXPECT_EQ(NaiveReading(table).difference({.device_id = "d77"}, twins[77]), std::nullopt);
    for (int i = 0; i < devices; ++i)
        table.remove(*table.find({"d" + std::to_string(i), ""}),
                     &twins[static_cast<std::size_t>(i)]);
    EXPECT_LT(table.memory().total(), empty + 20'000);
}

}  // namespace
}  // namespace twinhub::fleet
