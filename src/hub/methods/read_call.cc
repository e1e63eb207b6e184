#include "hub/methods/read_call.h"

#include "base/json_members.h"

#include <algorithm>

namespace twinhub::hub {
namespace {

constexpr std::int64_t seconds_max = 1'000'000;  // far beyond any limit: just not to overflow

Result<> read_seconds(const json::object& body, std::string_view name,
                      std::chrono::seconds& seconds) {
    TRY(const auto number, integer_member(body, name));
    if (number) seconds = std::chrono::seconds(std::clamp(*number, -seconds_max, seconds_max));
    return {};
}

}  // namespace

Result<MethodCall> read_method_call(const json::object& body) {
    MethodCall call;
    TRY(const auto name, text_member(body, "methodName"));
    if (!name) return failure(Code::argument_null, "The method has no name", "methodName");
    call.name = *name;
    TRY_VOID(read_seconds(body, "responseTimeoutInSeconds", call.response_timeout));
    TRY_VOID(read_seconds(body, "connectTimeoutInSeconds", call.connect_timeout));
    if (const json::value* payload = body.if_contains("payload")) {
        call.payload.clear();
        append_json(call.payload, *payload);
    }
    return call;
}

}  // namespace twinhub::hub
