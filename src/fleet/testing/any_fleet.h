#pragma once

#include "fleet/testing/model_fleet.h"

#include <rapidcheck.h>

#include <span>
#include <string>
#include <vector>

namespace twinhub::fleet::testing {

// The fleets of a few shards, and what happens to them. To be used inside of a property.
class AnyFleet {
public:
    explicit AnyFleet(std::size_t shards) : shards_(shards) {}

    // Puts a twin of query::testing::any_twin; modules have an even and an odd one each device.
    void put_any(bool module);
    // One of put, replace, patch, presence and remove.
    void change_any(bool module);
    // Many twins that are alike but for a number, a text and a time of their own, so that columns
    // take the forms that they have in large fleets.
    void put_many(std::size_t count);

    std::vector<ModelFleet*> shards();
    std::vector<json::object> documents() const;

private:
    ModelFleet& shard_of(std::string_view device_id);
    Model any_model(std::string device, std::string module) const;

    std::vector<ModelFleet> shards_;
    std::size_t made_ = 0;
};

}  // namespace twinhub::fleet::testing
