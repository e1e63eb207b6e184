#include "hub/identity.h"

#include "base/encoding.h"

namespace twinhub::hub {

std::string_view name_of(AuthenticationType type) {
    switch (type) {
        case AuthenticationType::sas: return "sas";
        case AuthenticationType::self_signed: return "selfSigned";
        case AuthenticationType::certificate_authority: return "certificateAuthority";
        case AuthenticationType::none: break;
    }
    return "none";
}

std::string Identity::etag() const { return base64_encode(std::to_string(etag_number)); }

}  // namespace twinhub::hub
