#include "apps/keys/secret_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace twinhub::apps {
namespace {

constexpr off_t file_bytes_max = 4 << 20;

// A file descriptor that closes itself.
struct Descriptor {
    int number = -1;
    explicit Descriptor(int value) : number(value) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (number >= 0) ::close(number);
    }
};

auto refuse(std::string_view what, const std::filesystem::path& path) {
    const int reason = errno;
    return failure(reason == ENOENT ? Code::not_found : Code::internal,
                   fmt::format("{} '{}': {}", what, path.string(), std::strerror(reason)));
}

bool write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = ::write(descriptor, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

Result<std::string> read(const std::filesystem::path& path, mode_t forbidden) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat facts;
    if (file.number < 0 || ::fstat(file.number, &facts) != 0) return refuse("cannot read", path);
    if (!S_ISREG(facts.st_mode))
        return failure(Code::internal, fmt::format("'{}' is not a file", path.string()));
    if ((facts.st_mode & forbidden) != 0) {
        return failure(Code::unauthorized,
                       fmt::format("'{0}' holds keys, yet everybody may read it: chmod 600 '{0}'",
                                   path.string()));
    }
    if (facts.st_size > file_bytes_max)
        return failure(Code::message_too_large, fmt::format("'{}' is above 4 MiB", path.string()));
    std::string text;
    char part[4096];
    while (true) {
        const ssize_t count = ::read(file.number, part, sizeof part);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return refuse("cannot read", path);
        if (count == 0) return text;
        text.append(part, static_cast<std::size_t>(count));
        if (text.size() > file_bytes_max)
            return failure(Code::message_too_large,
                           fmt::format("'{}' is above 4 MiB", path.string()));
    }
}

}  // namespace

Result<> write_file(const std::filesystem::path& path, std::string_view text, Access access) {
    std::string name = path.string() + ".XXXXXX";
    const Descriptor file(::mkostemp(name.data(), O_CLOEXEC));  // made with 0600
    if (file.number < 0) return refuse("cannot write", path);
    const auto give_up = [&] {
        auto error = refuse("cannot write", path);
        ::unlink(name.c_str());
        return error;
    };
    // A root shell that renews a key must not take the file away from the server's own user.
    struct stat before;
    if (::stat(path.c_str(), &before) == 0 && before.st_uid != ::geteuid() &&
        ::fchown(file.number, before.st_uid, before.st_gid) != 0)
        return give_up();
    if (::fchmod(file.number, access == Access::owner ? 0600 : 0644) != 0 ||
        !write_all(file.number, text) || ::fsync(file.number) != 0 ||
        ::rename(name.c_str(), path.c_str()) != 0)
        return give_up();
    const std::filesystem::path parent = path.has_parent_path() ? path.parent_path() : ".";
    const Descriptor folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.number < 0 || ::fsync(folder.number) != 0)
        return refuse("cannot sync the folder of", path);
    return {};
}

Result<std::string> read_file(const std::filesystem::path& path) { return read(path, 0); }

Result<std::string> read_secret_file(const std::filesystem::path& path) {
    return read(path, S_IRWXO);
}

}  // namespace twinhub::apps
