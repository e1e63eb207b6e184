#include "gateway/tls/spare_buffers.h"

#include <malloc.h>
#include <openssl/crypto.h>

#include <array>
#include <cstdlib>

namespace twinhub::gateway {
namespace {

// What OpenSSL 3.0 takes and gives back several times in each handshake, and the first of them with
// each message: record buffers, and the state of its hashes and curves.
struct Kind {
    std::size_t asked_min, asked_max;  // bytes
};
constexpr std::array kinds{Kind{16 * 1024, 22 * 1024}, Kind{3200, 3328}};

// Never destroyed: OpenSSL frees things at a thread's end too, and the few threads that speak TLS
// live as long as the process.
struct Spares {
    std::array<void*, 8> blocks{};
    std::size_t count = 0;
};
thread_local constinit std::array<Spares, kinds.size()> spares;

[[maybe_unused]] void* allocate(std::size_t bytes, const char*, int) {
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        if (bytes < kinds[i].asked_min || bytes > kinds[i].asked_max) continue;
        if (spares[i].count > 0) return spares[i].blocks[--spares[i].count];
        return std::malloc(kinds[i].asked_max);
    }
    return std::malloc(bytes);
}

[[maybe_unused]] void release(void* block, const char*, int) {
    if (block == nullptr) return;
    const std::size_t bytes = malloc_usable_size(block);
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        const bool fits = bytes >= kinds[i].asked_max && bytes < kinds[i].asked_max + 64;
        if (!fits || spares[i].count == spares[i].blocks.size()) continue;
        spares[i].blocks[spares[i].count++] = block;
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
