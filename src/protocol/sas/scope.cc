// Which resources a token is good for (spec device-protocols 6.2 point 3, service-api 2.1).
#include "base/encoding.h"
#include "protocol/sas/token.h"

#include <algorithm>

namespace twinhub::protocol::sas {
namespace {

// Takes the host and its slash off the front of a resource.
std::string_view take_host(std::string_view& resource) {
    const std::string_view host = resource.substr(0, resource.find('/'));
    resource.remove_prefix(std::min(host.size() + 1, resource.size()));
    return host;
}

std::string_view trim(std::string_view resource) {
    if (const auto version = resource.find("/api-version="); version != resource.npos)
        resource = resource.substr(0, version);
    if (resource.ends_with('/')) resource.remove_suffix(1);
    return resource;
}

bool is_host(std::string_view text, std::span<const std::string> hosts) {
    if (const auto colon = text.rfind(':'); colon != text.npos) {
        const std::string_view port = text.substr(colon + 1);
        if (!port.empty() && port.find_first_not_of("0123456789") == port.npos)
            text = text.substr(0, colon);
    }
    return std::ranges::any_of(
        hosts, [text](const std::string& host) { return equals_ignoring_case(text, host); });
}

bool same(std::string_view a, std::string_view b, bool exactly) {
    return exactly ? a == b : equals_ignoring_case(a, b);
}

// Tries `covers` on the resource as it stands (the C SDK does not escape it), decoded, and decoded
// once more (.NET escapes the id, then everything).
template <class Covers>
bool in_some_spelling(std::string_view resource, Covers&& covers) {
    if (covers(resource)) return true;
    const auto once = percent_decode(resource);
    if (!once || *once == resource) return false;
    if (covers(*once)) return true;
    const auto twice = percent_decode(*once);
    return twice && *twice != *once && covers(*twice);
}

// Whether the segments of `prefix` begin `path`: "a/b" begins "a/b/c", not "a/bc".
bool begins(std::string_view prefix, std::string_view path, bool exactly) {
    if (prefix.empty()) return true;
    if (prefix.size() > path.size() || !same(prefix, path.substr(0, prefix.size()), exactly))
        return false;
    return prefix.size() == path.size() || path[prefix.size()] == '/';
}

}  // namespace

bool covers_identity(std::string_view resource, std::span<const std::string> hosts,
                     const TwinId& identity, KeyOwner owner, std::string_view operation) {
    std::string path = "devices/" + identity.device.text();
    if (identity.is_module()) path += "/modules/" + identity.module.text();
    const std::size_t identity_bytes = path.size();
    path += operation;

    // With an identity's own key a differing case is harmless: the key already says whose it is.
    // But it is good for no more than the identity, so a wider resource is refused.
    const bool own_key = owner == KeyOwner::identity;
    return in_some_spelling(resource, [&](std::string_view text) {
        text = trim(text);
        if (!is_host(take_host(text), hosts)) return false;
        return (!own_key || text.size() >= identity_bytes) && begins(text, path, !own_key);
    });
}

bool covers_path(std::string_view resource, std::span<const std::string> hosts,
                 std::string_view path) {
    if (path.starts_with('/')) path.remove_prefix(1);
    return in_some_spelling(resource, [&](std::string_view text) {
        text = trim(text);
        if (!is_host(take_host(text), hosts)) return false;
        return begins(text, path, false);
    });
}

}  // namespace twinhub::protocol::sas
