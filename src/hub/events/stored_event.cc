#include "hub/events/stored_event.h"

#include "base/bytes.h"
#include "store/keys.h"
#include "store/record.h"

namespace twinhub::hub {
namespace {

constexpr store::Format event_format = 1;
constexpr std::size_t number_bytes = 8;

void append_properties(std::string& out, const EventProperties& properties) {
    append_varint(out, properties.size());
    for (const auto& [name, value] : properties) {
        append_text(out, name);
        append_text(out, value);
    }
}

EventProperties read_properties(ByteReader& reader) {
    EventProperties properties;
    for (std::uint64_t left = reader.varint(); left != 0 && !reader.failed(); --left) {
        std::string name(reader.text());
        properties.emplace_back(std::move(name), reader.text());
    }
    return properties;
}

std::unexpected<Error> damaged(std::string_view key) {
    return failure(Code::corrupted, "An event that waits for its routes cannot be read",
                   "metadata/" + store::printable(key));
}

}  // namespace

std::string event_key(std::uint64_t number) {
    std::string text;
    for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(number >> shift & 0xFF);
    return store::metadata_key(store::Area::event, text);
}

store::Range events_range(std::uint64_t first, std::uint64_t behind_last) {
    return {event_key(first), event_key(behind_last)};
}

Result<std::uint64_t> parse_event_key(std::string_view key) {
    if (key.size() != 1 + number_bytes) return damaged(key);
    std::uint64_t number = 0;
    for (const char c : key.substr(1)) number = number << 8 | static_cast<unsigned char>(c);
    return number;
}

// Body: source, whether it is JSON, id, kind, device, module, time, sequence, system properties,
// application properties, body.
std::string sealed_event(std::string_view key, const HubEvent& event) {
    std::string body;
    append_varint(body, static_cast<std::uint64_t>(event.source));
    append_varint(body, event.is_json ? 1 : 0);
    append_text(body, event.id);
    append_text(body, event.kind);
    append_text(body, event.twin.device.text());
    append_text(body, event.twin.module.text());
    append_signed(body, event.at.time_since_epoch().count());
    append_varint(body, event.sequence);
    append_properties(body, event.system);
    append_properties(body, event.application);
    append_text(body, event.body);
    return store::sealed(store::Kind::passing_event, event_format, key, body);
}

Result<HubEvent> open_event(std::string_view key, std::string_view value) {
    TRY(const store::Opened opened,
        store::open(store::Kind::passing_event, event_format, "metadata", key, value));
    ByteReader reader(opened.body);
    HubEvent event;
    const std::uint64_t source = reader.varint();
    if (source >= event_sources) return damaged(key);
    event.source = static_cast<EventSource>(source);
    event.is_json = reader.varint() != 0;
    event.id = reader.text();
    event.kind = reader.text();
    const std::string_view device = reader.text();
    const std::string_view module = reader.text();
    event.at = Instant(Instant::duration(reader.signed_number()));
    event.sequence = reader.varint();
    event.system = read_properties(reader);
    event.application = read_properties(reader);
    event.body = reader.text();
    if (!reader.finished()) return damaged(key);
    // Events of a piece of work have no device.
    if (!device.empty()) {
        auto id = DeviceId::parse(device);
        if (!id) return damaged(key);
        event.twin.device = *std::move(id);
    }
    if (!module.empty()) {
        auto id = ModuleId::parse(module);
        if (!id) return damaged(key);
        event.twin.module = *std::move(id);
    }
    return event;
}

}  // namespace twinhub::hub
