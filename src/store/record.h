#pragma once

#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace twinhub::store {

// What a stored value is. The numbers are part of the disk format: add, never change.
enum class Kind : std::uint8_t {
    store_state = 1,  // the store's own format and owner
    identity = 2,
    twin = 3,
    change = 4,
    hub_state = 5,   // counters, policies and other facts of the hub
    checkpoint = 6,  // up to where a shard's documents contain its changes
    enrollment = 20,
    registration = 21,
    linked_hub = 22,     // a hub that devices are assigned to
    authority = 30,      // a certificate authority
    message = 7,         // a part of a message to a device
    feedback = 8,        // how such a message ended
    commit = 40,         // which changes one write made durable
    job = 44,            // what a scheduled job is to do
    job_state = 45,      // how far it is
    job_devices = 46,    // what became of it at some devices
    configuration = 50,  // what a configuration is to do
    applied = 51,        // what configurations made of a twin
    rollout = 60,
    rollout_device = 61,  // what a rollout did to one device
    route = 41,           // how far a route has delivered
    passing_event = 42,   // an event that routes have yet to deliver
    series = 62,          // how the fleet stood in a minute or an hour
};

// How the body of a kind is laid out; each kind counts its own formats from 1.
using Format = std::uint16_t;

// Every stored value is framed, so that damage is found where it is read and told by name:
//
//   0      1      2         4            8          12
//   +------+------+---------+------------+----------+--------
//   | 0xD7 | kind | format  | body bytes | CRC-32C  | body ...
//   +------+------+---------+------------+----------+--------
//
// Numbers are little endian. The checksum covers the first eight bytes, the key and the body: a
// value that turns up under another key does not open.
inline constexpr std::size_t frame_bytes = 12;

// Appends the framed value to `out`, which is not cleared. The body must be below 4 GiB.
void seal(Kind kind, Format format, std::string_view key, std::string_view body, std::string& out);
// The framed value alone.
std::string sealed(Kind kind, Format format, std::string_view key, std::string_view body);

struct Opened {
    Format format = 0;
    std::string_view body;  // into the value given
};

// Checks the frame and returns the body. `newest` is the newest format this release can read, and
// `family` the table's name for the message. Errors: corrupted, with family and printable key, for
// any damage or another kind; not_implemented when the record is sound and of a newer format.
// Total: any bytes are answered.
Result<Opened> open(Kind kind, Format newest, std::string_view family, std::string_view key,
                    std::string_view value);

// The key with everything but printable ASCII as \xNN, shortened when long: for messages.
std::string printable(std::string_view key);

}  // namespace twinhub::store
