#include "gateway/routes/file_route_sink.h"

#include "gateway/routes/cloud_event.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <filesystem>

namespace twinhub::gateway {

FileRouteSink::FileRouteSink(FileRouteOptions options, Executor pool, const Clock& clock)
    : options_(std::move(options)),
      pool_(std::move(pool)),
      clock_(clock),
      file_(options_.path, options_.limits) {}

Task<Handed> FileRouteSink::deliver(EventBatch events) {
    auto work = [this, events]() -> Task<Handed> { co_return write(*events); };
    co_return co_await asio::co_spawn(pool_, std::move(work), asio::use_awaitable);
}

Handed FileRouteSink::write(const std::vector<hub::HubEvent>& events) {
    std::string lines;
    for (const hub::HubEvent& event : events) {
        append_cloud_event(lines, event, options_.hub);
        lines += '\n';
    }
    const std::lock_guard lock(mutex_);
    if (options_.makes_folder) {
        std::error_code ignored;  // what is wrong shows when the file is opened
        std::filesystem::create_directories(std::filesystem::path(options_.path).parent_path(),
                                            ignored);
    }
    // A line that was begun is ended first: a half one would swallow the next.
    rest_.resize(std::min(rest_.size(), rest_.find('\n') + 1));
    if (!rest_.empty())
        if (const auto done = file_.append(rest_, clock_.now()); !done)
            return Handed::again(done.error().message);
    Result<> done = file_.append(lines, clock_.now());
    if (done) done = file_.sync();
    if (done) return {};
    if (file_.is_in_line()) rest_ = std::move(lines);
    return Handed::again(done.error().message);
}

}  // namespace twinhub::gateway
