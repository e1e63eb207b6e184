#pragma once

#include "base/json.h"
#include "base/result.h"
#include "twin/node.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::hub {

inline constexpr std::uint16_t applied_format = 1;

// What configurations made of one twin: written in the commit that made it, so that it can be taken
// back exactly, whenever that is.
struct Applied {
    // How one of them stands to the twin.
    struct Standing {
        std::string configuration;
        std::uint64_t revision = 0;  // of the configuration that this was decided with
        bool applied = false;        // "Applied"; else "Targeted": others have all of its places

        friend bool operator==(const Standing&, const Standing&) = default;
    };
    // A value that was set last by one of them.
    struct Contribution {
        std::vector<std::string> keys;  // below properties.desired
        json::value value;
        std::string configuration;

        friend bool operator==(const Contribution&, const Contribution&) = default;
    };
    std::vector<Standing> standings;          // by configuration
    std::vector<Contribution> contributions;  // by keys

    bool empty() const { return standings.empty() && contributions.empty(); }
    const Standing* find(std::string_view configuration) const;

    friend bool operator==(const Applied&, const Applied&) = default;
};

void append_encoded(std::string& out, const Applied& applied);
Result<Applied> decode_applied(std::string_view bytes);

// As services see it: {"id":{"status":"Applied"}}; nullptr when there is none.
std::shared_ptr<const twin::Object> statuses_of(const Applied& applied);

}  // namespace twinhub::hub
