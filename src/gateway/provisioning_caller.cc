#include "gateway/provisioning_caller.h"

#include "x509/limits.h"

#include <openssl/x509.h>

#include <algorithm>

namespace twinhub::gateway {

Result<provisioning::Caller> provisioning_caller(const Transport& transport, std::string_view scope,
                                                 std::string_view registration,
                                                 std::string_view token) {
    provisioning::Caller caller;
    caller.scope = scope;
    caller.token = token;
    caller.client = transport.peer().address;
    TRY(caller.id, provisioning::ProvisioningId::parse(registration));
    if (transport.certificate() == nullptr) return caller;
    const auto refused = [] { return failure(Code::unauthorized, "Unauthorized"); };
    auto certificate = x509::Certificate::share(transport.certificate());
    if (!certificate) return refused();
    caller.certificate = *std::move(certificate);
    const auto* chain = reinterpret_cast<const STACK_OF(X509)*>(transport.certificate_chain());
    const int count = chain == nullptr ? 0 : std::max(sk_X509_num(chain), 0);
    if (static_cast<std::size_t>(count) > x509::presented_max) return refused();
    for (int i = 0; i < count; ++i) {
        auto one = x509::Certificate::share(sk_X509_value(chain, i));
        if (!one) return refused();
        caller.chain.push_back(*std::move(one));
    }
    return caller;
}

}  // namespace twinhub::gateway
