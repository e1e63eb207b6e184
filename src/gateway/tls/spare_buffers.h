#pragma once

namespace twinhub::gateway {

// Has OpenSSL take its record buffers from a few that each thread keeps. They come and go with
// every message (idle connections hold none), and the allocator's way with blocks of their size
// costs more than what happens in them. Must be called before OpenSSL is used at all; otherwise,
// and under a sanitizer, nothing changes.
void keep_spare_tls_buffers();

}  // namespace twinhub::gateway
