#include "hub/fleet_views/path_facts.h"

#include "fleet/scan/trees.h"
#include "hub/limits.h"
#include "hub/shard.h"
#include "twin/drift/paths.h"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <unordered_map>

namespace twinhub::hub {
namespace {

using query::Segment;
using Way = std::vector<Segment>;

struct Place {
    Way way;
    std::string text;
};

// By reference, as it grows: `way` and `text` come back as they were.
void find_places(const fleet::Table& table, Way& way, std::string& text,
                 std::vector<Place>& found) {
    std::vector<std::string> names;
    table.for_each_child(way, [&](std::string_view name, const fleet::Column&) {
        if (!name.starts_with('$')) names.emplace_back(name);
    });
    for (std::string& name : names) {
        if (found.size() >= fleet_paths_max) return;
        const std::size_t length = text.size();
        text += '.';
        text += name;
        way.emplace_back(std::move(name));
        found.push_back({way, text});
        find_places(table, way, text, found);
        way.pop_back();
        text.resize(length);
    }
}

std::vector<Place> places_of(const fleet::Table& table) {
    std::vector<Place> found;
    for (Way root : {Way{"tags"}, Way{"properties", "desired"}, Way{"properties", "reported"}}) {
        std::string text;
        for (const Segment& segment : root) {
            if (!text.empty()) text += '.';
            text += std::get<std::string>(segment);
        }
        find_places(table, root, text, found);
    }
    return found;
}

void look_at(const fleet::Column& column, PathFacts& facts) {
    std::unordered_map<fleet::Code, std::uint64_t> codes;
    std::set<double> numbers;
    column.for_each([&](fleet::Row, fleet::Word word) {
        if (!word.is_number()) {
            ++codes[word.code()];
            return;
        }
        ++facts.types[static_cast<std::size_t>(query::Type::number)];
        if (numbers.size() <= path_values_max) numbers.insert(word.number());
    });
    const auto note = [&facts](const query::Value& value) {
        if (facts.values.size() >= path_values_max) facts.exact = false;
        else facts.values.insert(to_text(fleet::to_json(value)));
    };
    for (const double number : numbers) note(query::Value::number(number));
    for (const auto& [code, count] : codes) {
        fleet::Scratch scratch;
        const query::Value value = column.dictionary().value(code, scratch);
        facts.types[static_cast<std::size_t>(value.type())] += count;
        // What an object holds has paths of its own.
        if (!value.is(query::Type::object)) note(value);
    }
}

}  // namespace

void PathFacts::add(const PathFacts& more) {
    devices += more.devices;
    for (std::size_t i = 0; i < types.size(); ++i) types[i] += more.types[i];
    values.insert(more.values.begin(), more.values.end());
    exact = exact && more.exact;
    bytes += more.bytes;
}

Task<Result<std::vector<PathFacts>>> path_facts(Shard& shard, const Clock& clock) {
    const fleet::Table& table = shard.columns().table(query::Collection::devices);
    const std::vector<Place> places = places_of(table);
    std::vector<PathFacts> all;
    Moment began = clock.monotonic();
    for (const Place& place : places) {
        // It may have gone meanwhile.
        const fleet::Column* const column = table.column(place.way);
        if (column != nullptr) {
            PathFacts& facts = all.emplace_back(PathFacts{.path = place.text});
            facts.devices = column->count();
            facts.bytes = column->bytes();
            look_at(*column, facts);
        }
        if (clock.monotonic() - began < slice_time) continue;
        co_await asio::post(shard.executor(), asio::use_awaitable);
        began = clock.monotonic();
    }
    co_return all;
}

}  // namespace twinhub::hub
