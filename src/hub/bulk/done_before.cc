#include "hub/bulk/done_before.h"

#include "hub/history/change_log.h"

namespace twinhub::hub {

Result<std::optional<twin::Versions>> done_before(std::shared_ptr<const store::Snapshot> snapshot,
                                                  const TwinId& id, std::uint64_t sequence,
                                                  const ChangeMark& mark) {
    const ChangeLog log(std::move(snapshot), id);
    while (sequence != 0) {
        TRY(const std::optional<KeptChange> kept, log.read(sequence));
        if (!kept || kept->record.at < mark.since) break;
        const ChangeRecord& record = kept->record;
        if (record.kind == ChangeKind::twin && record.author.principal == mark.principal &&
            record.author.cause == mark.cause)
            return std::optional(record.change.after);
        if (record.kind == ChangeKind::created) break;
        sequence = record.previous;
    }
    return std::optional<twin::Versions>{};
}

}  // namespace twinhub::hub
