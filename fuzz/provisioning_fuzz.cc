// Everything that clients of the provisioning service write, and what is stored of it: enrollments
// of both kinds, bulk requests, queries, what devices say, what webhooks and linked hubs answer.
#include "base/json.h"
#include "base/json_members.h"
#include "base/result.h"
#include "provisioning/custom_allocation.h"
#include "provisioning/enrollment_json.h"
#include "provisioning/enrollment_query.h"
#include "provisioning/hubs/link.h"
#include "provisioning/hubs/remote.h"
#include "provisioning/record.h"
#include "provisioning/register_request.h"
#include "provisioning/views.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

using namespace twinhub;
using namespace twinhub::provisioning;

namespace {

constexpr Instant now{std::chrono::seconds{1'772'366'400}};
const std::vector<std::string> hosts{"localhost", "hub.there"};

// The same bytes each time, so that a find can be seen again.
class Counting final : public Random {
public:
    void fill(std::span<std::byte> bytes) override {
        for (std::byte& byte : bytes) byte = static_cast<std::byte>(next_++);
    }

private:
    unsigned next_ = 0;
};

// What was taken is shown as JSON that can be sent back, and stored so that it is read again.
void check_enrollment(const EnrollmentWish& wish, EnrollmentKind kind) {
    Counting random;
    const auto made = make_enrollment(wish, hosts, now, random);
    if (!made) {
        CHECK(!made.error().message.empty());
        return;
    }
    std::string shown;
    append_enrollment(shown, *made, Keys::shown);
    const auto body = parse_json(shown);
    CHECK(body && body->is_object());
    const auto again = read_enrollment(body->get_object(), kind, made->id);
    CHECK(again);
    const auto replaced = replace_enrollment(*made, *again, hosts, now, random);
    CHECK(replaced && replaced->attestation == made->attestation &&
          replaced->initial_twin == made->initial_twin && replaced->hubs == made->hubs);
    const std::string key = enrollment_key(kind, made->id.key());
    const auto stored = open_enrollment(key, sealed(*made, key));
    CHECK(stored && *stored == *made);
    const ProvisioningId id = ProvisioningId::parse("reg-01").value();
    const std::string question =
        question_body({.enrollment = *made, .id = id, .payload = {}, .hubs = hosts});
    CHECK(parse_json(question, JsonLimits{1 << 22, 64}));
}

void read_bodies(const json::object& body) {
    for (const EnrollmentKind kind : {EnrollmentKind::individual, EnrollmentKind::group}) {
        if (const auto wish = read_enrollment(body, kind, std::nullopt))
            check_enrollment(*wish, kind);
        if (const auto changes = read_enrollment_changes(body, kind)) {
            CHECK(changes->items.size() == changes->names.size());
            for (const auto& change : changes->items)
                if (change && !change->removes) check_enrollment(change->wish, kind);
        }
        const auto query = text_member(body, "query");
        if (query && *query) (void)EnrollmentQuery::parse(**query, kind);
    }
    HubLinkWish wish{.host = "hub.there", .connection_string = {}, .weight = {}, .applies = {}};
    if (const auto text = text_member(body, "connectionString")) wish.connection_string = *text;
    Counting random;
    if (const auto link = make_link(std::nullopt, wish, now, random)) {
        std::string shown;
        append_link(shown, *link);
        CHECK(parse_json(shown));
        const std::string key = link_key(link->host);
        CHECK(open_link(key, sealed(*link, key)).value() == *link);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const ProvisioningId id = ProvisioningId::parse("reg-01").value();
    if (const auto request = parse_register(text, id))
        CHECK(request->payload.empty() || parse_json(request->payload));
    if (const auto answer = parse_answer(text, hosts))
        CHECK(answer->hub == hosts[0] || answer->hub == hosts[1]);
    for (const EnrollmentKind kind : {EnrollmentKind::individual, EnrollmentKind::group})
        (void)EnrollmentQuery::parse(text, kind);
    for (const int status : {200, 400, 404, 503})
        if (const auto answer = read_answer({status, text}, "hub.there")) {
            (void)read_load(*answer);
            if (const auto luggage = read_luggage(*answer, *answer)) {
                const auto moved = create_moved(Placement{.device = DeviceId::parse("d").value(),
                                                          .authentication = {},
                                                          .initial = {},
                                                          .author = {}},
                                                *luggage);
                CHECK(parse_json(moved.body, JsonLimits{1 << 24, 64}));
            }
            (void)read_module(*answer, *answer);
        }
    (void)decode_enrollment(text);
    (void)decode_registration(text);
    (void)decode_link(text);
    const auto body = parse_json(text);
    if (body && body->is_object()) read_bodies(body->get_object());
    return 0;
}
