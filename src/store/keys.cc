#include "store/keys.h"

namespace twinhub::store {
namespace {

void append_big(std::string& out, std::uint64_t value, std::size_t bytes) {
    for (std::size_t i = bytes; i-- > 0;)
        out.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
}

std::uint64_t read_big(std::string_view bytes) {
    std::uint64_t value = 0;
    for (const char c : bytes) value = (value << 8) | static_cast<unsigned char>(c);
    return value;
}

constexpr std::size_t slot_bytes = 2;
constexpr std::size_t sequence_bytes = 8;

std::string slot_prefix(Slot slot) {
    std::string key;
    append_big(key, slot, slot_bytes);
    return key;
}

std::string device_prefix(const DeviceId& device) {
    std::string key = slot_prefix(slot_of(device));
    key.append(device.text()).push_back('\0');
    return key;
}

}  // namespace

std::string twin_key(const TwinId& id) {
    std::string key;
    key.reserve(slot_bytes + id.device.text().size() + 1 + id.module.text().size());
    append_twin_key(key, id);
    return key;
}

void append_twin_key(std::string& out, const TwinId& id) {
    append_big(out, slot_of(id.device), slot_bytes);
    out.append(id.device.text()).push_back('\0');
    out.append(id.module.text());
}

std::optional<TwinId> parse_twin_key(std::string_view key) {
    if (key.size() < slot_bytes) return std::nullopt;
    const std::string_view ids = key.substr(slot_bytes);
    const std::size_t end = ids.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    auto device = DeviceId::parse(ids.substr(0, end));
    if (!device || slot_of(*device) != read_big(key.substr(0, slot_bytes))) return std::nullopt;
    TwinId id{std::move(*device), {}};
    if (const std::string_view text = ids.substr(end + 1); !text.empty()) {
        auto module = ModuleId::parse(text);
        if (!module) return std::nullopt;
        id.module = std::move(*module);
    }
    return id;
}

Range slot_range(Slot slot) { return slots_range(slot, slot); }

Range slots_range(Slot first, Slot last) {
    return {slot_prefix(first), prefix_range(slot_prefix(last)).to};
}

Range device_range(const DeviceId& device) { return prefix_range(device_prefix(device)); }

Range modules_range(const DeviceId& device) {
    Range range = device_range(device);
    range.from.push_back('\x01');  // behind the device itself, before any module: ids have no NUL
    return range;
}

std::string change_key(Slot slot, std::uint64_t sequence) {
    std::string key;
    append_change_key(key, slot, sequence);
    return key;
}

void append_change_key(std::string& out, Slot slot, std::uint64_t sequence) {
    append_big(out, slot, slot_bytes);
    append_big(out, sequence, sequence_bytes);
}

std::optional<ChangeKey> parse_change_key(std::string_view key) {
    if (key.size() != slot_bytes + sequence_bytes) return std::nullopt;
    return ChangeKey{static_cast<Slot>(read_big(key.substr(0, slot_bytes))),
                     read_big(key.substr(slot_bytes))};
}

Range changes_range(Slot slot, std::uint64_t first, std::uint64_t last) {
    // The key itself and a NUL is the first key behind it.
    return {change_key(slot, first), change_key(slot, last) + '\0'};
}

std::string metadata_key(Area area, std::string_view text) {
    std::string key(1, static_cast<char>(area));
    key.append(text);
    return key;
}

Range area_range(Area area) { return prefix_range(metadata_key(area, {})); }

Range prefix_range(std::string_view prefix) {
    Range range{std::string(prefix), std::string(prefix)};
    while (!range.to.empty() && static_cast<unsigned char>(range.to.back()) == 0xff)
        range.to.pop_back();
    if (!range.to.empty())
        range.to.back() = static_cast<char>(static_cast<unsigned char>(range.to.back()) + 1);
    return range;
}

}  // namespace twinhub::store
