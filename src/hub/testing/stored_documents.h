#pragma once

#include "base/json.h"
#include "base/result.h"
#include "hub/state.h"
#include "store/engine.h"

#include <vector>

namespace twinhub::hub::testing {

// What a hub keeps of a twin that services read as `document`: the inverse of
// twin::append_service_view, but for the connection, which no hub keeps over a start, and for
// `configurations`, which store_documents alone puts there.
struct StoredDocument {
    Identity identity;
    twin::Twin twin;
    Presence presence;
    bool connected = false;
};
StoredDocument stored_document(const json::object& document);

// Puts twins, their identities and presences into an empty store.
Result<> store_documents(store::Engine& engine, const std::vector<json::object>& documents);

}  // namespace twinhub::hub::testing
