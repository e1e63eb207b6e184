#include "base/encoding.h"
#include "base/json_members.h"
#include "gateway/http/provisioning/handlers.h"
#include "gateway/http/provisioning/page.h"
#include "gateway/provisioning_error.h"
#include "provisioning/enrollment_json.h"
#include "provisioning/views.h"

namespace twinhub::gateway::http {
namespace {

namespace dps = twinhub::provisioning;

void show(Reply& reply, const dps::EnrollmentView& view, dps::Keys keys) {
    dps::append_enrollment(reply.body, view.enrollment, keys,
                           view.registration ? &*view.registration : nullptr);
    reply.etag = view.enrollment.etag;
}

struct BulkFailure {
    std::string id;
    Error error;
};

// As its own address would do it.
Task<Result<>> apply(Call& call, Result<dps::EnrollmentChange> item) {
    CO_TRY(dps::EnrollmentChange change, std::move(item));
    if (change.removes)
        co_return co_await call.provisioning->remove(
            enrollment_kind(call), std::move(change.wish.enrollment.id), std::move(change.match));
    CO_TRY_VOID(co_await call.provisioning->put(std::move(change.wish), std::move(change.match)));
    co_return Result<>{};
}

void append_failure(std::string& body, const BulkFailure& failed, std::string_view member,
                    Subject subject) {
    if (!body.ends_with('[')) body += ',';
    body += '{';
    append_json_string(body, member);
    body += ':';
    append_json_string(body, failed.id);
    body += R"(,"errorCode":)";
    append_json_number(body, std::uint64_t{provisioning_number(failed.error, subject)});
    body += R"(,"errorStatus":)";
    append_json_string(body, failed.error.message);
    body += '}';
}

}  // namespace

provisioning::EnrollmentKind enrollment_kind(const Call& call) {
    return call.route.face == Face::enrollment_groups ? dps::EnrollmentKind::group
                                                      : dps::EnrollmentKind::individual;
}

Result<provisioning::ProvisioningId> enrollment_id(const Call& call) {
    auto id = dps::ProvisioningId::parse(segment_of(call.route, call.request, "{id}"));
    if (id) return id;
    return failure(Code::argument_invalid, id.error().message,
                   enrollment_kind(call) == dps::EnrollmentKind::group ? "enrollmentGroupId"
                                                                       : "registrationId");
}

Task<Result<>> get_enrollment(Call& call) {
    CO_TRY(dps::ProvisioningId id, enrollment_id(call));
    CO_TRY(const dps::EnrollmentView view,
           co_await call.provisioning->enrollment(enrollment_kind(call), std::move(id)));
    show(call.reply, view, dps::Keys::hidden);
    co_return Result<>{};
}

Task<Result<>> put_enrollment(Call& call) {
    CO_TRY(dps::ProvisioningId id, enrollment_id(call));
    CO_TRY(twin::Match match, match_of(call));
    CO_TRY(const json::object body, json_object(call));
    CO_TRY(dps::EnrollmentWish wish, dps::read_enrollment(body, enrollment_kind(call), id));
    // Whoever makes one sees its keys, which may have been made here.
    const dps::Keys keys = match.is_absent() ? dps::Keys::shown : dps::Keys::hidden;
    CO_TRY(const dps::EnrollmentView view,
           co_await call.provisioning->put(std::move(wish), std::move(match)));
    show(call.reply, view, keys);
    co_return Result<>{};
}

Task<Result<>> delete_enrollment(Call& call) {
    CO_TRY(dps::ProvisioningId id, enrollment_id(call));
    CO_TRY(twin::Match match, match_of(call));
    CO_TRY_VOID(
        co_await call.provisioning->remove(enrollment_kind(call), std::move(id), std::move(match)));
    call.reply.status = 204;
    co_return Result<>{};
}

Task<Result<>> get_attestation(Call& call) {
    CO_TRY(dps::ProvisioningId id, enrollment_id(call));
    CO_TRY(const dps::EnrollmentView view,
           co_await call.provisioning->enrollment(enrollment_kind(call), std::move(id)));
    dps::append_attestation(call.reply.body, view.enrollment.attestation, dps::Keys::shown);
    call.reply.add_field("Cache-Control", "no-store");
    co_return Result<>{};
}

Task<Result<>> bulk_enrollments(Call& call) {
    const bool groups = enrollment_kind(call) == dps::EnrollmentKind::group;
    const std::string_view member = dps::id_member(enrollment_kind(call));
    CO_TRY(const json::object body, json_object(call));
    CO_TRY(dps::EnrollmentChanges changes,
           dps::read_enrollment_changes(body, enrollment_kind(call)));
    std::vector<BulkFailure> failures;
    for (std::size_t i = 0; i < changes.items.size(); ++i) {
        Result<> done = co_await apply(call, std::move(changes.items[i]));
        if (!done) failures.push_back({std::move(changes.names[i]), std::move(done).error()});
    }
    std::string& out = call.reply.body;
    out += failures.empty() ? R"({"isSuccessful":true,"errors":[)"
                            : R"({"isSuccessful":false,"errors":[)";
    for (const BulkFailure& failed : failures)
        append_failure(out, failed, member,
                       groups ? Subject::enrollment_group : Subject::enrollment);
    out += "]}";
    co_return Result<>{};
}

Task<Result<>> query_enrollments(Call& call) {
    const dps::EnrollmentKind kind = enrollment_kind(call);
    CO_TRY(const json::object body, json_object(call));
    CO_TRY(const auto text, text_member(body, "query"));
    if (!text) co_return failure(Code::argument_null, "The query is missing", "query");
    CO_TRY(dps::EnrollmentQuery query, dps::EnrollmentQuery::parse(*text, kind));
    const bool groups = kind == dps::EnrollmentKind::group;
    CO_TRY(PageRequest page, page_request(call, groups ? "groups " + *text : *text));
    CO_TRY(const dps::EnrollmentPage found, co_await call.provisioning->enrollments(
                                                kind, std::move(query), page.cursor, page.items));
    char separator = '[';
    for (const dps::EnrollmentView& view : found.enrollments) {
        call.reply.body += separator;
        separator = ',';
        dps::append_enrollment(call.reply.body, view.enrollment, dps::Keys::hidden,
                               view.registration ? &*view.registration : nullptr);
    }
    call.reply.body += separator == '[' ? "[]" : "]";
    end_page(call, page, groups ? "EnrollmentGroup" : "Enrollment", found.cursor);
    co_return Result<>{};
}

}  // namespace twinhub::gateway::http
