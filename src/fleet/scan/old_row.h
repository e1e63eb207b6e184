#pragma once

#include "base/json.h"
#include "fleet/word.h"

#include <cstddef>
#include <functional>
#include <memory>

namespace twinhub::fleet {

// A row as it was before it changed, kept for those who read an earlier instant. Whoever owns the
// documents makes it, as cheaply as it can: the tree of a twin is shared, not copied.
class OldRow {
public:
    virtual ~OldRow() = default;
    virtual std::size_t bytes() const = 0;  // that it keeps from being freed
    virtual json::object document() const = 0;
};

// Asked for a row that is about to change, while it still is as it was. Null: it cannot be had.
using KeepRow = std::function<std::shared_ptr<const OldRow>(Row)>;

}  // namespace twinhub::fleet
