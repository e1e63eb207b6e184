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
    rollout = 7,
};
inline constexpr Cause last_cause = Cause::rollout;

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
// Of a configuration its version stands behind the id, which holds no '@': one that is changed
// later did not make what an earlier state of it made.
struct WorkName {
    std::string_view kind, id;
    std::string_view version;  // a number; empty: not known
};
inline std::string_view without_version(std::string_view principal) {
    return principal.starts_with("system:configuration/") ? principal.substr(0, principal.find('@'))
                                                          : principal;
}
inline std::optional<WorkName> work_of(std::string_view principal) {
    constexpr std::string_view prefix = "system:";
    if (!principal.starts_with(prefix)) return std::nullopt;
    const std::string_view name = without_version(principal);
    const std::size_t slash = name.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    WorkName work{name.substr(prefix.size(), slash - prefix.size()), name.substr(slash + 1), {}};
    if (name.size() < principal.size()) work.version = principal.substr(name.size() + 1);
    return work;
}
inline Author author_of_work(Cause cause, std::string_view kind, std::string_view id,
                             const Author& ordered_by) {
    Author author = ordered_by;
    author.cause = cause;
    author.principal = principal_of_work(kind, id);
    author.on_behalf_of = ordered_by.principal;
    return author;
}
inline Author author_of_configuration(std::string_view id, std::uint64_t version,
                                      const Author& ordered_by) {
    Author author = author_of_work(Cause::configuration, "configuration", id, ordered_by);
    author.principal += "@" + std::to_string(version);
    return author;
}

}  // namespace twinhub::hub
