#include "apps/keys/pid_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>

namespace twinhub::apps {
namespace {

std::optional<pid_t> read_number(int descriptor) {
    char digits[24];
    const ssize_t count = ::pread(descriptor, digits, sizeof digits, 0);
    pid_t number = 0;
    if (count <= 0 || std::from_chars(digits, digits + count, number).ec != std::errc{} ||
        number <= 1)
        return std::nullopt;
    return number;
}

}  // namespace

Result<std::unique_ptr<PidFile>> PidFile::hold(const std::filesystem::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0)
        return failure(Code::internal,
                       fmt::format("cannot write '{}': {}", path.string(), std::strerror(errno)));
    std::unique_ptr<PidFile> file(new PidFile(descriptor));
    if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        return failure(
            Code::unavailable,
            fmt::format("the data folder '{}' is in use by the server with process number {}",
                        path.parent_path().string(), read_number(descriptor).value_or(0)));
    }
    const std::string text = fmt::format("{}\n", ::getpid());
    if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, text.data(), text.size(), 0) < 0)
        return failure(Code::internal,
                       fmt::format("cannot write '{}': {}", path.string(), std::strerror(errno)));
    return file;
}

PidFile::~PidFile() { ::close(descriptor_); }

std::optional<pid_t> running_server(const std::filesystem::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return std::nullopt;
    const bool is_held = ::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    const auto number = is_held ? read_number(descriptor) : std::nullopt;
    ::close(descriptor);
    return number;
}

Result<bool> signal_reload(const std::filesystem::path& path) {
    const auto server = running_server(path);
    if (!server) return false;
    if (::kill(*server, SIGHUP) == 0) return true;
    if (errno == ESRCH) return false;
    return failure(
        Code::unauthorized,
        fmt::format("the server (process {}) is another user's: send it SIGHUP yourself", *server));
}

}  // namespace twinhub::apps
