#include "process_use.h"

#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace twinhub::load {
namespace {

constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000;

std::uint64_t nanoseconds(clockid_t clock) {
    timespec time{};
    if (clock_gettime(clock, &time) != 0) return 0;
    return static_cast<std::uint64_t>(time.tv_sec) * nanoseconds_per_second +
           static_cast<std::uint64_t>(time.tv_nsec);
}

std::filesystem::path proc(pid_t process) {
    return std::filesystem::path("/proc") / std::to_string(process);
}

// Fields 16 and 17 of /proc/PID/stat: the children that were waited for. The name in field 2 may
// hold spaces, so counting starts behind its closing parenthesis (field 3).
std::uint64_t waited_children_nanoseconds(pid_t process) {
    std::ifstream file(proc(process) / "stat");
    std::string line;
    std::getline(file, line);
    const auto name_end = line.rfind(')');
    if (name_end == std::string::npos) return 0;
    std::istringstream fields(line.substr(name_end + 1));
    std::string skipped;
    for (int field = 3; field < 16; ++field) fields >> skipped;
    std::uint64_t user_ticks = 0;
    std::uint64_t system_ticks = 0;
    fields >> user_ticks >> system_ticks;
    const auto ticks_per_second = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
    return (user_ticks + system_ticks) * (nanoseconds_per_second / ticks_per_second);
}

std::vector<pid_t> children(pid_t process) {
    std::vector<pid_t> found;
    std::error_code ignored;
    for (const auto& task : std::filesystem::directory_iterator(proc(process) / "task", ignored)) {
        std::ifstream file(task.path() / "children");
        for (pid_t child = 0; file >> child;) found.push_back(child);
    }
    return found;
}

}  // namespace

std::uint64_t cpu_nanoseconds(pid_t process) {
    clockid_t clock{};
    if (clock_getcpuclockid(process, &clock) != 0) return 0;
    std::uint64_t sum = nanoseconds(clock) + waited_children_nanoseconds(process);
    for (const pid_t child : children(process)) sum += cpu_nanoseconds(child);
    return sum;
}

std::uint64_t cpu_nanoseconds(const std::vector<pid_t>& processes) {
    std::uint64_t sum = 0;
    for (const pid_t process : processes) sum += cpu_nanoseconds(process);
    return sum;
}

std::uint64_t own_cpu_nanoseconds() { return nanoseconds(CLOCK_PROCESS_CPUTIME_ID); }

std::uint64_t resident_bytes(pid_t process) {
    std::ifstream file(proc(process) / "status");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("VmRSS:")) return std::stoull(line.substr(6)) * 1024;
    }
    return 0;
}

}  // namespace twinhub::load
