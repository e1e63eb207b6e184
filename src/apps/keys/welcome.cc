#include "apps/keys/data_folder.h"
#include "apps/keys/id_scope.h"
#include "protocol/sas/connection_string.h"

#include <fmt/format.h>

namespace twinhub::apps {

std::string hub_connection_string(const Config& config, const hub::Policy& policy) {
    const Port port = config.https_port ? config.https_port : config.plain_http_port;
    const protocol::sas::ConnectionString connection{
        .host = config.hub_name,
        .port = port.value_or(443) == 443 ? std::uint16_t{0} : *port,
        .policy = policy.name,
        .key = policy.primary_key};
    return connection.text();
}

std::string trust_text(const std::string& ca_file) {
    return fmt::format(R"(Clients have to trust {0}:
  Node, every SDK    NODE_EXTRA_CA_CERTS={0}  in the environment, before node starts
  Node, device       client.setOptions({{ ca: fs.readFileSync("{0}", "utf8") }})
  Python, device     server_verification_cert=open("{0}").read()
  C, device          option TrustedCerts with the text of the file
  .NET, Java         the store of the system or the user
  Azure CLI          REQUESTS_CA_BUNDLE={0}  and, for its device commands, SSL_CERT_FILE={0}
  Paho               its SSL context: tls_set("{0}")
  twinhub            --ca-file, TWINHUB_CA_FILE, or by itself next to the data folder
)",
                       ca_file);
}

std::string welcome_text(const Config& config, const std::vector<hub::Policy>& policies) {
    const auto owner = std::ranges::find(policies, "iothubowner", &hub::Policy::name);
    std::string out = fmt::format("\nA new hub in {}.\n\n", config.data_folder);
    if (owner != policies.end()) {
        out += fmt::format(
            "Connection string of the owner, shown once; again with: twinhub hub "
            "connection-string\n  {}\n\n",
            hub_connection_string(config, *owner));
    }
    if (config.provisioning_enabled)
        if (const auto scope = read_id_scope(config))
            out += fmt::format(
                "Devices that ask where they belong find it under the id scope\n  {}\n\n", *scope);
    if (config.tls_certificates.empty()) {
        std::error_code ignored;
        out += trust_text(std::filesystem::absolute(config.data() / "ca.pem", ignored).string()) +
               "\n";
    }
    if (config.https_port != 443 || config.mqtt_port != 8883 || config.amqp_port != 5671)
        out +=
            "Microsoft's SDKs know only the ports 443, 8883 and 5671; twinhub's own commands take "
            "HostName=name:port.\n\n";
    return out;
}

}  // namespace twinhub::apps
