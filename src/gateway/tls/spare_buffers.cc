#include "gateway/tls/spare_buffers.h"

#include <malloc.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

namespace twinhub::gateway {
namespace {

// What OpenSSL 3.0 takes and gives back several times in each handshake, and the first of them with
// each message: record buffers, and the state of its hashes and curves.
struct Kind {
    std::size_t asked_min, asked_max;  // bytes
};
constexpr std::array kinds{Kind{16 * 1024, 22 * 1024}, Kind{3200, 3328}};

// A handshake takes hundreds of small blocks of few sizes, more of one size than malloc keeps ready
// for a thread. Blocks of n * granule bytes, its own header included.
constexpr std::size_t granule = 16;
constexpr std::size_t small_max = 1024;

template <std::size_t N>
struct Spares {
    std::array<void*, N> blocks{};
    std::uint32_t count = 0;

    void* take() { return count == 0 ? nullptr : blocks[--count]; }
    bool keep(void* block) {
        if (count == N) return false;
        blocks[count++] = block;
        return true;
    }
};
// Never destroyed: OpenSSL frees things at a thread's end too, and the few threads that speak TLS
// live as long as the process.
thread_local constinit std::array<Spares<8>, kinds.size()> spares;
thread_local constinit std::array<Spares<63>, small_max / granule + 1> small_spares;

// Of the GNU allocator: the whole block that holds so many bytes for its user.
constexpr std::size_t block_of(std::size_t bytes) {
    return std::max<std::size_t>((bytes + sizeof(std::size_t) + granule - 1) / granule * granule,
                                 2 * granule);
}

[[maybe_unused]] void* allocate(std::size_t bytes, const char*, int) {
    if (const std::size_t block = block_of(bytes); block <= small_max) {
        if (void* const spare = small_spares[block / granule].take()) return spare;
        return std::malloc(bytes);
    }
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        if (bytes < kinds[i].asked_min || bytes > kinds[i].asked_max) continue;
        if (void* const spare = spares[i].take()) return spare;
        return std::malloc(kinds[i].asked_max);
    }
    return std::malloc(bytes);
}

[[maybe_unused]] void release(void* block, const char*, int) {
    if (block == nullptr) return;
    const std::size_t bytes = malloc_usable_size(block);
    if (const std::size_t whole = bytes + sizeof(std::size_t); whole <= small_max) {
        if (small_spares[whole / granule].keep(block)) return;
    } else {
        for (std::size_t i = 0; i < kinds.size(); ++i)
            if (bytes >= kinds[i].asked_max && bytes < kinds[i].asked_max + 64 &&
                spares[i].keep(block))
                return;
    }
    std::free(block);
}

[[maybe_unused]] void* reallocate(void* block, std::size_t bytes, const char* file, int line) {
    return block == nullptr ? allocate(bytes, file, line) : std::realloc(block, bytes);
}

}  // namespace

void keep_spare_tls_buffers() {
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
    CRYPTO_set_mem_functions(allocate, reallocate, release);
#endif
}

}  // namespace twinhub::gateway
