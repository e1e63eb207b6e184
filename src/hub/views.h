#pragma once

#include "fleet/connection_facts.h"
#include "hub/identity.h"
#include "twin/twin.h"
#include "twin/view.h"

#include <memory>
#include <string>
#include <vector>

namespace twinhub::hub {

// A twin as committed, with everything that the service view shows beside it.
struct TwinView {
    std::shared_ptr<const Identity> identity;
    twin::Twin twin;
    Presence presence;
};

// What the service view shows beside the twin. `etag` holds the text of the identity's etag; all
// other texts are those of `identity`.
twin::IdentityFacts facts_of(const Identity& identity, const Presence& presence, std::string& etag);

fleet::ConnectionFacts connection_facts_of(const Presence& presence);

// The service view of a twin as JSON (spec service-api 5.2).
void append_twin(std::string& out, const TwinView& view);
json::object document_of(const TwinView& view);

// One page of twins in key order. `cursor` is opaque; empty on the last page.
struct TwinPage {
    std::vector<TwinView> twins;
    std::string cursor;
};

struct Statistics {
    std::uint64_t devices_enabled = 0;
    std::uint64_t devices_disabled = 0;
    std::uint64_t modules = 0;
    std::uint64_t devices_connected = 0;
};

}  // namespace twinhub::hub
