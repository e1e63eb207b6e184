#pragma once

#include "base/json.h"
#include "hub/live_query.h"
#include "hub/views.h"
#include "query/evaluate.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace twinhub::hub {

// One change of a twin as services see it: before and after, nothing where it does not exist. What
// many live queries ask of it is worked out once, and only when the first asks.
class ChangedTwin {
public:
    ChangedTwin(std::optional<TwinView> was, std::optional<TwinView> is);

    // Kinds of content. A change touches some, a query reads some.
    enum : std::uint32_t {
        tags = 1,
        desired = 2,
        reported = 4,
        versions = 8,
        presence = 16,
        identity = 32,
        all = 63
    };
    std::uint32_t touched() const { return touched_; }

    struct Side {
        std::optional<TwinView> view;
        std::string text;  // the service view, and parsed
        json::object document;
    };
    const std::optional<TwinView>& was() const { return was_.view; }
    const std::optional<TwinView>& is() const { return is_.view; }
    // Only of a side that exists.
    const Side& document_before() { return made(was_); }
    const Side& document_after() { return made(is_); }

private:
    static const Side& made(Side& side);

    Side was_;
    Side is_;
    std::uint32_t touched_ = all;
};

// Decides what a change of a twin means to one live query. Needs no memory of the answer: whether
// the twin was in it follows from what the twin was. One thread.
class LiveFilter {
public:
    LiveFilter(std::shared_ptr<const query::Plan> plan, Instant now);

    // Whether it cares how devices are connected and when they were seen.
    bool reads_presence() const { return (reads_ & ChangedTwin::presence) != 0; }
    // Nothing that the query reads differs: cheap, and true for most changes.
    bool is_indifferent(const ChangedTwin& change) const;

    struct Verdict {
        LiveEvent::Kind kind;
        std::string row;  // JSON; empty of a leave
    };
    // Of a query for rows: nothing when its answer stays as it is.
    std::optional<Verdict> decide(ChangedTwin& change);
    // Of a query for groups: whether the twin is or was counted.
    bool counts(ChangedTwin& change);

private:
    struct Watched {  // a path into one of the parts
        twin::Part part = twin::Part::tags;
        std::vector<std::string> keys;
    };
    bool passes(const ChangedTwin::Side& side);
    std::string row(const ChangedTwin::Side& side) const;

    std::shared_ptr<const query::Plan> plan_;
    query::Evaluator evaluator_;
    std::uint32_t reads_ = 0;        // kinds of content
    std::uint32_t reads_whole_ = 0;  // of these any difference counts
    std::vector<Watched> watched_;   // of the others
};

}  // namespace twinhub::hub
