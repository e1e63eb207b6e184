#pragma once

#include <cstdint>
#include <string_view>

namespace twinhub::gateway::http {

class LineStream;

// Where the lines of an answer come from that goes on until the client leaves.
class LineSource {
public:
    virtual ~LineSource() = default;

    // Puts lines into `stream` from now on, on its loop, until destroyed. `stream` outlives it.
    virtual void start(LineStream& stream) = 0;

    // Lines that were lost before they came to the stream, since the start.
    virtual std::uint64_t lost() const = 0;

    virtual std::string_view content_type() const { return "application/x-ndjson"; }
    // Nothing came for a while: puts something that only shows that this side is there.
    virtual void heartbeat(LineStream& stream);
    // There are only so many of them for a reason of their own; Limits::streams_max is not asked.
    virtual bool has_own_limit() const { return false; }
};

}  // namespace twinhub::gateway::http
