#pragma once

#include "base/result.h"
#include "hub/identity.h"

#include <optional>
#include <string_view>

namespace twinhub::hub {

// The records of a twin: what the store has under its key in each family; nothing where there is
// none. Borrowed.
struct StoredTwin {
    std::string_view key;  // store::twin_key
    std::optional<std::string_view> identity;
    std::optional<std::string_view> twin;
    std::optional<std::string_view> presence;
};

// Their bodies, taken out of their frames: for hub/record.h.
struct TwinBodies {
    std::optional<std::string_view> identity;
    std::optional<std::string_view> twin;  // there is one if there is an identity
    std::optional<std::string_view> presence;
};

// Errors: corrupted or not_implemented, with the name of the record; an identity without a twin is
// damage, too.
Result<TwinBodies> open_records(const StoredTwin& stored);
// The same but for the twin, which is not asked for.
Result<TwinBodies> open_identity(const StoredTwin& stored);

// decode_identity of record.h, and it must be that of this id.
Result<> decode_identity_of(const TwinId& id, std::string_view body, Identity& identity);

// A presence as it is when a hub starts: what the last run left open ended with it, when it was
// last heard of.
Result<Presence> presence_at_start(std::string_view body, Ticks session_age);

}  // namespace twinhub::hub
