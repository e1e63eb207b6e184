#pragma once

#include "hub/history/change_log.h"

#include <cstdint>
#include <optional>

namespace twinhub::hub {

// Walks the changes of one id from the newest back, over its deletions and re-creations.
class ChangeWalk {
public:
    ChangeWalk(const ChangeLog& log, const ChangeLog::Present& present);
    // From behind one change, which must be one of this id.
    static Result<ChangeWalk> before(const ChangeLog& log, std::uint64_t sequence);

    // The next older change; nothing at the end of what is kept.
    Result<std::optional<KeptChange>> next();

    // After the end: an older change of the same life was there once, and is forgotten.
    bool is_cut_off() const { return cut_off_; }

private:
    explicit ChangeWalk(const ChangeLog& log) : log_(&log) {}
    void step_over(const KeptChange& change);

    const ChangeLog* log_;
    std::uint64_t next_ = 0;            // to be read; 0: look for an earlier life
    std::uint64_t bound_ = ~0ULL >> 8;  // an earlier life ended before this one
    bool ended_ = false;
    bool cut_off_ = false;
};

}  // namespace twinhub::hub
