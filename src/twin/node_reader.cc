#include "twin/node_reader.h"

#include <algorithm>

namespace twinhub::twin {

std::unexpected<Error> NodeReader::damaged(std::string_view what) const {
    return failure(Code::corrupted,
                   "The stored " + std::string(what) + " is damaged or of a newer format",
                   "offset " + std::to_string(in_.offset()));
}

json::value NodeReader::plain(std::size_t depth) {
    const std::uint8_t bits = in_.byte();
    if (bits > kind_mask) in_.fail();
    const auto kind = static_cast<NodeKind>(bits & kind_mask);
    if (kind == null) return nullptr;
    if (kind == object) return plain_members(depth);
    return content(kind, depth, [](auto&& content) -> json::value {
        return json_of(std::forward<decltype(content)>(content));
    });
}

json::array NodeReader::elements(std::size_t depth) {
    if (depth > nesting_max) in_.fail();
    std::size_t count = in_.count();
    json::array elements;
    elements.reserve(std::min(count, reserve_max));
    for (; count > 0 && !failed(); --count) elements.push_back(plain(depth + 1));
    return elements;
}

json::object NodeReader::plain_members(std::size_t depth) {
    if (depth > nesting_max) in_.fail();
    std::size_t count = in_.count();
    json::object members;
    members.reserve(std::min(count, reserve_max));
    for (; count > 0 && !failed(); --count) {
        const std::string_view key = in_.text();
        if (!members.emplace(json::string_view(key.data(), key.size()), plain(depth + 1)).second)
            in_.fail();
    }
    return members;
}

}  // namespace twinhub::twin
