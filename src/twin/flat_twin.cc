#include "twin/flat_twin.h"

#include "twin/codec.h"
#include "twin/node_reader.h"

#include <utility>

namespace twinhub::twin {
namespace {

// A node is its place.
class FlatBuilder {
public:
    using Node = std::size_t;
    using Object = std::size_t;

    explicit FlatBuilder(FlatTwin& twin) : twin_(twin) {}

    Object object(std::size_t) { return put({}); }
    void add(Object, std::string_view key, Node node) { twin_.nodes[node].key = key; }
    Node finish(Object object, const Stamp&) {
        twin_.nodes[object].end = static_cast<std::uint32_t>(twin_.nodes.size());
        return object;
    }

    Node leaf(bool content, const Stamp&) {
        return put({.kind = FlatNode::Kind::boolean, .boolean = content});
    }
    Node leaf(std::int64_t content, const Stamp&) {
        return put({.kind = FlatNode::Kind::integer, .integer = content});
    }
    Node leaf(double content, const Stamp&) {
        return put({.kind = FlatNode::Kind::number, .number = content});
    }
    Node leaf(std::string_view content, const Stamp&) {
        return put({.kind = FlatNode::Kind::string, .string = content});
    }
    Node leaf(json::array content, const Stamp&) {
        twin_.arrays.emplace_back(std::move(content));
        return put({.kind = FlatNode::Kind::array, .array = twin_.arrays.size() - 1});
    }

private:
    Node put(FlatNode node) {
        const Node place = twin_.nodes.size();
        node.end = static_cast<std::uint32_t>(place + 1);
        twin_.nodes.push_back(node);
        return place;
    }

    FlatTwin& twin_;
};

class FlatReader : public NodeReader {
public:
    using NodeReader::NodeReader;

    void read(FlatTwin& twin) {
        expect_format(twin_format);
        twin.versions = versions();
        twin.model_id = in_.text();
        twin.nodes.clear();
        twin.arrays.clear();
        FlatBuilder build(twin);
        for (std::size_t part = 0; part < parts.size(); ++part) root(build);
        expect_end();
    }
};

}  // namespace

std::size_t FlatTwin::root(Part part) const {
    std::size_t at = 0;
    for (std::size_t before = 0; before < static_cast<std::size_t>(part); ++before)
        at = nodes[at].end;
    return at;
}

Result<> decode_flat(std::string_view bytes, FlatTwin& twin) {
    FlatReader reader(bytes);
    reader.read(twin);
    if (reader.failed()) return reader.damaged("twin");
    return {};
}

}  // namespace twinhub::twin
