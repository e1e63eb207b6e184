#pragma once

#include "hub/drift/drifts.h"
#include "twin/apply.h"
#include "twin/etag.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

// What a PATCH or PUT would do to a twin now, without doing it.
struct TwinCheck {
    struct Leaf {
        twin::Part part = twin::Part::desired;
        std::string path;
        std::optional<json::value> before;  // nothing: it is not there
        std::optional<json::value> after;
    };
    struct Limit {
        std::string_view name;  // tagsBytes, desiredBytes
        std::size_t value = 0;
        std::size_t limit = 0;
    };
    // A desired property whose device has not come to the value that it would lose.
    struct Replaced {
        std::string path;
        std::string by;  // who asked for that value; empty: not known any more
    };
    std::optional<Error> error;  // nothing: it would be done
    std::string etag;            // of the twin that it was held against
    std::vector<Leaf> changes;
    std::size_t unchanged = 0;  // leaves that it names and that have their value already
    std::vector<Limit> limits;  // as they would be, or as they are when it would be refused
    std::vector<Replaced> replaces_pending;
};

// Pure. `update`: as it was read, or why it could not be.
TwinCheck check_update(const TwinDrift& now, Result<twin::ServiceUpdate> update,
                       const twin::Match& match, Instant at);

}  // namespace twinhub::hub
