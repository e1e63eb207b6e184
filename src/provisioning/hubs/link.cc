#include "provisioning/hubs/link.h"

#include "base/bytes.h"
#include "base/encoding.h"
#include "base/json.h"
#include "protocol/sas/connection_string.h"
#include "provisioning/enrollment_rules.h"
#include "provisioning/limits.h"
#include "store/keys.h"
#include "store/record.h"

#include <fmt/format.h>

namespace twinhub::provisioning {
namespace {

constexpr std::uint16_t https_port = 443;

std::unexpected<Error> invalid(std::string message, std::string where) {
    return failure(Code::argument_invalid, std::move(message), std::move(where));
}

// A DNS name or an IPv4 address: it goes into a Host header, and devices connect to it.
bool is_host_name(std::string_view text) {
    const auto is_allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.';
    };
    return !text.empty() && text.size() <= host_bytes_max && text.front() != '-' &&
           text.front() != '.' && std::ranges::all_of(text, is_allowed);
}

Result<> read_access(const std::string& text, HubLink& link) {
    auto parsed = protocol::sas::ConnectionString::parse(text);
    if (!parsed) return invalid(std::move(parsed).error().message, "connectionString");
    if (parsed->policy.empty() || parsed->key.empty())
        return invalid("A linked hub needs the connection string of a shared access policy",
                       "connectionString");
    if (!equals_ignoring_case(parsed->host, link.host))
        return invalid("The connection string is of another hub than the link", "connectionString");
    link.host = std::move(parsed->host);
    link.port = parsed->port == 0 ? https_port : parsed->port;
    link.policy = std::move(parsed->policy);
    link.key = std::move(parsed->key);
    return {};
}

}  // namespace

std::string HubLink::connection_string() const {
    protocol::sas::ConnectionString text;
    text.host = host;
    text.port = port == https_port ? std::uint16_t{0} : port;
    text.policy = policy;
    text.key = "****";
    return text.text();
}

Result<HubLink> make_link(const std::optional<HubLink>& current, const HubLinkWish& wish,
                          Instant now, Random& random) {
    HubLink link = current.value_or(HubLink{});
    if (!current) {
        link.host = wish.host;
        link.created = now;
        if (!is_host_name(link.host)) return invalid("This is no host name", "name");
        if (!wish.connection_string)
            return invalid("The connection string of the hub is missing", "connectionString");
    }
    // Clients send back what they were shown.
    if (wish.connection_string && !(current && *wish.connection_string == link.connection_string()))
        TRY_VOID(read_access(*wish.connection_string, link));
    if (wish.weight && *wish.weight > link_weight_max)
        return invalid(fmt::format("The weight must be 0 to {}", link_weight_max),
                       "allocationWeight");
    link.weight = static_cast<std::uint32_t>(wish.weight.value_or(link.weight));
    link.applies = wish.applies.value_or(link.applies);
    do link.etag = new_etag(random);
    while (current && link.etag == current->etag);
    link.updated = now;
    return link;
}

void append_encoded(std::string& out, const HubLink& link) {
    append_text(out, link.host);
    append_varint(out, link.port);
    append_text(out, link.policy);
    append_text(out, link.key);
    append_varint(out, link.weight);
    out += link.applies ? '\1' : '\0';
    append_text(out, link.etag);
    append_signed(out, link.created.time_since_epoch().count());
    append_signed(out, link.updated.time_since_epoch().count());
}

Result<HubLink> decode_link(std::string_view bytes) {
    ByteReader reader(bytes);
    HubLink link;
    link.host = reader.text();
    const std::uint64_t port = reader.varint();
    link.policy = reader.text();
    link.key = reader.text();
    const std::uint64_t weight = reader.varint();
    link.applies = reader.byte() != 0;
    link.etag = reader.text();
    link.created = Instant{Ticks{reader.signed_number()}};
    link.updated = Instant{Ticks{reader.signed_number()}};
    if (reader.failed() || port == 0 || port > 65535 || weight > link_weight_max)
        return failure(Code::corrupted, "A stored linked hub cannot be read",
                       "offset " + std::to_string(reader.offset()));
    link.port = static_cast<std::uint16_t>(port);
    link.weight = static_cast<std::uint32_t>(weight);
    return link;
}

std::string link_key(std::string_view host) {
    return store::metadata_key(store::Area::linked_hub, ascii_lower(host));
}

std::string sealed(const HubLink& link, std::string_view key) {
    std::string body;
    append_encoded(body, link);
    return store::sealed(store::Kind::linked_hub, link_format, key, body);
}

Result<HubLink> open_link(std::string_view key, std::string_view value) {
    TRY(const store::Opened opened,
        store::open(store::Kind::linked_hub, link_format, "metadata", key, value));
    return decode_link(opened.body);
}

void append_link(std::string& out, const HubLink& link) {
    out += R"({"name":)";
    append_json_string(out, link.host);
    out += R"(,"connectionString":)";
    append_json_string(out, link.connection_string());
    out += R"(,"allocationWeight":)";
    append_json_number(out, std::uint64_t{link.weight});
    out += R"(,"applyAllocationPolicy":)";
    out += link.applies ? "true" : "false";
    out += R"(,"etag":)";
    append_json_string(out, "\"" + link.etag + "\"");
    out += R"(,"createdDateTimeUtc":)";
    append_json_string(out, format_instant(link.created));
    out += R"(,"lastUpdatedDateTimeUtc":)";
    append_json_string(out, format_instant(link.updated));
    out += '}';
}

}  // namespace twinhub::provisioning
