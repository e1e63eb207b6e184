#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace twinhub::load {

// CPU nanoseconds used so far by a process, its living descendants and those it has waited for.
// 0 for a process that is gone.
std::uint64_t cpu_nanoseconds(pid_t process);
std::uint64_t cpu_nanoseconds(const std::vector<pid_t>& processes);

// CPU nanoseconds of this process.
std::uint64_t own_cpu_nanoseconds();

// Resident bytes (VmRSS) of one process, descendants not included; 0 for one that is gone.
std::uint64_t resident_bytes(pid_t process);

}  // namespace twinhub::load
