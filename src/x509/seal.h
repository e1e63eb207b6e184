#pragma once

#include "base/sha256.h"
#include "x509/signing_key.h"

#include <string>
#include <string_view>

namespace twinhub::x509 {

// A sealed export: lines of JSON, of which the last is {"seal":{...}} with the hash of all bytes
// before it and a signature over that hash and `kind`. Nothing in it can be changed, left out or
// added without the seal telling it.

// Appends the seal of `text`, which ends with a line end.
void append_seal(std::string& text, std::string_view kind, const SigningKey& key);

// What a seal says when it holds.
struct Seal {
    std::string kind;
    std::string key_id;
    std::string_view sealed;  // the bytes before the seal
};
// Errors: format_invalid (there is no seal, or it is cut off), unauthorized (the bytes are not
// those that were sealed, or the key is another one).
Result<Seal> check_seal(std::string_view text, const VerifyingKey& key);

}  // namespace twinhub::x509
