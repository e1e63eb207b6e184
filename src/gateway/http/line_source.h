#pragma once

#include <cstdint>

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
};

}  // namespace twinhub::gateway::http
