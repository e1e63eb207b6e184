// The path of a request up to the hub: parsed whole and in pieces, routed, its body translated.
#include "base/json_members.h"
#include "base/result.h"
#include "gateway/http/bulk_json.h"
#include "gateway/http/compress.h"
#include "gateway/http/continuation.h"
#include "gateway/http/handlers.h"
#include "gateway/http/identity_json.h"
#include "gateway/http/keys_json.h"
#include "gateway/http/reply.h"
#include "gateway/http/request_parser.h"
#include "gateway/http/router.h"
#include "query/compile.h"

#include <cstddef>
#include <cstdint>

namespace http = twinhub::gateway::http;
using namespace twinhub;

namespace {

struct Parsed {
    http::Request request;
    http::RequestParser parser;
    bool failed = false;
};

void feed(Parsed& parsed, std::string_view text, std::size_t piece) {
    parsed.parser.begin(parsed.request, http::Limits{});
    std::string held;
    for (std::size_t at = 0; at < text.size() && !parsed.failed; at += piece) {
        held += text.substr(at, piece);
        while (!held.empty() && !parsed.parser.is_done()) {
            const auto count = parsed.parser.feed(held);
            CHECK(!count || *count <= held.size());
            parsed.failed = !count;
            if (!count || *count == 0) break;
            held.erase(0, *count);
        }
    }
}

void translate(const http::Route& route, const http::Request& request) {
    const auto id = http::object_of(route, request);
    const auto body = parse_json(request.body);
    if (body) {
        const auto bulk = http::read_bulk(*body, Instant());
        if (bulk) {
            CHECK(bulk->items.size() + bulk->refused.size() <= http::bulk_items_max);
            std::string out;
            http::append_bulk_result(out, bulk->refused);
            CHECK(parse_json(out).has_value());
        }
    }
    if (body && body->is_object()) {
        (void)http::read_identity(body->get_object(), id.value_or(TwinId()));
        (void)http::read_keys_request(body->get_object());
        const auto query = twinhub::text_member(body->get_object(), "query");
        if (query && *query) (void)query::compile(**query);
    }
    (void)twin::parse_service_update(request.body, twin::Kind::patch);
    if (const auto match = request.field(http::Field::if_match)) (void)twin::Match::parse(*match);
    if (const auto token = request.field(http::Field::continuation))
        (void)http::read_continuation({request.body, "service"}, *token);
    (void)http::check_device_handshake(request, true);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
    Parsed whole;
    Parsed split;
    feed(whole, text, std::max<std::size_t>(text.size(), 1));
    feed(split, text, std::size_t{data[0]} % 17 + 1);
    if (whole.failed != split.failed) {
        // In pieces, a broken header may be found only when its end is there.
        CHECK(!whole.parser.has_header() && !split.parser.has_header());
        return 0;
    }
    if (whole.failed) return 0;
    CHECK(whole.parser.is_done() == split.parser.is_done());
    if (!whole.parser.is_done()) return 0;
    http::Request& request = whole.request;
    CHECK(request.body == split.request.body && request.target == split.request.target);

    (void)http::accepts_gzip(request.field(http::Field::accept_encoding).value_or(""));
    if (!request.split_target()) return 0;
    for (const http::Face face :
         {http::Face::hub, http::Face::registrations, http::Face::provisioning_device})
        (void)http::check_api_version(request, face, false);
    const auto route = http::find_route(request, http::all_routes());
    SystemRandom random;
    http::Reply reply;
    if (route) translate(**route, request);
    else http::refuse(reply, route.error(), random, Instant());
    std::string out;
    http::append_reply(out, reply, request, {"date", "id", request.keep_alive, false});
    const std::string_view head = std::string_view(out).substr(0, out.find("\r\n\r\n") + 4);
    for (std::size_t i = 0; i < head.size(); ++i) CHECK(head[i] != '\n' || head[i - 1] == '\r');
    return 0;
}
