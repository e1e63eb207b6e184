#pragma once

#include "base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace twinhub::x509 {

// What a text is taken for.
enum class BlockKind : bool { certificate, revocation_list };

// The DER of every block in `text`: PEM (with or without words around the blocks), base64 of DER,
// or base64 of PEM, as the Azure CLI and portal send them. Errors: argument_invalid when there is
// none, more than `count_max`, something of another kind (a private key has no business here), or
// the text is too long.
Result<std::vector<std::string>> blocks_of(std::string_view text, BlockKind kind,
                                           std::size_t count_max, std::size_t text_bytes_max);

}  // namespace twinhub::x509
