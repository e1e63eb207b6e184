#include "query/value.h"

#include <utility>

namespace twinhub::query {

Value Value::of(const json::value& tree) {
    switch (tree.kind()) {
        case json::kind::null: return null();
        case json::kind::bool_: return boolean(tree.get_bool());
        case json::kind::int64: return number(static_cast<double>(tree.get_int64()));
        case json::kind::uint64: return number(static_cast<double>(tree.get_uint64()));
        case json::kind::double_: return number(tree.get_double());
        case json::kind::string: {
            const json::string& text = tree.get_string();
            return string({text.data(), text.size()});
        }
        case json::kind::array:
        case json::kind::object: {
            Value value(tree.is_array() ? Type::array : Type::object);
            value.tree_ = &tree;
            return value;
        }
    }
    std::unreachable();
}

}  // namespace twinhub::query
