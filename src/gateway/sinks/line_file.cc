#include "gateway/sinks/line_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace twinhub::gateway {
namespace {

constexpr mode_t permissions = 0640;  // what devices say is not for everybody

// When the file at hand was made, as far as the file system knows.
Instant made_at(int descriptor, Instant otherwise) {
    struct statx facts{};
    if (::statx(descriptor, "", AT_EMPTY_PATH, STATX_BTIME | STATX_MTIME, &facts) != 0)
        return otherwise;
    const statx_timestamp& time =
        (facts.stx_mask & STATX_BTIME) != 0 ? facts.stx_btime : facts.stx_mtime;
    return Instant(std::chrono::seconds(time.tv_sec));
}

// The longest piece of whole lines within `room`; at least one line.
std::size_t whole_lines(const std::string& lines, std::uint64_t room) {
    if (lines.size() <= room) return lines.size();
    std::size_t end = room == 0 ? std::string::npos : lines.rfind('\n', room - 1);
    if (end == std::string::npos) end = lines.find('\n');
    return end == std::string::npos ? lines.size() : end + 1;
}

}  // namespace

LineFile::~LineFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

std::unexpected<Error> LineFile::fault(const char* what) const {
    return failure(Code::internal,
                   fmt::format("cannot {} '{}': {}", what, path_, std::strerror(errno)));
}

Result<> LineFile::open(Instant now) {
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, permissions);
    if (descriptor_ < 0) return fault("open");
    struct stat facts{};
    if (::fstat(descriptor_, &facts) != 0) return fault("look at");
    bytes_ = static_cast<std::uint64_t>(facts.st_size);
    begun_ = bytes_ == 0 ? now : made_at(descriptor_, now);
    in_line_ = false;
    char last = '\n';
    if (bytes_ != 0 && ::pread(descriptor_, &last, 1, facts.st_size - 1) == 1 && last != '\n') {
        // A line that broke off when a server died must not swallow the next one.
        std::string end = "\n";
        return write(end, 1);
    }
    return {};
}

Result<> LineFile::put_aside() {
    if (::fdatasync(descriptor_) != 0) return fault("write to");
    ::close(std::exchange(descriptor_, -1));
    const auto name = [this](std::uint32_t number) {
        return number == 0 ? path_ : fmt::format("{}.{}", path_, number);
    };
    if (limits_.files_max < 2) {
        if (::unlink(path_.c_str()) != 0 && errno != ENOENT) return fault("remove");
        return {};
    }
    for (std::uint32_t number = limits_.files_max - 1; number > 0; --number)
        if (::rename(name(number - 1).c_str(), name(number).c_str()) != 0 && errno != ENOENT)
            return fault("put aside");
    return {};
}

Result<> LineFile::write(std::string& lines, std::size_t bytes) {
    std::size_t done = 0;
    Result<> result;
    while (done < bytes) {
        const ssize_t count = ::write(descriptor_, lines.data() + done, bytes - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            result = fault("write to");
            break;
        }
        done += static_cast<std::size_t>(count);
    }
    if (done != 0) in_line_ = lines[done - 1] != '\n';
    bytes_ += done;
    lines.erase(0, done);
    return result;
}

Result<> LineFile::sync() {
    if (descriptor_ >= 0 && ::fdatasync(descriptor_) != 0) return fault("write to");
    return {};
}

Result<> LineFile::append(std::string& lines, Instant now) {
    while (!lines.empty()) {
        if (descriptor_ < 0) TRY_VOID(open(now));
        const std::uint64_t room = limits_.bytes_max - std::min(bytes_, limits_.bytes_max);
        const std::size_t piece = whole_lines(lines, room);
        const bool is_old = now - begun_ >= limits_.age_max;
        if (bytes_ != 0 && !in_line_ && (is_old || piece > room)) {
            TRY_VOID(put_aside());
            continue;
        }
        TRY_VOID(write(lines, piece));
    }
    return {};
}

}  // namespace twinhub::gateway
