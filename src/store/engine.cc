#include "store/engine.h"

namespace twinhub::store {

std::unique_ptr<Cursor> Engine::scan(Family family, const Range& range) const {
    return snapshot()->scan(family, range);
}

Result<std::optional<std::string>> Engine::last_key(Family family, const Range& range) const {
    const auto cursor = scan(family, range);
    cursor->seek_last();
    if (cursor->valid()) return std::string(cursor->key());
    TRY_VOID(cursor->status());
    return std::nullopt;
}

}  // namespace twinhub::store
