#include "provisioning/hubs/place.h"
#include "provisioning/limits.h"

namespace twinhub::provisioning {

twin::ServiceUpdate service_part(const twin::Twin& twin) {
    const auto all_of = [](const twin::Node& node) {
        return twin::Patch::trusted(node.to_json().as_object(), twin::Patch::Mode::replace);
    };
    return {
        .kind = twin::Kind::replace, .tags = all_of(twin.tags), .desired = all_of(twin.desired)};
}

// Each step can be done again: as long as the device is in the old hub, what is in the new one is a
// copy that nobody was told of; once it is not, the copy is all there is.
Task<Result<bool>> move(Place& from, Place& to, Placement placement) {
    CO_TRY(std::optional<Luggage> luggage, co_await from.pack(placement.device));
    if (!luggage) co_return co_await to.place(std::move(placement));
    for (int i = 0; i < moves_max; ++i) {
        CO_TRY_VOID(co_await to.unpack(placement, *luggage));
        CO_TRY(std::optional<Luggage> now, co_await from.pack(placement.device));
        if (!now || *now == *luggage) {
            CO_TRY_VOID(co_await from.remove(placement.device, placement.author));
            co_return false;
        }
        luggage = std::move(now);
    }
    co_return failure(Code::unavailable,
                      "The device's twin is written so often that it cannot move: try again");
}

}  // namespace twinhub::provisioning
