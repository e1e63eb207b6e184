#include "base/random.h"

#include "base/encoding.h"
#include "base/result.h"

#include <openssl/rand.h>

#include <cstring>
#include <vector>

namespace twinhub {

std::uint64_t Random::number() {
    std::uint64_t value = 0;
    fill(std::as_writable_bytes(std::span(&value, 1)));
    return value;
}

std::string Random::hex(std::size_t bytes) {
    std::string raw(bytes, '\0');
    fill(std::as_writable_bytes(std::span(raw)));
    return hex_encode(raw);
}

std::string Random::uuid() {
    std::string raw(16, '\0');
    fill(std::as_writable_bytes(std::span(raw)));
    raw[6] = static_cast<char>((raw[6] & 0x0f) | 0x40);
    raw[8] = static_cast<char>((raw[8] & 0x3f) | 0x80);
    std::string text = hex_encode(raw);
    for (const std::size_t at : {8u, 13u, 18u, 23u}) text.insert(at, 1, '-');
    return text;
}

std::string Random::key(std::size_t bytes) {
    std::string raw(bytes, '\0');
    fill(std::as_writable_bytes(std::span(raw)));
    return base64_encode(raw);
}

void SystemRandom::fill(std::span<std::byte> bytes) {
    CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()),
                     static_cast<int>(bytes.size())) == 1);
}

}  // namespace twinhub
