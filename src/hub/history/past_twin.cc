#include "hub/history/past_twin.h"

#include "twin/codec.h"

namespace twinhub::hub {
namespace {

std::unexpected<Error> broken(const ChangeRecord& change) {
    return failure(Code::corrupted, "A change of '" + change.id.text() +
                                        "' did not lead to the twin that came after it");
}

Result<> revive(PastTwin& now, const ChangeRecord& deletion) {
    if (deletion.detail.empty())
        return failure(Code::history_unavailable, "The twin that '" + deletion.id.text() +
                                                      "' had when it was deleted was not kept");
    TRY(now.twin, twin::decode_twin(deletion.detail));
    now.exists = true;
    return {};
}

}  // namespace

Result<> take_back(PastTwin& now, const ChangeRecord& change) {
    if ((change.kind == ChangeKind::deleted) == now.exists) return broken(change);
    switch (change.kind) {
        case ChangeKind::deleted: return revive(now, change);
        case ChangeKind::created: now = {}; return {};
        case ChangeKind::identity: return {};
        case ChangeKind::model: {
            const std::size_t nul = change.detail.find('\0');
            if (nul == std::string::npos || change.detail.substr(nul + 1) != now.twin.model_id)
                return broken(change);
            now.twin.model_id = change.detail.substr(0, nul);
            return {};
        }
        case ChangeKind::twin: {
            TRY(now.twin, twin::undo(now.twin, change.change));
            return {};
        }
    }
    return broken(change);
}

}  // namespace twinhub::hub
