#pragma once

#include "base/result.h"
#include "base/time.h"

#include <chrono>
#include <cstdint>
#include <string>

namespace twinhub::gateway {

// Text lines in a file that is put aside when it is full or old: `path` is the newest, `path.1` the
// one before, up to `path.N`. Blocks.
class LineFile {
public:
    struct Limits {
        std::uint64_t bytes_max = 100ull << 20;  // a longer line has a file of its own
        std::chrono::milliseconds age_max{std::chrono::days{1}};  // looked at when lines come
        std::uint32_t files_max = 10;                             // the newest included
    };
    LineFile(std::string path, Limits limits) : path_(std::move(path)), limits_(limits) {}
    ~LineFile();
    LineFile(const LineFile&) = delete;
    LineFile& operator=(const LineFile&) = delete;

    // Appends `lines`, each with its end, and takes off it what was written: to be called again
    // with the rest after an error. Errors: internal, with the path.
    Result<> append(std::string& lines, Instant now);
    // Waits until what was appended is on disk. Errors: internal, with the path.
    Result<> sync();
    // Whether the last line is not whole yet.
    bool is_in_line() const { return in_line_; }

private:
    Result<> open(Instant now);
    Result<> put_aside();
    Result<> write(std::string& lines, std::size_t bytes);
    std::unexpected<Error> fault(const char* what) const;

    const std::string path_;
    const Limits limits_;
    int descriptor_ = -1;
    std::uint64_t bytes_ = 0;
    Instant begun_{};
    bool in_line_ = false;  // the last line is not whole yet
};

}  // namespace twinhub::gateway
