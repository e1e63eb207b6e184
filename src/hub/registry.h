#pragma once

#include "base/task.h"
#include "hub/author.h"
#include "hub/views.h"
#include "twin/etag.h"
#include "twin/twin.h"
#include "twin/update.h"

#include <optional>
#include <string>
#include <vector>

namespace twinhub::hub {

class Shards;

enum class ImportMode : std::uint8_t {
    create,
    update,
    update_if_match,
    remove,
    remove_if_match,
    update_twin,
    update_twin_if_match,
    create_or_update,
    create_or_update_if_match,
};

// One line of a bulk request (spec service-api 4.6).
struct BulkItem {
    ImportMode mode = ImportMode::create_or_update;
    IdentitySpec spec;  // spec.id names the device or module
    twin::Match match;  // for the *_if_match modes
    std::optional<twin::ServiceUpdate>
        initial_twin;                 // tags and desired, for create and update_twin
    std::optional<twin::Twin> moved;  // for create, instead: a twin that comes from another hub
};

struct BulkError {
    TwinId id;
    Error error;
};

enum class KeyChoice : std::uint8_t { primary, secondary, both };

struct RotatedKey {
    TwinId id;
    std::string primary_key, secondary_key;
};

struct RotationResult {
    std::vector<RotatedKey> rotated;
    std::vector<BulkError> errors;
};

// The identity registry (spec service-api 4). Callable on any loop: each call travels to the loop
// of the device's shard and comes back with a result that is already durable. Reads are strongly
// consistent.
class Registry {
public:
    explicit Registry(Shards& shards) : shards_(shards) {}

    // Errors: device_not_found, module_not_found.
    Task<Result<IdentityView>> get(TwinId id);

    // Creates the identity and its twin in one commit: a fresh one, or one that begins with
    // `initial`. Generates keys where none are given.
    // Errors: device_already_exists, module_already_exists, device_not_found (of a module),
    // argument_invalid, device_scope_invalid, too_many_devices, too_many_modules.
    Task<Result<IdentityView>> create(IdentitySpec spec, Author author,
                                      std::optional<twin::ServiceUpdate> initial = std::nullopt);

    // The same with a twin that comes from another hub (twin/moved.h), whole and in the same
    // commit.
    Task<Result<IdentityView>> adopt(IdentitySpec spec, twin::Twin moved, Author author);

    // Replaces an existing identity. Errors: as create; precondition_failed.
    Task<Result<IdentityView>> update(IdentitySpec spec, twin::Match match, Author author);

    // Removes the identity, its twin and, for a device, its modules. `match` must be given.
    Task<Result<>> remove(TwinId id, twin::Match match, Author author);

    // Up to `top` devices (no modules), in no promised order.
    Task<Result<std::vector<IdentityView>>> list(std::size_t top);
    // Errors: device_not_found.
    Task<Result<std::vector<IdentityView>>> modules(DeviceId device);
    Task<Result<Statistics>> statistics();

    // Applies every item; not one transaction: good items stay when others fail. Errors in item
    // order.
    Task<std::vector<BulkError>> bulk(std::vector<BulkItem> items, Author author);

    // An id that is named twice is renewed once, so that every key told is in force. Errors of an
    // item: not found, operation_invalid when it does not use keys.
    Task<RotationResult> regenerate_keys(std::vector<TwinId> ids, KeyChoice choice, Author author);

private:
    Task<Result<>> apply(BulkItem item, Author author);
    Shards& shards_;
};

}  // namespace twinhub::hub
