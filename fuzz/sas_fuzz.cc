// A shared access signature, judged for an identity and for a service request.
#include "base/result.h"
#include "protocol/sas/token.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace sas = twinhub::protocol::sas;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto token = sas::parse_token(text);
    if (!token) return 0;

    static const std::array<std::string, 1> hosts = {"twin.example.com"};
    static const twinhub::TwinId id{twinhub::DeviceId::parse("dev-01").value(),
                                    twinhub::ModuleId::parse("m").value()};
    const bool own = sas::covers_identity(token->resource, hosts, id, sas::KeyOwner::identity);
    const bool any = sas::covers_identity(token->resource, hosts, id, sas::KeyOwner::identity,
                                          "/messages/events");
    CHECK(!own || any);
    sas::covers_identity(token->resource, hosts, id, sas::KeyOwner::policy);
    sas::covers_path(token->resource, hosts, "/twins/dev-01");

    const auto last = sas::expires_at(*token);
    if (last != twinhub::Instant::max()) {
        CHECK(!sas::is_expired(*token, last));
        CHECK(sas::is_expired(*token, last + std::chrono::seconds(1)));
    }
    CHECK(!sas::signed_by(*token, "not the key"));
    return 0;
}
