#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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
    // Policy name for a service; empty for a device: it is the twin's own; principal_of_work()
    // for jobs, configurations and rollouts.
    std::string principal;
    std::string on_behalf_of;  // of standing work: the principal who ordered it
    std::string change;        // reserved: id of a change record
    std::string reason;        // reserved: free text
    std::string request_id;    // the client's request id, shortened to 64 bytes
    std::string client;        // address of the peer

    friend bool operator==(const Author&, const Author&) = default;
};

// The author of what standing work does in the name of who ordered it: a "job", a "configuration"
// or a "rollout" with its id. History, drift and the feed find the work by this principal.
inline std::string principal_of_work(std::string_view kind, std::string_view id) {
    return "system:" + std::string(kind) + "/" + std::string(id);
}
struct WorkName {
    std::string_view kind, id;
};
inline std::optional<WorkName> work_of(std::string_view principal) {
    constexpr std::string_view prefix = "system:";
    if (!principal.starts_with(prefix)) return std::nullopt;
    principal.remove_prefix(prefix.size());
    const std::size_t slash = principal.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    return WorkName{principal.substr(0, slash), principal.substr(slash + 1)};
}
inline Author author_of_work(Cause cause, std::string_view kind, std::string_view id,
                             const Author& ordered_by) {
    Author author = ordered_by;
    author.cause = cause;
    author.principal = principal_of_work(kind, id);
    author.on_behalf_of = ordered_by.principal;
    return author;
}

}  // namespace twinhub::hub
