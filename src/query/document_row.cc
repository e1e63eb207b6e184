#include "query/document_row.h"

namespace twinhub::query {

Value find(const json::object& document, const Path& path) {
    const json::object* object = &document;
    const json::value* at = nullptr;
    for (const Segment& segment : path.segments) {
        if (const auto* key = std::get_if<std::string>(&segment)) {
            if (!object) return {};
            at = object->if_contains(*key);
        } else {
            const json::array* array = at ? at->if_array() : nullptr;
            at = array ? array->if_contains(std::get<std::uint32_t>(segment)) : nullptr;
        }
        if (!at) return {};
        object = at->if_object();
    }
    return Value::of(*at);
}

}  // namespace twinhub::query
