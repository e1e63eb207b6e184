#pragma once

#include "base/ids.h"
#include "base/time.h"
#include "hub/author.h"
#include "store/engine.h"
#include "twin/twin.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace twinhub::hub {

// Which change is looked for in a twin's own history: what standing work did is written there with
// the change itself, so nothing has to be kept in step with it.
struct ChangeMark {
    std::string principal;  // principal_of_work()
    Cause cause = Cause::job;
    Instant since{};  // changes before it are not looked at; leave room for a clock set back
};

// The versions that the newest such change led to, among those from the change `sequence` of the
// twin's present life back (0: it has none). Nothing: there is none, or history has forgotten it.
// May wait for the disk. Errors: corrupted.
Result<std::optional<twin::Versions>> done_before(std::shared_ptr<const store::Snapshot> snapshot,
                                                  const TwinId& id, std::uint64_t sequence,
                                                  const ChangeMark& mark);

}  // namespace twinhub::hub
