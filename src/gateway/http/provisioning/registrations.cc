#include "gateway/http/provisioning/handlers.h"
#include "gateway/http/provisioning/page.h"
#include "provisioning/views.h"

namespace twinhub::gateway::http {

namespace dps = twinhub::provisioning;

Task<Result<>> get_registration(Call& call) {
    CO_TRY(dps::ProvisioningId id, enrollment_id(call));
    CO_TRY(const dps::Registration registration,
           co_await call.provisioning->registration(std::move(id)));
    dps::append_registration(call.reply.body, registration);
    call.reply.etag = registration.etag;
    co_return Result<>{};
}

Task<Result<>> delete_registration(Call& call) {
    CO_TRY(dps::ProvisioningId id, enrollment_id(call));
    CO_TRY(twin::Match match, match_of(call));
    CO_TRY_VOID(co_await call.provisioning->remove_registration(std::move(id), std::move(match)));
    call.reply.status = 204;
    co_return Result<>{};
}

// Some clients send a query here, some send nothing (spec service-api 11.1): all of the group's.
Task<Result<>> query_registrations(Call& call) {
    CO_TRY(dps::ProvisioningId group, enrollment_id(call));
    CO_TRY(PageRequest page, page_request(call, "registrations " + group.key()));
    CO_TRY(const dps::RegistrationPage found,
           co_await call.provisioning->registrations(std::move(group), page.cursor, page.items));
    char separator = '[';
    for (const dps::Registration& registration : found.registrations) {
        call.reply.body += separator;
        separator = ',';
        dps::append_registration(call.reply.body, registration);
    }
    call.reply.body += separator == '[' ? "[]" : "]";
    end_page(call, page, "DeviceRegistration", found.cursor);
    co_return Result<>{};
}

Task<Result<>> get_provisioning(Call& call) {
    std::string& body = call.reply.body;
    body += R"({"idScope":)";
    append_json_string(body, call.provisioning->settings().id_scope);
    body += R"(,"iotHubs":[)";
    char separator = 0;
    for (const dps::LinkedHub& hub : call.provisioning->hubs()) {
        if (separator != 0) body += separator;
        separator = ',';
        body += R"({"name":)";
        append_json_string(body, hub.host);
        body += R"(,"allocationWeight":)";
        append_json_number(body, std::uint64_t{hub.weight});
        body += R"(,"devicesAssigned":)";
        append_json_number(body, hub.assigned);
        body += '}';
    }
    body += "]}";
    co_return Result<>{};
}

}  // namespace twinhub::gateway::http
