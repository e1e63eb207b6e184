#pragma once

#include "source_tree.h"

#include <string>
#include <vector>

namespace twinhub::structure {

// What is wrong, one line each: "twin/patch.cc:12: ...". Empty when the house is in order.
using Faults = std::vector<std::string>;

// Includes go through the doors of the table only, and are written from src/.
Faults check_doors(const std::vector<Source>& sources, const std::vector<Room>& rooms);

// The pure rooms know no socket, clock, thread, file or log.
Faults check_pure_rooms(const std::vector<Source>& sources);

// Time, chance, threads, timers, sockets and files are touched only by the files that own them.
Faults check_owners(const std::vector<Source>& sources);

// Headers are guarded; nobody hands an io_context around; no file grows past bounds.
Faults check_files(const std::vector<Source>& sources);

}  // namespace twinhub::structure
