#include "gateway/http/bulk_json.h"

#include "base/encoding.h"
#include "base/json_members.h"
#include "gateway/http/identity_json.h"
#include "gateway/http/limits.h"
#include "gateway/http/reply.h"
#include "gateway/wire_status.h"
#include "twin/moved.h"

#include <array>
#include <set>

namespace twinhub::gateway::http {
namespace {

using hub::ImportMode;

struct ModeName {
    std::string_view text;
    ImportMode mode;
};
constexpr std::array modes{
    ModeName{"create", ImportMode::create},
    ModeName{"update", ImportMode::update},
    ModeName{"updateIfMatchETag", ImportMode::update_if_match},
    ModeName{"delete", ImportMode::remove},
    ModeName{"deleteIfMatchETag", ImportMode::remove_if_match},
    ModeName{"updateTwin", ImportMode::update_twin},
    ModeName{"updateTwinIfMatchETag", ImportMode::update_twin_if_match},
    ModeName{"createOrUpdate", ImportMode::create_or_update},
    ModeName{"createOrUpdateIfMatchETag", ImportMode::create_or_update_if_match},
};

Result<ImportMode> read_mode(const json::object& item) {
    TRY(const auto text, text_member(item, "importMode"));
    if (!text || text->empty()) return ImportMode::create_or_update;
    for (const ModeName& name : modes)
        if (equals_ignoring_case(*text, name.text)) return name.mode;
    return failure(Code::argument_invalid, "The import mode is unknown", "importMode");
}

Result<TwinId> read_id(const json::object& item) {
    TwinId id;
    TRY(const auto device, text_member(item, "id"));
    if (!device) return failure(Code::argument_invalid, "The item has no id", "id");
    TRY(id.device, DeviceId::parse(*device));
    TRY(const auto module, text_member(item, "moduleId"));
    if (module && !module->empty()) {
        TRY(id.module, ModuleId::parse(*module));
    }
    return id;
}

// The *IfMatchETag modes need the etag that they are named after.
Result<twin::Match> read_match(const json::object& item, ImportMode mode) {
    std::string_view member;
    switch (mode) {
        case ImportMode::update_if_match:
        case ImportMode::remove_if_match:
        case ImportMode::create_or_update_if_match: member = "eTag"; break;
        case ImportMode::update_twin_if_match: member = "twinETag"; break;
        default: return twin::Match::any();
    }
    TRY(const auto etag, text_member(item, member));
    if (!etag || etag->empty())
        return failure(Code::argument_invalid, "The import mode needs an etag",
                       std::string(member));
    return twin::Match::parse(*etag);
}

bool writes_twin(ImportMode mode) {
    switch (mode) {
        case ImportMode::create:
        case ImportMode::create_or_update:
        case ImportMode::create_or_update_if_match:
        case ImportMode::update_twin:
        case ImportMode::update_twin_if_match: return true;
        default: return false;
    }
}

Result<std::optional<twin::ServiceUpdate>> read_twin(const json::object& item) {
    json::object parts;
    if (const json::value* tags = item.if_contains("tags")) parts["tags"] = *tags;
    const json::value* properties = item.if_contains("properties");
    if (properties != nullptr && !properties->is_null()) parts["properties"] = *properties;
    if (parts.empty()) return std::nullopt;
    TRY(twin::ServiceUpdate update, twin::parse_service_update(parts, twin::Kind::patch));
    return update;
}

// Our own addition: `"twinhub":{"moved":true}` says that tags and properties are those of a twin
// that comes from another hub, with what was reported and with $metadata.
Result<bool> is_moved(const json::object& item) {
    TRY(const json::object* own, object_member(item, "twinhub"));
    if (own == nullptr) return false;
    TRY(const auto moved, flag_member(*own, "moved"));
    return moved.value_or(false);
}

Result<hub::BulkItem> read_item(const json::object& object, Instant now) {
    hub::BulkItem item;
    TRY(const TwinId id, read_id(object));
    TRY(item.mode, read_mode(object));
    TRY(item.spec, read_identity_members(object, id));
    TRY(item.match, read_match(object, item.mode));
    TRY(const bool moved, is_moved(object));
    if (moved && item.mode != ImportMode::create)
        return failure(Code::argument_invalid, "A twin can only move to a new identity",
                       "twinhub.moved");
    if (moved) {
        TRY(item.moved, twin::parse_moved(object, now));
    } else if (writes_twin(item.mode)) {
        TRY(item.initial_twin, read_twin(object));
    }
    return item;
}

// For the report only: whatever text is there, shortened to what an id may be.
std::string name_in(const json::object& item, std::string_view member) {
    const json::value* value = item.if_contains(member);
    const json::string* text = value == nullptr ? nullptr : value->if_string();
    if (text == nullptr || text->size() > id_bytes_max) return {};
    return std::string(text->data(), text->size());
}

}  // namespace

Result<BulkRequest> read_bulk(const json::value& body, Instant now) {
    if (!body.is_array()) return failure(Code::format_invalid, "The body must be a JSON array");
    const json::array& list = body.get_array();
    if (list.size() > bulk_items_max)
        return failure(Code::too_many_devices, "A request holds at most 100 items, this one " +
                                                   std::to_string(list.size()));
    BulkRequest request;
    std::set<TwinId> seen;
    for (const json::value& value : list) {
        if (!value.is_object())
            return failure(Code::format_invalid, "Each item must be a JSON object");
        const json::object& object = value.get_object();
        auto item = read_item(object, now);
        if (item && !seen.insert(item->spec.id).second)
            item = failure(Code::device_defined_multiple_times,
                           "The request names " + item->spec.id.text() + " more than once");
        if (item) request.items.push_back(std::move(*item));
        else
            request.refused.push_back(
                {name_in(object, "id"), name_in(object, "moduleId"), std::move(item).error()});
    }
    return request;
}

std::string_view bulk_error_name(Code code) {
    switch (code) {
        case Code::argument_invalid:
        case Code::device_not_found:
        case Code::device_already_exists:
        case Code::module_not_found:
        case Code::module_already_exists:
        case Code::precondition_failed:
        case Code::device_defined_multiple_times:
        case Code::format_invalid:
        case Code::too_many_devices: return wire_status(code).name;
        case Code::too_many_modules: return wire_status(Code::too_many_devices).name;
        default:
            return wire_status(wire_status(code).http() < 500 ? Code::argument_invalid
                                                              : Code::internal)
                .name;
    }
}

void append_bulk_result(std::string& out, const std::vector<BulkFailure>& failures) {
    out += failures.empty() ? R"({"isSuccessful":true,"errors":[)"
                            : R"({"isSuccessful":false,"errors":[)";
    for (std::size_t i = 0; i < failures.size(); ++i) {
        out += i == 0 ? R"({"deviceId":)" : R"(,{"deviceId":)";
        append_json_string(out, failures[i].device);
        if (!failures[i].module.empty()) {
            out += R"(,"moduleId":)";
            append_json_string(out, failures[i].module);
        }
        out += R"(,"errorCode":")";
        out += bulk_error_name(failures[i].error.code);
        out += R"(","errorStatus":)";
        append_json_string(out, error_text(failures[i].error));
        out += '}';
    }
    out += R"(],"warnings":[]})";
}

}  // namespace twinhub::gateway::http
