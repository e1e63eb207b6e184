#pragma once

#include "base/result.h"

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>

namespace twinhub::apps {

// twinhub.pid of a data folder: the process number of the server that holds it. A lock on the file,
// not its presence, says that the server lives, so one that was killed leaves nothing to tidy up.
class PidFile {
public:
    // Errors: unavailable when another server holds the folder (names its process).
    static Result<std::unique_ptr<PidFile>> hold(const std::filesystem::path& path);
    ~PidFile();
    PidFile(const PidFile&) = delete;
    PidFile& operator=(const PidFile&) = delete;

private:
    explicit PidFile(int descriptor) : descriptor_(descriptor) {}
    int descriptor_;
};

// The server that holds the folder now, if any.
std::optional<pid_t> running_server(const std::filesystem::path& path);

// Has a running server read its keys again (SIGHUP). False when none runs.
// Errors: unauthorized when it is another user's.
Result<bool> signal_reload(const std::filesystem::path& path);

}  // namespace twinhub::apps
