#include "hub/configurations/applied.h"

#include "base/bytes.h"

#include <algorithm>

namespace twinhub::hub {

const Applied::Standing* Applied::find(std::string_view configuration) const {
    const auto found = std::ranges::lower_bound(
        standings, configuration, {},
        [](const Standing& each) -> std::string_view { return each.configuration; });
    return found != standings.end() && found->configuration == configuration ? &*found : nullptr;
}

void append_encoded(std::string& out, const Applied& applied) {
    append_varint(out, applied.standings.size());
    for (const Applied::Standing& standing : applied.standings) {
        append_text(out, standing.configuration);
        append_varint(out, standing.revision);
        out += standing.applied ? '\1' : '\0';
    }
    append_varint(out, applied.contributions.size());
    for (const Applied::Contribution& each : applied.contributions) {
        append_varint(out, each.keys.size());
        for (const std::string& key : each.keys) append_text(out, key);
        append_text(out, to_text(each.value));
        append_text(out, each.configuration);
    }
}

Result<Applied> decode_applied(std::string_view bytes) {
    ByteReader reader(bytes);
    Applied applied;
    const auto damaged = [&reader] {
        return failure(Code::corrupted, "What configurations made of a twin cannot be read",
                       "offset " + std::to_string(reader.offset()));
    };
    const std::uint64_t standings = reader.varint();
    for (std::uint64_t i = 0; i < standings && !reader.failed(); ++i) {
        Applied::Standing standing;
        standing.configuration = reader.text();
        standing.revision = reader.varint();
        standing.applied = reader.byte() != 0;
        applied.standings.push_back(std::move(standing));
    }
    const std::uint64_t contributions = reader.varint();
    for (std::uint64_t i = 0; i < contributions && !reader.failed(); ++i) {
        Applied::Contribution each;
        const std::uint64_t keys = reader.varint();
        for (std::uint64_t k = 0; k < keys && !reader.failed(); ++k)
            each.keys.emplace_back(reader.text());
        auto value = parse_json(reader.text());
        each.configuration = reader.text();
        if (reader.failed() || !value) return damaged();
        each.value = std::move(*value);
        applied.contributions.push_back(std::move(each));
    }
    if (reader.failed()) return damaged();
    return applied;
}

std::shared_ptr<const twin::Object> statuses_of(const Applied& applied) {
    if (applied.standings.empty()) return nullptr;
    std::vector<twin::Member> members;
    for (const Applied::Standing& standing : applied.standings) {
        std::vector<twin::Member> status{
            {"status",
             twin::Node(json::value(standing.applied ? "Applied" : "Targeted"), twin::Stamp{})}};
        members.push_back({standing.configuration,
                           twin::Node(twin::make_object(std::move(status)), twin::Stamp{})});
    }
    return twin::make_object(std::move(members));
}

}  // namespace twinhub::hub
