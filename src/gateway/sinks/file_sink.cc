#include "gateway/sinks/file_sink.h"

#include "gateway/http/event_json.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace twinhub::gateway {
namespace {

constexpr std::chrono::seconds retry_after{1};

std::size_t lines_in(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

}  // namespace

FileSink::FileSink(FileSinkOptions options, SinkSeams seams)
    : options_(std::move(options)),
      seams_(std::move(seams)),
      journal_(options_.name, seams_.metrics, seams_.log),
      file_(options_.path, options_.limits) {}

void FileSink::start() {
    subscription_ = seams_.events.listen(
        seams_.executor, sink_events_on_their_way_max,
        [this](const std::shared_ptr<const hub::DeviceEvent>& event) { take(*event); });
}

void FileSink::take(const hub::DeviceEvent& event) {
    const Moment now = seams_.clock.monotonic();
    journal_.look_at(*subscription_, now);
    if (pending_.size() + writing_lines_.size() + event.payload.size() >= options_.buffer_bytes_max)
        return journal_.turned_away(1, now);
    http::append_event(pending_, event);
    pending_ += '\n';
    journal_.taken();
    write();
}

void FileSink::write() {
    if (writing_ || scheduled() || stopped_ || pending_.empty()) return;
    writing_ = true;
    asio::co_spawn(seams_.executor, write_all(shared_from_this()), asio::detached);
}

Task<> FileSink::write_all(std::shared_ptr<FileSink> self) {
    while (!pending_.empty() && !stopped_) {
        writing_lines_.swap(pending_);
        const std::size_t all = lines_in(writing_lines_);
        const Instant now = seams_.clock.now();
        auto work = [this, now]() -> Task<Result<>> {
            co_return file_.append(writing_lines_, now);
        };
        const Result<> done =
            co_await asio::co_spawn(seams_.pool, std::move(work), asio::use_awaitable);
        const std::size_t left = lines_in(writing_lines_);
        journal_.handed(all - left);
        if (done) {
            writing_lines_.clear();
            continue;
        }
        const Moment moment = seams_.clock.monotonic();
        journal_.failed(done.error().message, moment);
        pending_.insert(0, writing_lines_);
        writing_lines_.clear();
        if (finishing_) stop();
        if (!stopped_) seams_.deadlines.schedule(*this, moment + retry_after);
        break;
    }
    writing_ = false;
    if (stopped_) {
        journal_.gave_up(lines_in(pending_), "the server stopped", seams_.clock.monotonic());
        pending_.clear();
    }
}

void FileSink::expired(Moment) { write(); }

void FileSink::finish() {
    finishing_ = true;
    cancel();
    write();
}

void FileSink::stop() {
    if (std::exchange(stopped_, true)) return;
    subscription_.reset();
    cancel();
    if (writing_) return;  // which counts what is left
    journal_.gave_up(lines_in(pending_), "the server stopped", seams_.clock.monotonic());
    pending_.clear();
}

}  // namespace twinhub::gateway
