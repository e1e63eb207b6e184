#include "fleet/testing/any_fleet.h"

#include "base/ids.h"
#include "query/testing/generators.h"

#include <fmt/format.h>

namespace twinhub::fleet::testing {
namespace {

std::size_t below(std::size_t bound) { return *rc::gen::inRange<std::size_t>(0, bound); }

constexpr Instant start{std::chrono::seconds{1'772'000'000}};

// The section with one more member.
twin::Node with(const twin::Node& section, std::string_view key, const json::value& value) {
    json::object members = section.to_json().get_object();
    members[key] = value;
    return twin::build(members, section.stamp());
}

}  // namespace

ModelFleet& AnyFleet::shard_of(std::string_view device_id) {
    return shards_[stable_hash(device_id) % shards_.size()];
}

std::vector<ModelFleet*> AnyFleet::shards() {
    std::vector<ModelFleet*> all;
    all.reserve(shards_.size());
    for (ModelFleet& shard : shards_) all.push_back(&shard);
    return all;
}

std::vector<json::object> AnyFleet::documents() const {
    std::vector<json::object> all;
    for (const ModelFleet& shard : shards_)
        for (json::object& document : shard.documents()) all.push_back(std::move(document));
    return all;
}

Model AnyFleet::any_model(std::string device, std::string module) const {
    return model_of(*query::testing::any_twin(std::move(device), std::move(module)));
}

void AnyFleet::put_any(bool module) {
    // Few ids: some are there already and are replaced, some were removed before.
    const std::string device = fmt::format("d{}", below(24));
    shard_of(device).put(any_model(device, module ? fmt::format("m{}", below(2)) : ""));
}

void AnyFleet::change_any(bool module) {
    ModelFleet& shard = shards_[below(shards_.size())];
    const std::size_t what = below(8);
    if (shard.size() == 0 || what == 0) return put_any(module);
    const Model of = shard.model(below(shard.size()));
    switch (what) {
        case 1: return shard.remove(of);
        case 2: return shard.set_presence(of, below(2) == 0, start + std::chrono::hours(below(9)));
        case 3: return shard.put(any_model(of.device_id, of.module_id));
        default: {
            // Whole sections of another twin: what they have in common stays.
            const Model other = any_model(of.device_id, of.module_id);
            twin::Twin twin = of.twin;
            if (what != 4) twin.reported = other.twin.reported;
            if (what == 4) twin.tags = other.twin.tags;
            if (what == 5) twin.desired = other.twin.desired;
            ++twin.versions.version;
            ++twin.versions.reported;
            return shard.change(of, std::move(twin));
        }
    }
}

void AnyFleet::put_many(std::size_t count) {
    std::vector<Model> kinds;
    kinds.reserve(7);
    for (std::size_t i = 0; i < 7; ++i) kinds.push_back(any_model("kind", ""));
    const std::size_t numbers = 1 + below(count);
    for (std::size_t i = 0; i < count; ++i) {
        Model model = kinds[below(kinds.size())];
        const std::size_t number = made_++;
        model.device_id = fmt::format("m{:06}", number * 7919 % 1'000'003);
        model.last_activity_time = start + std::chrono::seconds(number % 5000);
        if (i % 3 != 0)
            model.twin.tags = with(model.twin.tags, "a", static_cast<double>(number % numbers) / 8);
        if (i % 5 != 0)
            model.twin.tags = with(model.twin.tags, "b", json::string(fmt::format("t{}", number)));
        if (i % 50 == 0)
            model.twin.tags = with(model.twin.tags, "type", json::string(fmt::format("{}", i % 7)));
        if (i % 2 == 0) {
            model.twin.desired = with(model.twin.desired, "b", number % 700);
            model.twin.reported = with(model.twin.reported, "b", number % (i % 11 == 0 ? 10 : 700));
        }
        shard_of(model.device_id).put(model);
    }
}

}  // namespace twinhub::fleet::testing
