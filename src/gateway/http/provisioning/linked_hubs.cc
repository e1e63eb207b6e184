// Hubs elsewhere that devices are assigned to. Azure keeps them in its management plane, which a
// hub of one's own has not: the JSON is that of its IotHubDefinitionDescription.
#include "base/json_members.h"
#include "gateway/http/provisioning/handlers.h"

namespace twinhub::gateway::http {
namespace {

namespace dps = twinhub::provisioning;

std::string host_of(const Call& call) {
    return std::string(segment_of(call.route, call.request, "{id}"));
}

Result<dps::HubLinkWish> read_link(const json::object& body, std::string host) {
    dps::HubLinkWish wish;
    wish.host = std::move(host);
    TRY(wish.connection_string, text_member(body, "connectionString"));
    TRY(const auto weight, integer_member(body, "allocationWeight"));
    if (weight && *weight < 0)
        return failure(Code::argument_invalid, "The weight must not be negative",
                       "allocationWeight");
    if (weight) wish.weight = static_cast<std::uint64_t>(*weight);
    TRY(wish.applies, flag_member(body, "applyAllocationPolicy"));
    return wish;
}

void show(Reply& reply, const dps::HubLink& link) {
    dps::append_link(reply.body, link);
    reply.etag = link.etag;
}

}  // namespace

Task<Result<>> list_linked_hubs(Call& call) {
    char separator = '[';
    for (const auto& link : call.provisioning->links()) {
        call.reply.body += separator;
        separator = ',';
        dps::append_link(call.reply.body, *link);
    }
    call.reply.body += separator == '[' ? "[]" : "]";
    co_return Result<>{};
}

Task<Result<>> get_linked_hub(Call& call) {
    const auto link = call.provisioning->link(host_of(call));
    if (link == nullptr) co_return failure(Code::not_found, "No hub of this name is linked");
    show(call.reply, *link);
    co_return Result<>{};
}

Task<Result<>> put_linked_hub(Call& call) {
    CO_TRY(twin::Match match, match_of(call));
    CO_TRY(const json::object body, json_object(call));
    CO_TRY(dps::HubLinkWish wish, read_link(body, host_of(call)));
    CO_TRY(const dps::HubLink link,
           co_await call.provisioning->put_link(std::move(wish), std::move(match)));
    show(call.reply, link);
    co_return Result<>{};
}

Task<Result<>> delete_linked_hub(Call& call) {
    CO_TRY(twin::Match match, match_of(call));
    CO_TRY_VOID(co_await call.provisioning->remove_link(host_of(call), std::move(match)));
    call.reply.status = 204;
    co_return Result<>{};
}

}  // namespace twinhub::gateway::http
