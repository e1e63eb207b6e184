#pragma once

#include "base/task.h"
#include "hub/author.h"
#include "hub/views.h"
#include "twin/etag.h"
#include "twin/update.h"

#include <optional>
#include <string>

namespace twinhub::hub {

class Shards;

// Twins as services see them (spec service-api 5). Callable on any loop; an answer is durable.
class Twins {
public:
    explicit Twins(Shards& shards) : shards_(shards) {}

    // Errors: device_not_found (also for a missing module twin, service-api O7).
    Task<Result<TwinView>> get(TwinId id);

    // Merges (PATCH) or replaces (PUT) as `update.kind` says; answers with the whole new twin.
    // Errors: device_not_found, precondition_failed, argument_invalid with the path.
    Task<Result<TwinView>> update(TwinId id, twin::ServiceUpdate update, twin::Match match,
                                  Author author);

    // Puts a twin back to `initial` (provisioning, spec twin-document 10): tags and desired are
    // replaced, reported is cleared, in one commit. Errors: device_not_found, argument_invalid.
    Task<Result<TwinView>> reset(TwinId id, twin::ServiceUpdate initial, Author author);

    enum class Collection : std::uint8_t { devices, modules };
    // The seam of the query language: all twins of a collection, page by page in key order.
    // `cursor` is empty for the first page. Errors: argument_invalid for a foreign cursor.
    Task<Result<TwinPage>> page(Collection collection, std::string cursor, std::size_t limit);

private:
    Shards& shards_;
};

}  // namespace twinhub::hub
