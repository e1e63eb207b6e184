#pragma once

#include "base/json.h"

#include <string>

namespace twinhub::fleet {

// Room for one value that has to be made while it is read: the text of a time or an etag, the tree
// of an array. A value read with it is good until the next read with it.
struct Scratch {
    std::string text;
    json::value tree;
};

}  // namespace twinhub::fleet
