#include "hub/identity.h"

#include "base/encoding.h"

namespace twinhub::hub {

std::string Identity::etag() const { return base64_encode(std::to_string(etag_number)); }

}  // namespace twinhub::hub
