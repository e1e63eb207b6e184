#pragma once

#include "twin/change.h"

namespace twinhub::twin {

// Merges `patch` into an object as RFC 7396 says (spec twin-document 5). The object itself and each
// node that the patch names get `stamp`; all others are shared with `base`. When `before` is given,
// it receives what the touched places held. Linear in the touched objects, whatever the patch.
Node merge(const Node& base, const json::object& patch, Stamp stamp, Nested* before);

// Puts back what the places held, in place of `now`. Errors: corrupted when `undo` names an object
// where there is none.
Result<Node> revert(const Node& now, const Undo& undo);

// Writes a part: merges or replaces. `inverse` may be null.
Node write(const Node& root, const Patch& patch, Stamp stamp, Undo* inverse);

}  // namespace twinhub::twin
