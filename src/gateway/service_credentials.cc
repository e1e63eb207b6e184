#include "gateway/service_credentials.h"

#include "base/encoding.h"

namespace twinhub::gateway {
namespace {

namespace sas = protocol::sas;

std::unexpected<Error> refused() { return failure(Code::unauthorized, "Unauthorized"); }

// An unset key signs nothing: an empty HMAC key is one that everybody knows.
bool is_signed_by(const sas::Token& token, std::string_view base64_key) {
    const auto key = base64_decode(base64_key);
    return key && !key->empty() && sas::signed_by(token, *key);
}

}  // namespace

Result<const hub::Principal*> ServiceCredentials::authenticate(
    std::string_view authorization, std::string_view path, std::span<const std::string> hosts,
    const std::shared_ptr<const hub::Policies>& policies, Instant now) {
    if (authorization.empty() || policies == nullptr) return refused();
    if (authorization != proved_text_ || policies != proved_policies_) {
        proved_text_.clear();
        auto token = sas::parse_token(authorization);
        // Without a policy it is a device's own token, which opens no service endpoint.
        if (!token || token->policy.empty()) return refused();
        const hub::Policy* policy = policies->find(token->policy);
        if (policy == nullptr) return refused();
        const bool primary = is_signed_by(*token, policy->primary_key);
        const bool secondary = is_signed_by(*token, policy->secondary_key);
        if (!primary && !secondary) return refused();
        principal_ = hub::Principal{hub::Principal::Kind::policy, policy->name, policy->rights, {}};
        proved_token_ = std::move(*token);
        proved_policies_ = policies;
        proved_text_ = authorization;
    }
    if (sas::is_expired(proved_token_, now) ||
        !sas::covers_path(proved_token_.resource, hosts, path))
        return refused();
    return &principal_;
}

}  // namespace twinhub::gateway
