#pragma once

#include "base/result.h"
#include "gateway/sinks/line_file.h"
#include "gateway/sinks/sink.h"
#include "gateway/sinks/sink_journal.h"

#include <memory>
#include <string>

namespace twinhub::gateway {

struct FileSinkOptions {
    std::string name;
    std::string path;
    LineFile::Limits limits;
    std::size_t buffer_bytes_max = 8 << 20;  // that wait for the disk
};

// Appends each message as a line of JSON to a file, in the form of GET /twinhub/device-events.
// While the disk takes nothing, they wait, and it is tried again every second.
class FileSink final : public Sink,
                       public std::enable_shared_from_this<FileSink>,
                       private Deadline {
public:
    FileSink(FileSinkOptions options, SinkSeams seams);

    void start() override;
    void finish() override;
    void stop() override;
    std::size_t waiting() const override { return journal_.waiting(); }

private:
    void take(const hub::DeviceEvent& event);
    void write();
    Task<> write_all(std::shared_ptr<FileSink> self);
    void expired(Moment now) override;

    const FileSinkOptions options_;
    SinkSeams seams_;
    SinkJournal journal_;
    LineFile file_;  // on the pool, while writing_
    std::string pending_;
    std::string writing_lines_;
    std::unique_ptr<hub::DeviceEvents::Subscription> subscription_;
    bool writing_ = false;
    bool finishing_ = false;
    bool stopped_ = false;
};

}  // namespace twinhub::gateway
