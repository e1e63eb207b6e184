#include "twin/codec.h"

#include "base/bytes.h"
#include "twin/keys.h"
#include "twin/node_reader.h"
#include "twin/stamps.h"

#include <algorithm>

// The layout. Integers and texts as in base/bytes.h; `head` is one byte: kind in the low four bits,
// then two flags that say "the stamp's time, its version is the parent's"; the two top bits are
// kept for what a node may carry later (who applied a configuration) and must be zero.
//
//   twin    format  version etag desired reported  model-id
//           node(tags) node(desired) node(reported)         parent of the roots: {epoch, 0}
//   node    head  [time] [version]  value                   both as the parent's minus its own
//   value   object: count, then (key, node) in key order; array: count, then (head, value);
//           string: text; integer; double; true, false and null have no more
//   change  format  operation | 8 << part for each part  at  four versions  four steps to `after`
//           then for each part: mode, object of plain values, undo
//   undo    head absent | head nested [time] [version] count (key, undo) | node
//           parent of the root: the stamp of a write at `at` that led to the versions before
namespace twinhub::twin {
namespace {

using enum NodeKind;

NodeKind kind_of(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null: return null;
        case json::kind::bool_: return value.get_bool() ? yes : no;
        case json::kind::int64:
        case json::kind::uint64: return integer;
        case json::kind::double_: return floating;
        case json::kind::string: return string;
        case json::kind::array: return array;
        case json::kind::object: return object;
    }
    return null;
}

void put_plain(std::string& out, const json::value& value);

// What follows the head.
void put_content(std::string& out, const json::value& value) {
    switch (value.kind()) {
        case json::kind::int64: return append_signed(out, value.get_int64());
        case json::kind::uint64:
            return append_signed(out, static_cast<std::int64_t>(value.get_uint64()));
        case json::kind::double_: return put_double(out, value.get_double());
        case json::kind::string:
            return append_text(out, {value.get_string().data(), value.get_string().size()});
        case json::kind::array:
            append_varint(out, value.get_array().size());
            for (const json::value& element : value.get_array()) put_plain(out, element);
            return;
        case json::kind::object:
            append_varint(out, value.get_object().size());
            for (const json::key_value_pair& entry : value.get_object()) {
                append_text(out, key_of(entry));
                put_plain(out, entry.value());
            }
            return;
        case json::kind::null:
        case json::kind::bool_: return;
    }
}

void put_plain(std::string& out, const json::value& value) {
    out += static_cast<char>(kind_of(value));
    put_content(out, value);
}

void put_head(std::string& out, NodeKind kind, const Stamp& stamp, const Stamp& parent) {
    unsigned head = std::to_underlying(kind);
    if (stamp.updated == parent.updated) head |= same_time;
    if (stamp.version == parent.version) head |= same_version;
    out += static_cast<char>(head);
    if (!(head & same_time)) append_signed(out, (parent.updated - stamp.updated).count());
    if (!(head & same_version))
        append_signed(out, static_cast<std::int64_t>(parent.version - stamp.version));
}

void put_node(std::string& out, const Node& node, const Stamp& parent) {
    if (!node.is_object()) {
        put_head(out, kind_of(node.leaf()), node.stamp(), parent);
        return put_content(out, node.leaf());
    }
    put_head(out, object, node.stamp(), parent);
    append_varint(out, node.object().members.size());
    for (const Member& member : node.object().members) {
        append_text(out, member.key);
        put_node(out, member.node, node.stamp());
    }
}

void put_undo(std::string& out, const Undo& undo, const Stamp& parent) {
    if (const Node* node = std::get_if<Node>(&undo.was)) return put_node(out, *node, parent);
    const Nested* former = std::get_if<Nested>(&undo.was);
    if (former == nullptr) {
        out += static_cast<char>(absent);
        return;
    }
    put_head(out, nested, former->stamp, parent);
    append_varint(out, former->members.size());
    for (const UndoMember& member : former->members) {
        append_text(out, member.key);
        put_undo(out, member.undo, former->stamp);
    }
}

void put_versions(std::string& out, const Versions& versions) {
    for (const std::uint64_t number :
         {versions.version, versions.etag, versions.desired, versions.reported})
        append_varint(out, number);
}

// Makes the trees of a twin.
struct TreeBuilder {
    using Node = twin::Node;
    struct Object {
        std::vector<Member> members;
    };

    static Object object(std::size_t count) {
        Object object;
        object.members.reserve(std::min(count, reserve_max));
        return object;
    }
    static void add(Object& object, std::string_view key, Node node) {
        object.members.push_back({std::string(key), std::move(node)});
    }
    static Node finish(Object object, const Stamp& stamp) {
        return Node(make_object(std::move(object.members)), stamp);
    }
    static Node leaf(auto content, const Stamp& stamp) {
        return Node(json_of(std::move(content)), stamp);
    }
};

class Decoder : public NodeReader {
public:
    using NodeReader::NodeReader;

    Twin twin() {
        Twin twin;
        expect_format(twin_format);
        twin.versions = versions();
        twin.model_id = in_.text();
        for (const Part part : parts) twin.part(part) = root(build_);
        expect_end();
        return failed() ? Twin() : twin;
    }

    Change change() {
        Change change;
        expect_format(change_format);
        const std::uint8_t head = in_.byte();
        if ((head & 0x07) > static_cast<unsigned>(Operation::report) || head >= 0x40) in_.fail();
        change.operation = static_cast<Operation>(head & 0x07);
        change.at = in_range(Instant{Ticks{in_.signed_integer()}});
        change.before = versions();
        change.after = change.before;
        for (std::uint64_t* number : {&change.after.version, &change.after.etag,
                                      &change.after.desired, &change.after.reported})
            *number += static_cast<std::uint64_t>(in_.signed_integer());
        for (const Part part : parts) {
            if (!(head & part_flag(part))) continue;
            PartChange& written = change.part(part).emplace();
            const std::uint8_t mode = in_.byte();
            if (mode > 1) in_.fail();
            written.forward = Patch::trusted(plain_members(0), static_cast<Patch::Mode>(mode));
            written.inverse = undo(stamp_of(part, change.at, change.before), 0);
            if (std::holds_alternative<Absent>(written.inverse.was)) in_.fail();
        }
        expect_end();
        return change;
    }

    static std::uint8_t part_flag(Part part) {
        return static_cast<std::uint8_t>(8u << static_cast<unsigned>(part));
    }

private:
    Undo undo(const Stamp& parent, std::size_t depth) {
        const std::uint8_t bits = in_.byte();
        if (bits == std::to_underlying(absent)) return {Absent{}};
        const Head head = this->head(bits, parent);
        if (head.kind != nested) return {node(build_, head, depth)};
        if (depth > nesting_max) in_.fail();
        Nested former{head.stamp, {}};
        std::size_t count = in_.count();
        former.members.reserve(std::min(count, reserve_max));
        for (; count > 0 && !failed(); --count) {
            const std::string_view key = in_.text();
            if (!former.members.empty() && key <= former.members.back().key) in_.fail();
            former.members.push_back({std::string(key), undo(head.stamp, depth + 1)});
        }
        return {std::move(former)};
    }

    TreeBuilder build_;
};

}  // namespace

void append_encoded(std::string& out, const Twin& twin) {
    out += static_cast<char>(twin_format);
    put_versions(out, twin.versions);
    append_text(out, twin.model_id);
    for (const Part part : parts) put_node(out, twin.part(part), {});
}

void append_encoded(std::string& out, const Change& change) {
    out += static_cast<char>(change_format);
    unsigned head = static_cast<unsigned>(change.operation);
    for (const Part part : parts)
        if (change.part(part)) head |= Decoder::part_flag(part);
    out += static_cast<char>(head);
    append_signed(out, change.at.time_since_epoch().count());
    put_versions(out, change.before);
    append_signed(out, static_cast<std::int64_t>(change.after.version - change.before.version));
    append_signed(out, static_cast<std::int64_t>(change.after.etag - change.before.etag));
    append_signed(out, static_cast<std::int64_t>(change.after.desired - change.before.desired));
    append_signed(out, static_cast<std::int64_t>(change.after.reported - change.before.reported));
    for (const Part part : parts) {
        const auto& written = change.part(part);
        if (!written) continue;
        out += static_cast<char>(written->forward.mode());
        append_varint(out, written->forward.body().size());
        for (const json::key_value_pair& entry : written->forward.body()) {
            append_text(out, key_of(entry));
            put_plain(out, entry.value());
        }
        put_undo(out, written->inverse, stamp_of(part, change.at, change.before));
    }
}

Result<Twin> decode_twin(std::string_view bytes) {
    Decoder decoder(bytes);
    Twin twin = decoder.twin();
    if (decoder.failed()) return decoder.damaged("twin");
    return twin;
}

Result<Change> decode_change(std::string_view bytes) {
    Decoder decoder(bytes);
    Change change = decoder.change();
    if (decoder.failed()) return decoder.damaged("change");
    return change;
}

}  // namespace twinhub::twin
