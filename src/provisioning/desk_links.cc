// Hubs elsewhere that devices are assigned to, kept at the first desk.
#include "base/encoding.h"
#include "provisioning/desk.h"
#include "provisioning/limits.h"
#include "store/engine.h"

namespace twinhub::provisioning {

using store::Family;

namespace {

constexpr const char* lane = "linked hubs";  // one change after the other: there are few

Error no_link() { return {Code::not_found, "No hub of this name is linked", {}}; }

std::optional<HubLink> value_of(const std::shared_ptr<const HubLink>& link) {
    return link == nullptr ? std::nullopt : std::optional(*link);
}

}  // namespace

Task<Result<HubLink>> Desk::put_link(HubLinkWish wish, twin::Match match) {
    const hub::Lanes::Guard guard = co_await lanes_.enter(lane);
    const std::optional<HubLink> current = value_of(parts_.links.find(wish.host));
    if (current && match.is_absent())
        co_return failure(Code::device_already_exists,
                          "This hub is linked already: say If-Match to change its link");
    if (!current && !match.is_absent()) co_return std::unexpected(no_link());
    if (current && !match.matches(current->etag))
        co_return failure(Code::precondition_failed, "The etag does not match");
    if (!current && is_own(wish.host))
        co_return failure(Code::argument_invalid,
                          "This is a name of the hub itself, which needs no link", "name");
    if (!current && parts_.links.size() >= links_max)
        co_return failure(Code::too_many_devices, "There are too many linked hubs already");
    CO_TRY(HubLink next, make_link(current, wish, parts_.hub.clock().now(), parts_.hub.random()));
    const std::string key = link_key(next.host);
    queue_.batch().put(Family::metadata, key, sealed(next, key));
    CO_TRY_VOID(co_await settled());
    parts_.links.put(next);
    co_return next;
}

Task<Result<>> Desk::remove_link(std::string host, twin::Match match) {
    const hub::Lanes::Guard guard = co_await lanes_.enter(lane);
    const std::optional<HubLink> current = value_of(parts_.links.find(host));
    if (!current) co_return std::unexpected(no_link());
    if (!match.matches(current->etag))
        co_return failure(Code::precondition_failed, "The etag does not match");
    queue_.batch().remove(Family::metadata, link_key(host));
    CO_TRY_VOID(co_await settled());
    parts_.links.remove(host);
    co_return Result<>{};
}

}  // namespace twinhub::provisioning
