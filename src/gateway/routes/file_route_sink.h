#pragma once

#include "base/clock.h"
#include "gateway/routes/route_sink.h"
#include "gateway/sinks/line_file.h"

#include <memory>
#include <mutex>
#include <string>

namespace twinhub::gateway {

struct FileRouteOptions {
    std::string path;
    LineFile::Limits limits;
    std::string hub;            // its name
    bool makes_folder = false;  // of the path, where it is missing
};

// Appends each event as a line, a CloudEvent in JSON, to a file; done is what is on disk (fsync). A
// full disk is waited for.
class FileRouteSink final : public RouteSink {
public:
    FileRouteSink(FileRouteOptions options, Executor pool, const Clock& clock);

    Task<Handed> deliver(EventBatch events) override;
    std::size_t events_max() const override { return 1000; }
    void stop() override {}

private:
    Handed write(const std::vector<hub::HubEvent>& events);

    const FileRouteOptions options_;
    Executor pool_;
    const Clock& clock_;
    std::mutex mutex_;  // of what works on the pool, for several routes
    LineFile file_;
    std::string rest_;  // of a batch that was cut off within a line
};

}  // namespace twinhub::gateway
