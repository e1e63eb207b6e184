#include "twin/update.h"

#include "twin/limits.h"
#include "twin/rules.h"

namespace twinhub::twin {
namespace {

// One part of a service's body; null clears it. Moves out of a body that may be moved from.
template <class Value>
Result<Patch> read_part(Value& value, Part part, Kind kind) {
    const Patch::Mode mode = kind == Kind::patch ? Patch::Mode::merge : Patch::Mode::replace;
    if (value.is_null()) return Patch::trusted({}, Patch::Mode::replace);
    if (!value.is_object())
        return failure(Code::argument_invalid, std::string(path_of(part)) + " must be an object",
                       std::string(path_of(part)));
    json::object body = std::move(value.get_object());
    // Clients send whole twins back (spec twin-document 2.10).
    for (const char* name : {"$metadata", "$version"})
        if (const auto found = body.find(name); found != body.end()) body.stable_erase(found);
    return Patch::check(std::move(body), part, mode);
}

template <class Object>
Result<ServiceUpdate> read_update(Object& body, Kind kind) {
    ServiceUpdate update;
    update.kind = kind;
    if (auto* tags = body.if_contains("tags")) {
        TRY(update.tags, read_part(*tags, Part::tags, kind));
    }
    auto* properties = body.if_contains("properties");
    if (properties == nullptr) return update;
    if (properties->is_null())
        return failure(Code::argument_null, "properties must not be null", "properties");
    if (!properties->is_object())
        return failure(Code::argument_invalid, "properties must be an object", "properties");
    if (auto* desired = properties->get_object().if_contains("desired")) {
        TRY(update.desired, read_part(*desired, Part::desired, kind));
    }
    return update;
}

}  // namespace

Result<Patch> Patch::check(json::object body, Part part, Mode mode) {
    TRY_VOID(
        check_values(body, path_of(part), mode == Mode::replace ? Nulls::dropped : Nulls::kept));
    return trusted(std::move(body), mode);
}

Patch Patch::trusted(json::object body, Mode mode) {
    Patch patch;
    patch.body_ = std::move(body);
    patch.mode_ = mode;
    return patch;
}

Result<ServiceUpdate> parse_service_update(std::string_view body, Kind kind) {
    TRY(json::value value, parse_json(body, {.bytes_max = update_bytes_max}));
    if (!value.is_object()) return failure(Code::format_invalid, "The body must be a JSON object");
    return read_update(value.get_object(), kind);
}

Result<ServiceUpdate> parse_service_update(const json::object& body, Kind kind) {
    return read_update(body, kind);
}

Result<Patch> parse_report(std::string_view body) {
    TRY(json::value value, parse_json(body, {.bytes_max = update_bytes_max}));
    if (!value.is_object())
        return failure(Code::argument_invalid, "The reported properties must be a JSON object");
    return Patch::check(std::move(value.get_object()), Part::reported, Patch::Mode::merge);
}

}  // namespace twinhub::twin
