#include "twin/moved.h"

#include "twin/update.h"
#include "twin/view.h"

#include <algorithm>
#include <vector>

namespace twinhub::twin {
namespace {

constexpr Versions first;  // of a twin that moved

std::unexpected<Error> no_object(Part part) {
    const std::string path(path_of(part));
    return failure(Code::argument_invalid, path + " must be an object", path);
}

// What the node's own metadata says; what it leaves out is as around it.
Stamp read_stamp(const json::value& metadata, Stamp around) {
    const json::object* const object = metadata.if_object();
    if (object == nullptr) return around;
    Stamp stamp = around;
    if (const json::value* text = object->if_contains("$lastUpdated"); text && text->is_string())
        stamp.updated = parse_instant(text->get_string()).value_or(around.updated);
    stamp.version = object->contains("$lastUpdatedVersion") ? first.desired : 0;
    return stamp;
}

Node rebuild(const json::value& value, const json::value* metadata, Stamp around) {
    if (metadata == nullptr || !metadata->is_object()) return build(value, around);
    const Stamp stamp = read_stamp(*metadata, around);
    if (!value.is_object()) return {value, stamp};
    std::vector<Member> members;
    for (const json::key_value_pair& entry : value.get_object())
        members.push_back(
            {std::string(entry.key()),
             rebuild(entry.value(), metadata->get_object().if_contains(entry.key()), stamp)});
    std::ranges::sort(members, {}, &Member::key);
    return {make_object(std::move(members)), stamp};
}

Result<Node> read_section(const json::object& parent, std::string_view name, Part part,
                          Instant otherwise) {
    const json::value* const value = parent.if_contains(name);
    if (value == nullptr || value->is_null()) return fresh(otherwise).part(part);
    if (!value->is_object()) return no_object(part);
    json::object body = value->get_object();
    json::value metadata;
    if (const auto found = body.find("$metadata"); found != body.end() && part != Part::tags)
        metadata = found->value();
    for (const char* const own : {"$metadata", "$version"}) body.erase(own);
    TRY(const Patch checked, Patch::check(std::move(body), part, Patch::Mode::replace));
    Stamp stamp;
    if (part != Part::tags) stamp.updated = otherwise;
    if (part == Part::desired && !checked.body().empty()) stamp.version = first.desired;
    Node node = rebuild(checked.body(), &metadata, stamp);
    if (node.size() <= size_max_of(part)) return node;
    const std::string path(path_of(part));
    return failure(Code::argument_invalid,
                   "The size of " + path + " is " + std::to_string(node.size()) +
                       ", the limit is " + std::to_string(size_max_of(part)),
                   path);
}

Node counted_anew(const Node& node) {
    const Stamp stamp{node.stamp().updated, std::min(node.stamp().version, first.desired)};
    if (!node.is_object()) return node.with_stamp(stamp);
    std::vector<Member> members;
    members.reserve(node.object().members.size());
    for (const Member& member : node.object().members)
        members.push_back({member.key, counted_anew(member.node)});
    return {make_object(std::move(members), node.object().size), stamp};
}

}  // namespace

Twin moved(const Twin& twin) {
    Twin next;
    next.tags = twin.tags;
    next.desired = counted_anew(twin.desired);
    next.reported = twin.reported;
    return next;
}

Result<Twin> parse_moved(const json::object& view, Instant otherwise) {
    Twin twin = fresh(otherwise);
    TRY(twin.tags, read_section(view, "tags", Part::tags, otherwise));
    const json::value* const properties = view.if_contains("properties");
    if (properties == nullptr || properties->is_null()) return twin;
    if (!properties->is_object())
        return failure(Code::argument_invalid, "properties must be an object", "properties");
    const json::object& sections = properties->get_object();
    TRY(twin.desired, read_section(sections, "desired", Part::desired, otherwise));
    TRY(twin.reported, read_section(sections, "reported", Part::reported, otherwise));
    return twin;
}

void append_moved(std::string& out, const Twin& twin) {
    out += R"("tags":)";
    append_section(out, twin, Part::tags, Metadata::without);
    out += R"(,"properties":{"desired":)";
    append_section(out, twin, Part::desired, Metadata::with);
    out += R"(,"reported":)";
    append_section(out, twin, Part::reported, Metadata::with);
    out += '}';
}

}  // namespace twinhub::twin
