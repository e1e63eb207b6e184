#pragma once

#include "base/ids.h"
#include "hub/configurations/content.h"
#include "query/compile.h"
#include "twin/twin.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

// Which twins a configuration is for (spec service-api 9.3), compiled once.
class Target {
public:
    // Errors: configuration_target_invalid, with the position in the text. It may read deviceId,
    // moduleId, tags and reported properties: what else there is would change unseen.
    static Result<Target> compile(ContentKind kind, std::string_view text,
                                  const query::Options& options);

    // Of a device, or of a module where the content is for modules.
    bool matches(const TwinId& id, const twin::Twin& twin, Instant now) const;

    // Whether a change from one twin to the other can change what matches() says.
    bool is_touched(const twin::Twin& before, const twin::Twin& after) const;

    // Asks the fleet for the ids of all that match: deviceId, moduleId. Of deployments only edge
    // devices.
    query::Plan ids() const;
    // How many they are, and how many with a further condition: {"n":number}.
    query::Plan count(std::string_view condition = {}) const;
    bool is_empty() const { return empty_; }  // for nobody

private:
    struct Place {
        twin::Part part = twin::Part::tags;
        std::vector<std::string> keys;
    };
    ContentKind kind_ = ContentKind::device;
    bool empty_ = false;
    query::Options options_;
    std::shared_ptr<const query::Plan> plan_;
    std::vector<Place> reads_;
};

// Makes `plan` one that counts the rows that it gives, before LIMIT and OFFSET.
void make_count(query::Plan& plan);
// Makes it one that gives the ids of its rows.
void make_ids(query::Plan& plan);

}  // namespace twinhub::hub
