#include "provisioning/groups.h"

#include <algorithm>

namespace twinhub::provisioning {
namespace {

auto named(std::string_view key) {
    return [key](const Group& group) { return group.enrollment->id.key() == key; };
}

}  // namespace

const Group* Groups::find(std::string_view key) const {
    const auto found = std::ranges::find_if(groups_, named(key));
    return found == groups_.end() ? nullptr : &*found;
}

std::shared_ptr<const Groups> Groups::with(Group group) const {
    std::vector<Group> next = groups_;
    const auto found = std::ranges::find_if(next, named(group.enrollment->id.key()));
    if (found != next.end()) *found = std::move(group);
    else next.push_back(std::move(group));
    // In this order they are tried, also after the next start.
    std::ranges::sort(next, {}, [](const Group& each) { return each.enrollment->id.key(); });
    return std::make_shared<const Groups>(std::move(next));
}

std::shared_ptr<const Groups> Groups::without(std::string_view key) const {
    std::vector<Group> next = groups_;
    std::erase_if(next, named(key));
    return std::make_shared<const Groups>(std::move(next));
}

}  // namespace twinhub::provisioning
