#include "base/ids.h"

#include <array>

namespace twinhub {
namespace {

constexpr std::array<bool, 256> id_characters = [] {
    std::array<bool, 256> allowed{};
    for (int c = 'A'; c <= 'Z'; ++c) allowed[static_cast<unsigned char>(c)] = true;
    for (int c = 'a'; c <= 'z'; ++c) allowed[static_cast<unsigned char>(c)] = true;
    for (int c = '0'; c <= '9'; ++c) allowed[static_cast<unsigned char>(c)] = true;
    for (const char c : std::string_view("-:.+%_#*?!(),=@;$'"))
        allowed[static_cast<unsigned char>(c)] = true;
    return allowed;
}();

Result<std::string> parse_id(std::string_view text, std::string_view kind) {
    if (text.empty())
        return failure(Code::argument_invalid, "The " + std::string(kind) + " id is empty");
    if (text.size() > id_bytes_max)
        return failure(Code::argument_invalid, "The " + std::string(kind) + " id has " +
                                                   std::to_string(text.size()) +
                                                   " characters, the limit is 128");
    for (std::size_t i = 0; i < text.size(); ++i)
        if (!id_characters[static_cast<unsigned char>(text[i])])
            return failure(Code::argument_invalid,
                           "The " + std::string(kind) +
                               " id may hold only ASCII letters, digits and - : . + % _ # * ? ! ( "
                               ") , = @ $ ' and semicolon",
                           "offset " + std::to_string(i));
    return std::string(text);
}

}  // namespace

Result<DeviceId> DeviceId::parse(std::string_view text) {
    TRY(std::string id, parse_id(text, "device"));
    return DeviceId(std::move(id));
}

Result<ModuleId> ModuleId::parse(std::string_view text) {
    TRY(std::string id, parse_id(text, "module"));
    return ModuleId(std::move(id));
}

std::string TwinId::text() const {
    return module.empty() ? device.text() : device.text() + "/" + module.text();
}

std::uint64_t stable_hash(std::string_view text) {
    std::uint64_t hash = 14695981039346656037u;
    for (const char c : text) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 1099511628211u;
    }
    // FNV's low bits alone spread short, similar ids badly.
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdu;
    hash ^= hash >> 33;
    return hash;
}

Slot slot_of(const DeviceId& id) { return static_cast<Slot>(stable_hash(id.text()) % slot_count); }

}  // namespace twinhub
