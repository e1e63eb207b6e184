#pragma once

#include "base/clock.h"
#include "provisioning/hubs/remote.h"

#include <memory>

namespace twinhub::provisioning {

// A hub elsewhere, asked over its service interface from one loop.
class ForeignHub final : public Place {
public:
    struct Seams {
        const AskHub& ask;
        const Clock& clock;
        std::size_t loop = 0;
    };
    ForeignHub(std::shared_ptr<const HubLink> link, Seams seams)
        : link_(std::move(link)), seams_(seams) {}

    Task<Result<bool>> place(Placement placement) override;
    // A service cannot clear what was reported there: the device is removed and made again, with
    // the standing that it had.
    Task<Result<bool>> place_afresh(Placement placement) override;
    Task<Result<std::optional<Luggage>>> pack(DeviceId device) override;
    Task<Result<>> unpack(Placement placement, Luggage luggage) override;
    Task<Result<>> remove(DeviceId device, hub::Author author) override;

    Task<Result<std::uint64_t>> load();  // how many devices it has

private:
    Task<Result<json::value>> ask(Question question);
    // The answer; nothing when what was asked about is not there.
    Task<Result<std::optional<json::value>>> look_for(Question question);

    std::shared_ptr<const HubLink> link_;
    Seams seams_;
};

}  // namespace twinhub::provisioning
