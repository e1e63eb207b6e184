#include "store/engine.h"

namespace twinhub::store {

std::unique_ptr<Cursor> Engine::scan(Family family, const Range& range) const {
    return snapshot()->scan(family, range);
}

Source rising(const Source& source) {
    return
        [&source, last = std::optional<std::string>()]() mutable -> Result<std::optional<Entry>> {
            TRY(const std::optional<Entry> entry, source());
            if (!entry) return entry;
            if (last && entry->key <= *last)
                return failure(Code::argument_invalid,
                               "The records to load are not in order of their keys");
            last = std::string(entry->key);
            return entry;
        };
}

Result<std::optional<std::string>> Engine::last_key(Family family, const Range& range) const {
    const auto cursor = scan(family, range);
    cursor->seek_last();
    if (cursor->valid()) return std::string(cursor->key());
    TRY_VOID(cursor->status());
    return std::nullopt;
}

}  // namespace twinhub::store
