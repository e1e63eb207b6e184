#include "protocol/sas/connection_string.h"

#include "base/encoding.h"

#include <fmt/format.h>

#include <charconv>

namespace twinhub::protocol::sas {
namespace {

auto refuse(std::string what) {
    return failure(Code::argument_invalid, "the connection string " + std::move(what));
}

// `name`, `name:port`, `[::1]:port`.
Result<> read_host(std::string_view text, ConnectionString& out) {
    const std::size_t colon = text.rfind(':');
    const bool has_port =
        colon != std::string_view::npos && (text.find(':') == colon || text.find(']') == colon - 1);
    out.host = text.substr(0, has_port ? colon : text.size());
    if (out.host.starts_with('[') && out.host.ends_with(']'))
        out.host = out.host.substr(1, out.host.size() - 2);
    if (out.host.empty()) return refuse("has no HostName");
    if (!has_port) return {};
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
    if (error != std::errc{} || end != digits.data() + digits.size() || out.port == 0)
        return refuse("has a HostName with a port that is none");
    return {};
}

}  // namespace

Result<ConnectionString> ConnectionString::parse(std::string_view text) {
    ConnectionString out;
    bool has_host = false, by_certificate = false;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(';'), text.size());
        const std::string_view part = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (part.find_first_not_of(" \t\r\n") == std::string_view::npos) continue;
        const std::size_t equals = part.find('=');
        if (equals == std::string_view::npos)
            return refuse("must be name=value parts, with ';' between them");
        const std::string name = ascii_lower(part.substr(0, equals));
        std::string_view value = part.substr(equals + 1);
        while (value.ends_with('\n') || value.ends_with('\r')) value.remove_suffix(1);
        if (name == "hostname") {
            TRY_VOID(read_host(value, out));
            has_host = true;
        } else if (name == "sharedaccesskeyname") {
            out.policy = value;
        } else if (name == "sharedaccesskey") {
            out.key = value;
        } else if (name == "deviceid") {
            out.device = value;
        } else if (name == "moduleid") {
            out.module = value;
        } else if (name == "x509") {
            by_certificate = equals_ignoring_case(value, "true");
        }  // others, such as GatewayHostName, say nothing to us
    }
    if (!has_host) return refuse("has no HostName");
    if (out.policy.empty() == out.device.empty())
        return refuse("must have either SharedAccessKeyName or DeviceId");
    if (out.key.empty() && !by_certificate) return refuse("has no SharedAccessKey");
    if (!out.key.empty() && !base64_decode(out.key))
        return refuse("has a SharedAccessKey that is not base64");
    return out;
}

std::string ConnectionString::text() const {
    const bool is_ipv6 = host.find(':') != std::string::npos;
    std::string out = is_ipv6 ? fmt::format("HostName=[{}]", host) : "HostName=" + host;
    if (port != 0) out += fmt::format(":{}", port);
    if (!policy.empty()) out += ";SharedAccessKeyName=" + policy;
    if (!device.empty()) out += ";DeviceId=" + device;
    if (!module.empty()) out += ";ModuleId=" + module;
    return out + (key.empty() ? ";x509=true" : ";SharedAccessKey=" + key);
}

}  // namespace twinhub::protocol::sas
