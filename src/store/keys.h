#pragma once

#include "base/ids.h"
#include "store/engine.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// How keys are laid out. All of it is part of the disk format (tested by vectors).
namespace twinhub::store {

// Identities and twins: slot (2 bytes, big endian), device id, 0x00, module id. A device has an
// empty module id. So a slot is one range, and a device and its modules are neighbours, device
// first. Ids never contain NUL.
std::string twin_key(const TwinId& id);
void append_twin_key(std::string& out, const TwinId& id);
// Nothing when the bytes are not such a key, or the slot is not the device's.
std::optional<TwinId> parse_twin_key(std::string_view key);

Range slot_range(Slot slot);                 // every twin (or change) of a slot
Range slots_range(Slot first, Slot last);    // of the slots first..last, both included
Range device_range(const DeviceId& device);  // a device and its modules
Range modules_range(const DeviceId& device);

// Changes: slot (2 bytes, big endian), sequence (8 bytes, big endian).
struct ChangeKey {
    Slot slot = 0;
    std::uint64_t sequence = 0;
    friend bool operator==(const ChangeKey&, const ChangeKey&) = default;
};
std::string change_key(Slot slot, std::uint64_t sequence);
void append_change_key(std::string& out, Slot slot, std::uint64_t sequence);
std::optional<ChangeKey> parse_change_key(std::string_view key);
// The changes of a slot with sequences first..last, both included.
Range changes_range(Slot slot, std::uint64_t first, std::uint64_t last);

// Metadata: an area (one byte), then text.
enum class Area : char {
    store = 'S',  // written by the engine alone
    hub = 'H',
    slot = 's',            // one fact of a slot: its number as 2 bytes, big endian, then text
    presence = 'p',        // twin key: when a device was last seen, what its session kept
    job = 'j',             // job id: a scheduled job
    job_device = 'd',      // job id, NUL, twin key: what became of it at one device
    configuration = 'c',   // configuration id: an automatic configuration
    applied = 'k',         // twin key: what configurations made of the twin
    rollout = 'o',         // rollout id
    rollout_device = 'w',  // rollout id, NUL, twin key: what it did to one device
    commit = 'n',          // number (8 bytes, big endian): which changes became durable with it
    route = 't',           // name: how far a route has delivered
    event = 'u',           // number (8 bytes, big endian): an event that routes have yet to deliver
    session = 'v',         // twin key, number (8 bytes): one connection of a device
    enrollment = 'e',      // lower-case registration id: an individual enrollment
    enrollment_group = 'g',  // lower-case group id
    registration = 'r',      // lower-case registration id: where a device was assigned to
    linked_hub = 'l',        // lower-case host name: another hub that devices are assigned to
    group_member = 'm',      // lower-case group id, NUL, lower-case registration id
    authority = 'a',         // name: a certificate authority of the hub's devices
    message = 'q',           // twin key and sequence: a message that waits for a device
    message_body = 'b',      // the same: what it says
    feedback = 'f',          // slot and sequence: how a message ended
    series = 'y',            // 'm' or 'h', path, NUL, number (8 bytes): a minute or an hour
    ended = 'x',             // twin key and sequence (8 bytes): a deletion that history holds
};
std::string metadata_key(Area area, std::string_view text);
Range area_range(Area area);

// All keys that start with `prefix`.
Range prefix_range(std::string_view prefix);

}  // namespace twinhub::store
