#include "base/result.h"

#include <cstdio>
#include <cstdlib>

namespace twinhub {

void check_failed(const char* condition, const char* file, int line) noexcept {
    std::fprintf(stderr, "twinhub: broken invariant %s at %s:%d\n", condition, file, line);
    std::abort();
}

}  // namespace twinhub
