#include "gateway/http/request.h"

#include "base/encoding.h"

#include <algorithm>

namespace twinhub::gateway::http {
namespace {

struct Name {
    std::string_view text;  // lower case
    Field field;
};
constexpr std::array names{
    Name{"host", Field::host},
    Name{"authorization", Field::authorization},
    Name{"content-type", Field::content_type},
    Name{"content-encoding", Field::content_encoding},
    Name{"accept", Field::accept},
    Name{"accept-encoding", Field::accept_encoding},
    Name{"expect", Field::expect},
    Name{"if-match", Field::if_match},
    Name{"request-id", Field::request_id},
    Name{"x-ms-client-request-id", Field::client_request_id},
    Name{"x-ms-max-item-count", Field::max_item_count},
    Name{"x-ms-continuation", Field::continuation},
    Name{"x-query-dialect", Field::query_dialect},
    Name{"last-event-id", Field::last_event_id},
    Name{"upgrade", Field::upgrade},
    Name{"sec-websocket-key", Field::websocket_key},
    Name{"sec-websocket-version", Field::websocket_version},
    Name{"sec-websocket-protocol", Field::websocket_protocol},
};
static_assert(names.size() == static_cast<std::size_t>(Field::count));

// Keeps the memory of `out` when there is nothing to decode, which is nearly always.
bool decode_into(std::string& out, std::string_view text) {
    if (text.find('%') == std::string_view::npos) {
        out.assign(text);
        return true;
    }
    auto decoded = percent_decode(text);
    if (!decoded) return false;
    out = std::move(*decoded);
    return true;
}

// http://host/path is what a client says to a proxy, and RFC 9112 has servers take it too.
std::string_view without_authority(std::string_view target) {
    if (target.starts_with('/')) return target;
    const std::size_t scheme = target.find("://");
    if (scheme == std::string_view::npos) return {};
    const std::size_t slash = target.find('/', scheme + 3);
    return slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
}

}  // namespace

std::optional<Field> field_named(std::string_view name) {
    for (const Name& known : names)
        if (known.text.size() == name.size() && equals_ignoring_case(known.text, name))
            return known.field;
    return std::nullopt;
}

bool is_device_field(std::string_view name) {
    constexpr std::string_view prefix = "iothub-";
    return name.size() > prefix.size() &&
           equals_ignoring_case(name.substr(0, prefix.size()), prefix);
}

std::optional<std::string_view> Request::field(Field name) const {
    const Value& value = fields_[static_cast<std::size_t>(name)];
    if (!value.present) return std::nullopt;
    return value.text;
}

void Request::set_field(Field name, std::string_view value) {
    Value& slot = fields_[static_cast<std::size_t>(name)];
    slot.present = true;
    slot.text.assign(value);
}

bool Request::split_target() {
    std::string_view rest = without_authority(target);
    if (rest.empty()) return false;
    rest = rest.substr(0, rest.find('#'));
    if (const std::size_t mark = rest.find('?'); mark != std::string_view::npos) {
        query.assign(rest.substr(mark + 1));
        rest = rest.substr(0, mark);
    }
    if (rest.size() > 1 && rest.ends_with('/')) rest.remove_suffix(1);
    rest.remove_prefix(1);
    while (!rest.empty()) {
        const std::size_t slash = std::min(rest.find('/'), rest.size());
        if (segment_count_ == path_segments_max) {
            too_many_segments_ = true;
            return true;
        }
        std::string& segment = segments_[segment_count_++];
        if (!decode_into(segment, rest.substr(0, slash))) return false;
        path += '/';
        path += segment;
        if (slash == rest.size()) break;
        rest.remove_prefix(slash + 1);
    }
    return true;
}

std::optional<std::string> Request::parameter(std::string_view name) const {
    std::vector<std::string> all = parameters(name);
    return all.empty() ? std::nullopt : std::optional(std::move(all.front()));
}

std::vector<std::string> Request::parameters(std::string_view name) const {
    std::vector<std::string> found;
    std::string_view rest = query;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('&'), rest.size());
        const std::string_view pair = rest.substr(0, end);
        const std::size_t equals = std::min(pair.find('='), pair.size());
        if (equals_ignoring_case(pair.substr(0, equals), name)) {
            std::string value(equals == pair.size() ? std::string_view() : pair.substr(equals + 1));
            std::ranges::replace(value, '+', ' ');
            if (auto decoded = percent_decode(value)) found.push_back(*std::move(decoded));
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return found;
}

void Request::clear() {
    method = Method::other;
    head = upgrade = false;
    version = 11;
    keep_alive = true;
    target.clear();
    path.clear();
    query.clear();
    body.clear();
    for (Value& value : fields_) {
        value.present = false;
        value.text.clear();
    }
    device_fields_.clear();
    segment_count_ = 0;
    too_many_segments_ = false;
}

}  // namespace twinhub::gateway::http
