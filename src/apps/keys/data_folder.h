#pragma once

#include "apps/config/config.h"
#include "base/random.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/access.h"
#include "x509/certificate.h"
#include "x509/signing_key.h"

#include <optional>
#include <string>
#include <vector>

namespace twinhub::apps {

// What a start found to do in the data folder.
struct Prepared {
    bool first_start = false;           // the policies were made now
    std::vector<std::string> made;      // files written, for the log
    std::vector<std::string> warnings;  // what will need someone: a CA that ends soon
};

// Makes the folder (0700) when it is missing. Errors: internal.
Result<> make_data_folder(const Config& config);

// Makes what is missing: the folder (0700), policies.yaml, and, unless the operator brings
// certificates, a private CA (ca.pem, ca.key) and server certificates (server.pem, server-rsa.pem
// with their .key) for the hub's names. Server certificates that end within 30 days, or name other
// hosts, are made anew from the same CA. Safe to call again at any time; nothing half written stays
// behind. Errors: internal, unauthorized (keys that everybody may read), format_invalid.
Result<Prepared> prepare_data_folder(const Config& config, Random& random, Instant now);

// The certificates' part of it, for a server that runs.
Result<Prepared> prepare_certificates(const Config& config, Instant now);

struct ServerCertificate {
    std::string chain_pem;  // leaf first
    std::string key_pem;    // a secret
};

// What the server proves itself by and others with: read at start and again on SIGHUP.
struct KeyMaterial {
    std::vector<ServerCertificate> certificates;  // at most one of each algorithm
    std::vector<x509::Certificate> device_cas;
    std::vector<hub::Policy> policies;
    std::string id_scope;  // of the provisioning service; empty when it is off
    std::optional<x509::SigningKey> evidence_key;  // of exports
    std::vector<std::string> warnings;
};

// Errors: one, with every mistake on its own line; no part of a key is in it.
Result<KeyMaterial> load_key_material(const Config& config, Instant now);

// What is wrong with the certificates, keys, CAs and policies that the operator brought, or that
// are there already: one line each, as load_key_material says it.
std::vector<std::string> check_key_material(const Config& config, Instant now);

// The hub's names and addresses that a server certificate has to have, sorted.
std::vector<std::string> certificate_names(const Config& config);

// The connection string of a policy, with the port when it is not 443.
std::string hub_connection_string(const Config& config, const hub::Policy& policy);

// What to print at first start: the connection string, the CA file, how each SDK is told to trust
// it.
std::string welcome_text(const Config& config, const std::vector<hub::Policy>& policies);

// The trust part of it alone.
std::string trust_text(const std::string& ca_file);

}  // namespace twinhub::apps
