#pragma once

#include "base/result.h"
#include "twin/twin.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace twinhub::twin {

// A node of a FlatTwin. Texts lie in the bytes that were read.
struct FlatNode {
    enum class Kind : std::uint8_t { object, boolean, integer, number, string, array };

    std::string_view key;  // empty in the roots
    Kind kind = Kind::object;
    std::uint32_t end = 0;  // the place behind this node and all below it
    union {
        bool boolean;
        std::int64_t integer = 0;
        double number;
        std::size_t array;  // its place in FlatTwin::arrays
    };
    std::string_view string;
};

// What a stored twin says, without metadata, in the order of its bytes: for who looks once at each
// of very many twins, and would build their trees only to take them down again. Good as long as
// the bytes; meant to be read into again and again.
struct FlatTwin {
    Versions versions;
    std::string_view model_id;
    // Each node is followed by those below it, members in key order; the roots of tags, desired
    // and reported one after the other.
    std::vector<FlatNode> nodes;
    std::vector<json::value> arrays;

    std::size_t root(Part part) const;  // its place
};

// Reads what decode_twin (codec.h) reads, and refuses what it refuses. Errors: corrupted with the
// offset; `twin` then holds nothing of use.
Result<> decode_flat(std::string_view bytes, FlatTwin& twin);

}  // namespace twinhub::twin
