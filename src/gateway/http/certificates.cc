// The certificate authorities of devices, as Azure's management API has them, under a prefix of our
// own.
#include "base/json_members.h"
#include "gateway/http/certificate_json.h"
#include "gateway/http/handlers.h"

namespace twinhub::gateway::http {
namespace {

std::string name_of(const Call& call) {
    return std::string(segment_of(call.route, call.request, "{any}"));
}

void show(Reply& reply, const hub::Authority& authority, ShowCode code = ShowCode::no) {
    append_authority(reply.body, authority, code);
    reply.etag = authority.etag();
}

// Changes of what is there say what they mean to change.
Result<twin::Match> required_match(const Call& call) {
    TRY(twin::Match match, match_of(call));
    if (match.is_absent())
        return failure(Code::precondition_failed,
                       "The etag is missing: say If-Match with an etag or *");
    return match;
}

Result<std::string> text_of(const Call& call, std::string_view member) {
    TRY(const json::object body, json_object(call));
    TRY(auto text, text_member(body, member));
    if (!text || text->empty())
        return failure(Code::argument_null, "The member is missing", std::string(member));
    return std::move(*text);
}

}  // namespace

Task<Result<>> list_certificates(Call& call) {
    const auto all = call.hub.certificates().list();
    append_authorities(call.reply.body, all, call.hub.certificates().of_files());
    co_return Result<>();
}

Task<Result<>> get_certificate(Call& call) {
    CO_TRY(const hub::AuthorityPtr authority, call.hub.certificates().get(name_of(call)));
    show(call.reply, *authority);
    co_return Result<>();
}

Task<Result<>> put_certificate(Call& call) {
    CO_TRY(twin::Match match, match_of(call));
    CO_TRY(const json::object body, json_object(call));
    CO_TRY(hub::AuthoritySpec spec, read_authority(body, name_of(call)));
    const bool is_new = match.is_absent();
    CO_TRY(
        const hub::AuthorityPtr authority,
        co_await call.hub.certificates().put(std::move(spec), std::move(match), author_of(call)));
    call.reply.status = is_new ? 201 : 200;
    show(call.reply, *authority);
    co_return Result<>();
}

Task<Result<>> delete_certificate(Call& call) {
    CO_TRY(twin::Match match, required_match(call));
    CO_TRY_VOID(
        co_await call.hub.certificates().remove(name_of(call), std::move(match), author_of(call)));
    call.reply.status = 204;
    co_return Result<>();
}

Task<Result<>> generate_verification_code(Call& call) {
    CO_TRY(twin::Match match, required_match(call));
    CO_TRY(const hub::AuthorityPtr authority,
           co_await call.hub.certificates().generate_code(name_of(call), std::move(match),
                                                          author_of(call)));
    show(call.reply, *authority, ShowCode::yes);
    co_return Result<>();
}

Task<Result<>> verify_certificate(Call& call) {
    CO_TRY(twin::Match match, required_match(call));
    CO_TRY(std::string proof, text_of(call, "certificate"));
    CO_TRY(const hub::AuthorityPtr authority,
           co_await call.hub.certificates().verify(name_of(call), std::move(proof),
                                                   std::move(match), author_of(call)));
    show(call.reply, *authority);
    co_return Result<>();
}

Task<Result<>> put_revocation_list(Call& call) {
    CO_TRY(twin::Match match, required_match(call));
    CO_TRY(std::string list, text_of(call, "revocationList"));
    CO_TRY(const hub::AuthorityPtr authority,
           co_await call.hub.certificates().set_revocation_list(name_of(call), std::move(list),
                                                                std::move(match), author_of(call)));
    show(call.reply, *authority);
    co_return Result<>();
}

Task<Result<>> delete_revocation_list(Call& call) {
    CO_TRY(twin::Match match, required_match(call));
    CO_TRY(const hub::AuthorityPtr authority,
           co_await call.hub.certificates().clear_revocation_list(name_of(call), std::move(match),
                                                                  author_of(call)));
    show(call.reply, *authority);
    co_return Result<>();
}

}  // namespace twinhub::gateway::http
