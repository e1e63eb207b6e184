#include "base/twin_id.h"

namespace twinhub {

Result<TwinId> parse_twin_id(std::string_view text) {
    const std::size_t slash = text.find('/');
    TwinId id;
    TRY(id.device, DeviceId::parse(text.substr(0, slash)));
    if (slash != std::string_view::npos) {
        TRY(id.module, ModuleId::parse(text.substr(slash + 1)));
    }
    return id;
}

}  // namespace twinhub
