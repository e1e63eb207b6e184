#pragma once

#include "base/task.h"
#include "gateway/deadlines.h"
#include "gateway/http/context.h"
#include "gateway/http/line_source.h"
#include "gateway/transport.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub::gateway::http {

// The part of a streamed answer behind its header: one chunk a line, written once a turn of the
// loop. A client that does not keep up loses lines and is told how many by a line {"lost":n}; one
// that does not catch up within Limits::send is let go. An empty line now and then shows each side
// that the other is there.
class LineStream final : private Deadline, public std::enable_shared_from_this<LineStream> {
public:
    struct Manner {
        bool chunked = true;            // false for HTTP/1.0: the end of the connection is the end
        std::function<bool()> allowed;  // asked with every heartbeat: may it go on?
    };

    // Transport and context outlive it.
    LineStream(Transport& transport, HttpContext& context, std::unique_ptr<LineSource> source,
               Manner manner);

    // Until the client leaves or end() is called; afterwards the connection is of no more use.
    Task<> run();

    // Whether a line may come now; one that may not is counted as lost. Ask before making it.
    bool take_place();
    // A line without its end, after take_place().
    void put(std::string_view line);

    // For a source that keeps its lines instead of losing them: it puts one only when there is
    // room, and otherwise waits until the client took all that it has. One wait at a time; it is
    // dropped with the stream.
    bool has_room() const;
    void wait_for_room(std::move_only_function<void()> ready);

    // The orderly end: the client sees that nothing was cut off. Closes the connection.
    void end();

    Executor executor() const { return transport_.executor(); }

private:
    void expired(Moment now) override;
    void append(std::string_view line);
    void tell_lost();
    void flush();
    void flush_at_end_of_turn();
    void skip_lines();
    void wait_sent();
    void all_sent();
    void caught_up();

    Transport& transport_;
    HttpContext& context_;
    std::unique_ptr<LineSource> source_;
    Manner manner_;
    std::string out_;  // gathered in this turn of the loop
    std::uint64_t lost_ = 0;
    std::uint64_t lost_told_ = 0;
    std::optional<Moment> skipping_since_;  // lines are lost until all is sent
    bool behind_ = false;                   // something was unsent at the last heartbeat
    std::move_only_function<void()> room_;  // waits for all to be sent
    bool waiting_sent_ = false;
    bool flush_posted_ = false;
    bool ended_ = false;
};

}  // namespace twinhub::gateway::http
