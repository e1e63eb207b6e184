#pragma once

#include "base/result.h"
#include "hub/author.h"
#include "hub/identity.h"
#include "hub/state.h"
#include "twin/change.h"
#include "twin/flat_twin.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

// The bodies of the hub's stored records; the store frames them (store/record.h). Formats only
// grow: a reader skips what it does not know behind what it does.
namespace twinhub::hub {

inline constexpr std::uint16_t identity_format = 1;
inline constexpr std::uint16_t twin_record_format = 2;  // since 2: with its drift
inline constexpr std::uint16_t change_record_format = 1;
inline constexpr std::uint16_t hub_state_format = 1;
inline constexpr std::uint16_t checkpoint_format = 1;

void append_encoded(std::string& out, const Identity& identity);
Result<Identity> decode_identity(std::string_view bytes);
// The same into one that was in use, for its memory. After an error it is of no use.
Result<> decode_identity_into(Identity& identity, std::string_view bytes);

void append_encoded(std::string& out, const Presence& presence);
Result<Presence> decode_presence(std::string_view bytes);

// A twin's document with the place of its newest change.
void append_twin_record(std::string& out, const State& state);
// Fills twin, sequence, ordinal and drift of `state`.
Result<> decode_twin_record(std::string_view bytes, State& state);
// The document alone, without its trees.
Result<> decode_flat_record(std::string_view bytes, twin::FlatTwin& twin,
                            std::optional<Drift>& drift);

// What happened to an identity or twin. Stored: never renumber.
enum class ChangeKind : std::uint8_t {
    twin = 0,
    created = 1,
    deleted = 2,
    identity = 3,
    model = 4
};

// One line of the past (design, idea 5): the change with its inverse, who, when and why. Changes of
// a twin form a chain through `previous`, so that its history is walked without an index.
struct ChangeRecord {
    ChangeKind kind = ChangeKind::twin;
    TwinId id;
    std::uint64_t ordinal = 0;   // 1 = creation
    std::uint64_t previous = 0;  // sequence of the twin's change before this one; 0 = none
    Instant at{};
    Author author;
    twin::Change change;  // kind twin
    // created: the twin it began with (twin/codec.h), empty when that was a fresh one of `at`;
    // identity: the fields that changed, by name; model: old NUL new; deleted: the twin it ended
    // with (twin/codec.h), empty in records of older releases.
    std::string detail;
    // identity, deleted: what the registry knew before, less its keys; nothing in records of older
    // releases.
    std::shared_ptr<const Identity> identity_before;
};

void append_encoded(std::string& out, const ChangeRecord& record);
Result<ChangeRecord> decode_change_record(std::string_view bytes);

}  // namespace twinhub::hub
