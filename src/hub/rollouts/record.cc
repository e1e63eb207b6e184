#include "hub/rollouts/record.h"

#include "base/bytes.h"
#include "base/json_members.h"
#include "store/keys.h"
#include "store/record.h"

#include <fmt/format.h>

namespace twinhub::hub {
namespace {

using store::Area;

constexpr store::Format rollout_format = 1;
constexpr store::Format device_format = 1;

std::unexpected<Error> damaged(std::string_view what, std::size_t offset) {
    return failure(Code::corrupted, fmt::format("A stored {} cannot be read", what),
                   "offset " + std::to_string(offset));
}

void append_time(std::string& out, Instant at) {
    append_signed(out, at.time_since_epoch().count());
}
Instant read_time(ByteReader& reader) { return Instant{Ticks{reader.signed_number()}}; }

void append_time(std::string& out, const std::optional<Instant>& at) {
    out += at ? '\1' : '\0';
    if (at) append_time(out, *at);
}
std::optional<Instant> read_optional_time(ByteReader& reader) {
    if (reader.byte() == 0) return std::nullopt;
    return read_time(reader);
}

void append_author(std::string& out, const Author& author) {
    append_varint(out, static_cast<std::uint64_t>(author.cause));
    for (const std::string* text : {&author.principal, &author.on_behalf_of, &author.change,
                                    &author.reason, &author.request_id, &author.client})
        append_text(out, *text);
}
Author read_author(ByteReader& reader) {
    Author author;
    author.cause = static_cast<Cause>(reader.varint());
    for (std::string* text : {&author.principal, &author.on_behalf_of, &author.change,
                              &author.reason, &author.request_id, &author.client})
        *text = reader.text();
    return author;
}

void append_value(std::string& out, const std::optional<json::value>& value) {
    out += value ? '\1' : '\0';
    if (value) append_text(out, to_text(*value));
}
Result<std::optional<json::value>> read_value(ByteReader& reader) {
    if (reader.byte() == 0) return std::optional<json::value>{};
    auto value = parse_json(reader.text());
    if (!value) return damaged("value", reader.offset());
    return std::optional(std::move(*value));
}

}  // namespace

void RolloutRecord::tell(LogLine line) {
    log.push_back(std::move(line));
    if (log.size() > rollout_log_max)
        log.erase(log.begin(), log.end() - static_cast<std::ptrdiff_t>(rollout_log_max));
}

std::string rollout_key(std::string_view name) { return store::metadata_key(Area::rollout, name); }

void seal_rollout(const RolloutRecord& record, std::string& out) {
    std::string body;
    append_text(body, to_text(to_json(record.document)));
    append_text(body, name_of(record.state));
    append_author(body, record.author);
    append_time(body, record.created);
    append_time(body, record.started);
    append_time(body, record.ended);
    append_text(body, record.planned);
    append_varint(body, record.devices);
    append_varint(body, record.wave);
    append_varint(body, record.waves.size());
    for (const WaveProgress& wave : record.waves) {
        for (const auto* at : {&wave.began, &wave.told, &wave.met, &wave.passed})
            append_time(body, *at);
        body += wave.waived ? '\1' : '\0';
    }
    append_varint(body, record.log.size());
    for (const LogLine& line : record.log) {
        append_time(body, line.at);
        append_text(body, line.what);
        append_varint(body, line.wave ? *line.wave + std::uint64_t{1} : 0);
        append_text(body, line.reason);
        append_text(body, line.by);
    }
    append_varint(body, record.counts.size());
    for (const WaveCounts& counts : record.counts) {
        for (const std::uint64_t count : counts.steps) append_varint(body, count);
        for (const std::uint64_t count : counts.drift) append_varint(body, count);
    }
    store::seal(store::Kind::rollout, rollout_format, rollout_key(record.document.name), body, out);
}

Result<RolloutRecord> open_rollout(std::string_view key, std::string_view value) {
    TRY(const store::Opened opened,
        store::open(store::Kind::rollout, rollout_format, "metadata", key, value));
    ByteReader reader(opened.body);
    RolloutRecord record;
    const auto wrong = [&] {
        return failure(Code::corrupted, "A stored rollout cannot be read",
                       "metadata/" + store::printable(key));
    };
    auto document = parse_json(reader.text());
    if (!document || !document->is_object()) return wrong();
    auto parsed = parse_rollout(document->get_object());
    if (!parsed) return wrong();
    record.document = std::move(*parsed);
    const auto state = rollout_state_of(reader.text());
    record.author = read_author(reader);
    record.created = read_time(reader);
    record.started = read_optional_time(reader);
    record.ended = read_optional_time(reader);
    record.planned = reader.text();
    record.devices = reader.varint();
    record.wave = static_cast<std::uint32_t>(reader.varint());
    const std::uint64_t waves = reader.varint();
    for (std::uint64_t i = 0; i < waves && !reader.failed(); ++i) {
        WaveProgress& wave = record.waves.emplace_back();
        for (auto* at : {&wave.began, &wave.told, &wave.met, &wave.passed})
            *at = read_optional_time(reader);
        wave.waived = reader.byte() != 0;
    }
    const std::uint64_t lines = reader.varint();
    for (std::uint64_t i = 0; i < lines && !reader.failed(); ++i) {
        LogLine& line = record.log.emplace_back();
        line.at = read_time(reader);
        line.what = reader.text();
        const std::uint64_t wave = reader.varint();
        if (wave != 0) line.wave = static_cast<std::uint32_t>(wave - 1);
        line.reason = reader.text();
        line.by = reader.text();
    }
    const std::uint64_t counted = reader.varint();
    for (std::uint64_t i = 0; i < counted && !reader.failed(); ++i) {
        WaveCounts& counts = record.counts.emplace_back();
        for (std::uint64_t& count : counts.steps) count = reader.varint();
        for (std::uint64_t& count : counts.drift) count = reader.varint();
    }
    const bool fits = record.counts.size() == record.waves.size() &&
                      record.waves.size() == record.document.waves.size() &&
                      rollout_key(record.document.name) == key;
    if (reader.failed() || !state || !fits) return wrong();
    record.state = *state;
    return record;
}

std::string rollout_devices_prefix(std::string_view name) {
    return store::metadata_key(Area::rollout_device, std::string(name) + '\0');
}

std::string rollout_device_key(std::string_view name, const TwinId& id) {
    std::string key = rollout_devices_prefix(name);
    store::append_twin_key(key, id);
    return key;
}

std::optional<TwinId> rollout_device_of(std::string_view name, std::string_view key) {
    const std::string prefix = rollout_devices_prefix(name);
    if (!key.starts_with(prefix)) return std::nullopt;
    return store::parse_twin_key(key.substr(prefix.size()));
}

void append_encoded(std::string& out, const DeviceRecord& record) {
    append_text(out, record.generation_id);
    append_varint(out, record.wave);
    out += static_cast<char>(record.step);
    append_time(out, record.at);
    append_varint(out, record.leaves.size());
    for (const ChangedLeaf& leaf : record.leaves) {
        out += static_cast<char>(leaf.part);
        append_text(out, leaf.path);
        append_value(out, leaf.before);
        append_value(out, leaf.after);
        append_varint(out, leaf.kept);
    }
    append_text(out, record.message);
}

Result<DeviceRecord> decode_device_record(std::string_view bytes) {
    ByteReader reader(bytes);
    DeviceRecord record;
    record.generation_id = reader.text();
    record.wave = static_cast<std::uint32_t>(reader.varint());
    const std::uint8_t step = reader.byte();
    record.at = read_time(reader);
    const std::uint64_t leaves = reader.varint();
    for (std::uint64_t i = 0; i < leaves && !reader.failed(); ++i) {
        ChangedLeaf& leaf = record.leaves.emplace_back();
        const std::uint8_t part = reader.byte();
        if (part > static_cast<std::uint8_t>(twin::Part::desired))
            return damaged("device of a rollout", reader.offset());
        leaf.part = static_cast<twin::Part>(part);
        leaf.path = reader.text();
        TRY(leaf.before, read_value(reader));
        TRY(leaf.after, read_value(reader));
        leaf.kept = static_cast<std::uint32_t>(reader.varint());
    }
    record.message = reader.text();
    if (reader.failed() || step >= device_step_count)
        return damaged("device of a rollout", reader.offset());
    record.step = static_cast<DeviceStep>(step);
    return record;
}

void seal_device(const DeviceRecord& record, std::string_view key, std::string& out) {
    std::string body;
    append_encoded(body, record);
    store::seal(store::Kind::rollout_device, device_format, key, body, out);
}

Result<DeviceRecord> open_device(std::string_view key, std::string_view value) {
    TRY(const store::Opened opened,
        store::open(store::Kind::rollout_device, device_format, "metadata", key, value));
    auto record = decode_device_record(opened.body);
    if (!record)
        return failure(record.error().code, record.error().message,
                       "metadata/" + store::printable(key));
    return record;
}

}  // namespace twinhub::hub
