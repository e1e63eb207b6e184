#include "hub/drift/wishes.h"

#include "hub/record.h"
#include "store/keys.h"
#include "store/record.h"

namespace twinhub::hub {
namespace {

constexpr std::size_t changes_max = 2000;

}  // namespace

std::map<std::uint64_t, Wish> find_wishes(const store::Engine& engine, const TwinId& id,
                                          std::uint64_t sequence,
                                          std::set<std::uint64_t> versions) {
    std::map<std::uint64_t, Wish> found;
    const Slot slot = slot_of(id.device);
    for (std::size_t looked = 0; sequence != 0 && !versions.empty() && looked < changes_max;
         ++looked) {
        const std::string key = store::change_key(slot, sequence);
        const auto value = engine.get(store::Family::changes, key);
        if (!value || !*value) break;
        const auto opened =
            store::open(store::Kind::change, change_record_format, "changes", key, **value);
        if (!opened) break;
        auto record = decode_change_record(opened->body);
        if (!record || record->id != id) break;
        const bool made = record->kind == ChangeKind::created;
        const bool wished = record->kind == ChangeKind::twin && record->change.desired;
        const std::uint64_t version = made ? 1 : record->change.after.desired;
        if ((made || wished) && versions.erase(version) != 0)
            found.emplace(version, Wish{record->at, std::move(record->author)});
        if (made) break;
        sequence = record->previous;
    }
    return found;
}

}  // namespace twinhub::hub
