#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace twinhub {

// The one source of chance: keys, ids, etags, tracking ids. Safe to call from any thread.
class Random {
public:
    virtual ~Random() = default;
    virtual void fill(std::span<std::byte> bytes) = 0;

    std::uint64_t number();
    std::string hex(std::size_t bytes);  // lower case, two digits a byte
    std::string uuid();                  // version 4, lower case with dashes
    std::string key(std::size_t bytes);  // base64 of random bytes: a symmetric key
};

// Cryptographically strong (OpenSSL).
class SystemRandom final : public Random {
public:
    void fill(std::span<std::byte> bytes) override;
};

}  // namespace twinhub
