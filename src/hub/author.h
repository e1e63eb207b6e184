#pragma once

#include <cstdint>
#include <string>

namespace twinhub::hub {

// What made a change happen. Stored: never renumber.
enum class Cause : std::uint8_t {
    service = 0,  // a REST request
    device = 1,   // a report
    provisioning = 2,
    job = 3,
    configuration = 4,
    rollback = 5,
    import = 6,
};

// Who changed something and why: part of every commit record (design, idea 5), handed down as a
// value from the door that let the request in. Empty fields cost a byte each in the record.
struct Author {
    Cause cause = Cause::service;
    std::string principal;  // policy name for a service; empty for a device: it is the twin's own
    std::string on_behalf_of;  // reserved: the person behind a service
    std::string change;        // reserved: id of a change record
    std::string reason;        // reserved: free text
    std::string request_id;    // the client's request id, shortened to 64 bytes
    std::string client;        // address of the peer

    friend bool operator==(const Author&, const Author&) = default;
};

}  // namespace twinhub::hub
