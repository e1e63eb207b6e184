#include "base/json_members.h"

namespace twinhub {
namespace {

const json::value* find(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    return value == nullptr || value->is_null() ? nullptr : value;
}

std::unexpected<Error> wrong_type(std::string_view name, std::string_view wanted) {
    return failure(Code::argument_invalid, "The member must be " + std::string(wanted),
                   std::string(name));
}

}  // namespace

Result<std::optional<std::string>> text_member(const json::object& object, std::string_view name) {
    const json::value* value = find(object, name);
    if (value == nullptr) return std::nullopt;
    const json::string* text = value->if_string();
    if (text == nullptr) return wrong_type(name, "a string");
    return std::string(text->data(), text->size());
}

Result<std::optional<bool>> flag_member(const json::object& object, std::string_view name) {
    const json::value* value = find(object, name);
    if (value == nullptr) return std::nullopt;
    const bool* flag = value->if_bool();
    if (flag == nullptr) return wrong_type(name, "true or false");
    return *flag;
}

Result<std::optional<std::int64_t>> integer_member(const json::object& object,
                                                   std::string_view name) {
    const json::value* value = find(object, name);
    if (value == nullptr) return std::nullopt;
    const std::int64_t* number = value->if_int64();
    if (number == nullptr) return wrong_type(name, "a whole number");
    return *number;
}

Result<const json::object*> object_member(const json::object& object, std::string_view name) {
    const json::value* value = find(object, name);
    if (value == nullptr) return nullptr;
    if (!value->is_object()) return wrong_type(name, "an object");
    return value->if_object();
}

Result<const json::array*> array_member(const json::object& object, std::string_view name) {
    const json::value* value = find(object, name);
    if (value == nullptr) return nullptr;
    if (!value->is_array()) return wrong_type(name, "an array");
    return value->if_array();
}

std::string text_in(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string())
                                                  : std::string();
}

std::string text_in(const json::value& value, std::string_view name) {
    return text_at(value, {name});
}

std::string text_at(const json::value& value, std::initializer_list<std::string_view> path) {
    const json::value* at = &value;
    for (const std::string_view name : path) {
        at = at->is_object() ? at->get_object().if_contains(name) : nullptr;
        if (at == nullptr) return {};
    }
    return at->is_string() ? std::string(at->get_string()) : std::string();
}

}  // namespace twinhub
