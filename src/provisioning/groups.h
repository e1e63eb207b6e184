#pragma once

#include "base/shared_value.h"
#include "provisioning/attest.h"

#include <memory>
#include <string_view>
#include <vector>

namespace twinhub::provisioning {

// All enrollment groups: an immutable set that every loop reads, swapped whole when one changes.
class Groups {
public:
    Groups() = default;
    explicit Groups(std::vector<Group> groups) : groups_(std::move(groups)) {}

    const std::vector<Group>& all() const { return groups_; }
    const Group* find(std::string_view key) const;  // by its id in lower case
    // The same set with that group in it, instead of the one of its id if there is one.
    std::shared_ptr<const Groups> with(Group group) const;
    std::shared_ptr<const Groups> without(std::string_view key) const;

private:
    std::vector<Group> groups_;
};

using SharedGroups = SharedValue<const Groups>;

}  // namespace twinhub::provisioning
