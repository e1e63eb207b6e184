#include "provisioning/ids.h"

#include "base/encoding.h"

#include <algorithm>

namespace twinhub::provisioning {
namespace {

constexpr std::size_t id_characters_max = 128;

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_allowed(char c) {
    return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == ':';
}

}  // namespace

Result<ProvisioningId> ProvisioningId::parse(std::string_view text) {
    if (text.empty() || text.size() > id_characters_max || !std::ranges::all_of(text, is_allowed) ||
        !(is_alphanumeric(text.back()) || text.back() == '-'))
        return failure(Code::argument_invalid,
                       "The id must be 1 to 128 letters, digits and - . _ : and end with a letter, "
                       "a digit or a dash");
    ProvisioningId id;
    id.text_ = text;
    id.key_ = ascii_lower(text);
    return id;
}

}  // namespace twinhub::provisioning
