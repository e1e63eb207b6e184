#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "base/task.h"
#include "hub/settings.h"
#include "query/plan.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace twinhub::hub {

class Shard;
class Shards;

// What is asked of one page of an answer.
struct PageRequest {
    std::string cursor;  // of the page before; empty for the first
    std::size_t rows_max = 100;
    std::size_t bytes_max = std::size_t{4} << 20;  // the page ends behind the row that exceeds it
    std::string principal;                         // whose budget the work is charged to
    // Asked between slices of work, on any loop: false when nobody waits for the answer any more.
    std::function<bool()> wanted = [] { return true; };
    // Called by each shard, on its loop, at the moment that its part of the answer shows. A second
    // time when the answer goes on in the fleet as it is then.
    std::function<void(Shard&)> began;
};

// One page of a fleet query's answer, rows in the order that the specification says.
struct QueryPage {
    std::vector<std::string> rows;  // JSON, one each
    std::string cursor;             // empty on the last page
    std::uint64_t rows_looked_at = 0;
    std::chrono::nanoseconds time{};  // from start to end, waiting included
    std::string plan;                 // how it was answered: one line, for the log of slow queries
};

// Fleet queries over the live columns of all shards (design, idea 3). Callable on any loop. An
// answer holds every change that was acknowledged before the query began; all pages of one answer
// show the fleet as it was then, for five minutes and while the memory for it lasts, and from then
// on the fleet as it is, behind the last row (spec query-language 1).
class Queries {
public:
    Queries(Shards& shards, const Settings& settings, const Clock& clock, Random& random);
    ~Queries();

    // AS OF an earlier moment the answer is exact, from the change log. Errors: argument_invalid (a
    // cursor that is not ours, a moment to come), history_unavailable (says since when it is kept),
    // unavailable (over a limit of memory or rows), timeout (over the time of one query, or
    // nobody wants the answer), throttled (over the budget of the principal: `where` holds the
    // seconds to wait).
    Task<Result<QueryPage>> run(std::shared_ptr<const query::Plan> plan, PageRequest request);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace twinhub::hub
