#include "twin/drift/paths.h"

namespace twinhub::twin::drift {

Keys keys_of(std::string_view path) {
    Keys keys;
    while (true) {
        const std::size_t dot = path.find('.');
        keys.push_back(path.substr(0, dot));
        if (dot == std::string_view::npos) return keys;
        path.remove_prefix(dot + 1);
    }
}

const Node* node_at(const Node& root, std::span<const std::string_view> keys) {
    const Node* node = &root;
    for (const std::string_view key : keys)
        if (node != nullptr) node = node->find(key);
    return node;
}

void append_key(std::string& path, std::size_t depth, std::string_view key) {
    if (depth > 0) path += '.';
    path += key;
}

std::string_view above(const Keys& keys, std::string_view path, std::size_t depth) {
    const std::string_view last = keys[depth - 1];
    return path.substr(0, static_cast<std::size_t>(last.data() + last.size() - path.data()));
}

bool is_at_or_below(std::string_view path, std::string_view above) {
    return path.starts_with(above) && (path.size() == above.size() || path[above.size()] == '.');
}

}  // namespace twinhub::twin::drift
