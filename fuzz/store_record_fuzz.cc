#include "store/keys.h"
#include "store/record.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// Stored bytes as a damaged disk may give them back. The first byte of the input is the length of
// the key, the next that of the newest format; the key follows, the rest is the value.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace twinhub;
    using namespace twinhub::store;
    std::string_view input(reinterpret_cast<const char*>(data), size);
    if (input.size() < 2) return 0;
    const std::size_t key_bytes = static_cast<unsigned char>(input[0]);
    const auto newest = static_cast<Format>(static_cast<unsigned char>(input[1]));
    input.remove_prefix(2);
    const std::string_view key = input.substr(0, key_bytes);
    const std::string_view value = input.substr(key.size());

    const auto opened = store::open(Kind::twin, newest, "twins", key, value);
    if (opened) {
        // Only what seal() made opens.
        std::string again;
        seal(Kind::twin, opened->format, key, opened->body, again);
        CHECK(again == value);
        CHECK(opened->format >= 1 && opened->format <= newest);
    } else {
        CHECK(opened.error().code == Code::corrupted ||
              opened.error().code == Code::not_implemented);
        CHECK(!opened.error().message.empty());
    }
    if (const auto id = parse_twin_key(key)) CHECK(twin_key(*id) == key);
    if (const auto change = parse_change_key(key))
        CHECK(change_key(change->slot, change->sequence) == key);

    // A sound record around any body opens to it.
    std::string sealed;
    seal(Kind::twin, 1, key, value, sealed);
    const auto sound = store::open(Kind::twin, 1, "twins", key, sealed);
    CHECK(sound && sound->body == value);
    return 0;
}
