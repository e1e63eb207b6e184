// Lists of enrollments and registrations, read page by page from one snapshot of the store each.
#include "base/encoding.h"
#include "hub/shards.h"
#include "provisioning/provisioning.h"
#include "provisioning/record.h"
#include "store/engine.h"
#include "store/keys.h"

namespace twinhub::provisioning {

using store::Family;

namespace {

constexpr std::size_t looked_at_max = 20'000;  // enrollments of one page, when few are wanted

// A cursor is the key that the next page begins with. Errors: argument_invalid for one of another
// list.
Result<std::string> begin_of(const std::string& cursor, const store::Range& range) {
    if (cursor.empty()) return range.from;
    const auto key = hex_decode(cursor);
    if (!key || !range.holds(*key))
        return failure(Code::argument_invalid, "The continuation is of another query",
                       "x-ms-continuation");
    return *key;
}

Result<std::optional<Registration>> registration_in(const store::Snapshot& snapshot,
                                                    std::string_view id) {
    const std::string key = registration_key(id);
    TRY(const std::optional<std::string> value, snapshot.get(Family::metadata, key));
    if (!value) return std::nullopt;
    TRY(Registration registration, open_registration(key, *value));
    return registration;
}

Result<EnrollmentPage> read_enrollments(store::Engine& engine, EnrollmentKind kind,
                                        const EnrollmentQuery& query, const std::string& cursor,
                                        std::size_t limit) {
    const store::Range range = store::prefix_range(enrollment_key(kind, {}));
    TRY(const std::string from, begin_of(cursor, range));
    const auto snapshot = engine.snapshot();
    const auto at = snapshot->scan(Family::metadata, range);
    EnrollmentPage page;
    std::size_t looked_at = 0;
    for (at->seek(from); at->valid(); at->next()) {
        if (page.enrollments.size() >= limit || looked_at++ >= looked_at_max) {
            page.cursor = hex_encode(at->key());
            break;
        }
        EnrollmentView view;
        TRY(view.enrollment, open_enrollment(at->key(), at->value()));
        if (!query.wants(view.enrollment)) continue;
        if (kind == EnrollmentKind::individual) {
            TRY(view.registration, registration_in(*snapshot, view.enrollment.id.key()));
            if (view.registration && view.registration->kind != kind) view.registration.reset();
        }
        page.enrollments.push_back(std::move(view));
    }
    if (page.cursor.empty()) TRY_VOID(at->status());
    return page;
}

Result<RegistrationPage> read_registrations(store::Engine& engine, const std::string& group,
                                            const std::string& cursor, std::size_t limit) {
    const store::Range range = store::prefix_range(members_prefix(group));
    TRY(const std::string from, begin_of(cursor, range));
    const auto snapshot = engine.snapshot();
    const auto at = snapshot->scan(Family::metadata, range);
    RegistrationPage page;
    for (at->seek(from); at->valid(); at->next()) {
        if (page.registrations.size() >= limit) {
            page.cursor = hex_encode(at->key());
            break;
        }
        TRY(auto registration, registration_in(*snapshot, at->key().substr(range.from.size())));
        if (registration) page.registrations.push_back(*std::move(registration));
    }
    if (page.cursor.empty()) TRY_VOID(at->status());
    return page;
}

}  // namespace

Task<Result<EnrollmentPage>> Provisioning::enrollments(EnrollmentKind kind, EnrollmentQuery query,
                                                       std::string cursor, std::size_t limit) {
    co_return co_await hub_.shards().off_loop<Result<EnrollmentPage>>(
        [&engine = hub_.shards().engine(), kind, query = std::move(query),
         cursor = std::move(cursor),
         limit] { return read_enrollments(engine, kind, query, cursor, limit); });
}

Task<Result<RegistrationPage>> Provisioning::registrations(ProvisioningId group, std::string cursor,
                                                           std::size_t limit) {
    CO_TRY_VOID(co_await enrollment(EnrollmentKind::group, group));
    co_return co_await hub_.shards().off_loop<Result<RegistrationPage>>(
        [&engine = hub_.shards().engine(), group = group.key(), cursor = std::move(cursor), limit] {
            return read_registrations(engine, group, cursor, limit);
        });
}

}  // namespace twinhub::provisioning
