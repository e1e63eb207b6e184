#include "gateway/http/line_stream.h"

#include "gateway/http/await.h"

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <iterator>

namespace twinhub::gateway::http {
namespace {

// So much is gathered at most before it is written, even within one turn.
constexpr std::size_t gathered_bytes_max = 64 * 1024;

}  // namespace

void LineSource::heartbeat(LineStream& stream) { stream.put(""); }

LineStream::LineStream(Transport& transport, HttpContext& context,
                       std::unique_ptr<LineSource> source, Manner manner)
    : transport_(transport),
      context_(context),
      source_(std::move(source)),
      manner_(std::move(manner)) {}

Task<> LineStream::run() {
    source_->start(*this);
    context_.deadlines().schedule(
        *this, context_.hub().clock().monotonic() + context_.settings().limits.heartbeat);
    if (context_.is_stopping()) end();
    // A client has nothing more to say, but its end must be noticed.
    std::size_t thrown_away = 0;
    while (!ended_ && thrown_away < context_.settings().limits.linger_bytes_max) {
        co_await readable(transport_);
        const auto count = transport_.read_some(context_.scratch());
        if (!count) break;
        thrown_away += *count;
    }
    ended_ = true;
    cancel();
    source_.reset();
}

bool LineStream::take_place() {
    if (ended_) return false;
    const std::size_t unsent_max = context_.settings().limits.stream_unsent_bytes_max;
    if (transport_.unsent() + out_.size() >= unsent_max) flush();  // the client may take it
    if (!skipping_since_ && transport_.unsent() >= unsent_max) skip_lines();
    if (!skipping_since_) return true;
    ++lost_;
    return false;
}

void LineStream::put(std::string_view line) {
    tell_lost();
    append(line);
    if (out_.size() >= gathered_bytes_max) flush();
    else flush_at_end_of_turn();
}

void LineStream::end() {
    if (ended_) return;
    tell_lost();
    if (manner_.chunked) out_ += "0\r\n\r\n";
    flush();
    ended_ = true;
    transport_.close();
}

void LineStream::expired(Moment now) {
    if (ended_) return;
    const Limits& limits = context_.settings().limits;
    if (!manner_.allowed()) return end();
    if (skipping_since_) {
        if (now - *skipping_since_ >= limits.send) {
            context_.metrics().timeouts.Increment();
            return transport_.close();
        }
    } else if (transport_.unsent() > 0) {
        if (std::exchange(behind_, true)) skip_lines();
    } else {
        behind_ = false;
        source_->heartbeat(*this);
        flush();
    }
    context_.deadlines().schedule(*this, now + limits.heartbeat);
}

void LineStream::append(std::string_view line) {
    if (manner_.chunked) fmt::format_to(std::back_inserter(out_), "{:x}\r\n", line.size() + 1);
    out_ += line;
    out_ += '\n';
    if (manner_.chunked) out_ += "\r\n";
}

void LineStream::tell_lost() {
    const std::uint64_t lost = lost_ + (source_ ? source_->lost() : 0);
    if (lost == lost_told_) return;
    append(fmt::format(R"({{"lost":{}}})", lost - lost_told_));
    lost_told_ = lost;
}

void LineStream::flush() {
    if (out_.empty() || ended_) return;
    transport_.write(out_);
    out_.clear();
    if (out_.capacity() > 2 * gathered_bytes_max) out_.shrink_to_fit();
}

void LineStream::flush_at_end_of_turn() {
    if (std::exchange(flush_posted_, true)) return;
    asio::post(executor(), [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self) return;
        self->flush_posted_ = false;
        self->flush();
    });
}

// It gets nothing more before it took all that it has: a client that is only just alive would hold
// the whole buffer for ever.
void LineStream::skip_lines() {
    flush();
    skipping_since_ = context_.hub().clock().monotonic();
    wait_sent();
}

bool LineStream::has_room() const {
    return !ended_ && !skipping_since_ &&
           transport_.unsent() + out_.size() < context_.settings().limits.stream_unsent_bytes_max;
}

void LineStream::wait_for_room(std::move_only_function<void()> ready) {
    flush();
    room_ = std::move(ready);
    wait_sent();
}

void LineStream::wait_sent() {
    if (std::exchange(waiting_sent_, true)) return;
    transport_.wait_sent([weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self) return;
        self->waiting_sent_ = false;
        self->all_sent();
    });
}

void LineStream::all_sent() {
    if (skipping_since_) caught_up();
    if (room_) std::exchange(room_, nullptr)();
}

void LineStream::caught_up() {
    skipping_since_.reset();
    behind_ = false;
    if (ended_) return;
    tell_lost();
    flush();
}

}  // namespace twinhub::gateway::http
