#pragma once

namespace twinhub::gateway {

// Has OpenSSL take its record buffers and small blocks from spares that each thread keeps, at most
// 3 MB. Buffers come and go with every message (idle connections hold none), small blocks by the
// hundred with every handshake, and the allocator's way with them costs more than what happens in
// them. Must be called before OpenSSL is used at all; otherwise, and under a sanitizer, nothing
// changes.
void keep_spare_tls_buffers();

}  // namespace twinhub::gateway
