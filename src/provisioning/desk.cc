#include "provisioning/desk.h"

#include "hub/secrets.h"
#include "hub/shards.h"
#include "hub/streams.h"
#include "provisioning/limits.h"
#include "provisioning/record.h"
#include "provisioning/work.h"
#include "store/engine.h"
#include "store/keys.h"

#include <boost/asio/async_result.hpp>

namespace twinhub::provisioning {

using store::Family;

namespace {

Error no_enrollment(EnrollmentKind kind) {
    return {Code::not_found,
            kind == EnrollmentKind::group ? "There is no enrollment group of this id"
                                          : "There is no enrollment of this registration id",
            {}};
}

Error no_registration() { return {Code::not_found, "There is no registration of this id", {}}; }

Error another_etag() { return {Code::precondition_failed, "The etag does not match", {}}; }

// Enrollments of the two kinds and registrations may have the same id.
std::string lane_of(EnrollmentKind kind, const std::string& id) {
    return kind == EnrollmentKind::group ? "group" : "enrollment " + id;
}

}  // namespace

Desk::Desk(std::size_t index, const Parts& parts)
    : index_(index),
      executor_(parts.hub.shards().at(index).executor()),
      parts_(parts),
      queue_(executor_, parts.hub.committer(),
             hub::stream_of_desk(index, parts.hub.shards().size()), parts.hub.clock(),
             parts.hub.metrics(), [](const Error&) {}),
      lanes_(executor_) {}

Desk::~Desk() = default;

Task<Desk::Stored> Desk::read(std::string key) {
    hub::Shards& shards = parts_.hub.shards();
    store::Cached cached = shards.engine().get_cached(Family::metadata, key);
    switch (cached.outcome) {
        case store::Cached::Outcome::found: co_return std::move(cached.value);
        case store::Cached::Outcome::absent: co_return std::nullopt;
        case store::Cached::Outcome::ask_disk: break;
    }
    co_return co_await shards.off_loop<Stored>([&engine = shards.engine(), key = std::move(key)] {
        return engine.get(Family::metadata, key);
    });
}

Task<Result<std::optional<Enrollment>>> Desk::find_enrollment(EnrollmentKind kind, std::string id) {
    const std::string key = enrollment_key(kind, id);
    CO_TRY(const std::optional<std::string> value, co_await read(key));
    if (!value) co_return std::nullopt;
    CO_TRY(Enrollment enrollment, open_enrollment(key, *value));
    co_return enrollment;
}

Task<Result<std::optional<Registration>>> Desk::find_registration(std::string id) {
    const std::string key = registration_key(id);
    CO_TRY(const std::optional<std::string> value, co_await read(key));
    if (!value) co_return std::nullopt;
    CO_TRY(Registration registration, open_registration(key, *value));
    co_return registration;
}

Task<Result<>> Desk::settled() {
    return asio::async_initiate<const asio::use_awaitable_t<>&, void(Result<>)>(
        [this](auto handler) {
            queue_.on_settled(
                [h = std::move(handler)](const Result<>& result) mutable { std::move(h)(result); });
        },
        asio::use_awaitable);
}

Task<Result<Enrollment>> Desk::enrollment(EnrollmentKind kind, std::string id) {
    CO_TRY(std::optional<Enrollment> found, co_await find_enrollment(kind, std::move(id)));
    if (!found) co_return std::unexpected(no_enrollment(kind));
    co_return *std::move(found);
}

// Without an etag the id must be new, with one it must be there (spec service-api 11.2).
Task<Result<Enrollment>> Desk::put(EnrollmentWish wish, twin::Match match) {
    const EnrollmentKind kind = wish.enrollment.kind;
    const std::string id = wish.enrollment.id.key();
    const hub::Lanes::Guard lane = co_await lanes_.enter(lane_of(kind, id));
    CO_TRY(const std::optional<Enrollment> current, co_await find_enrollment(kind, id));
    if (current && match.is_absent())
        co_return failure(Code::device_already_exists,
                          "An enrollment of this id exists already: say If-Match to replace it");
    if (!current && !match.is_absent()) co_return std::unexpected(no_enrollment(kind));
    if (current && !match.matches(current->etag)) co_return std::unexpected(another_etag());
    const auto groups = parts_.groups.load();
    if (!current && kind == EnrollmentKind::group &&
        groups->all().size() >= parts_.settings.groups_max)
        co_return failure(Code::too_many_devices, "There are too many enrollment groups already");
    const Instant now = parts_.hub.clock().now();
    Random& random = parts_.hub.random();
    CO_TRY(Enrollment next,
           current
               ? replace_enrollment(*current, std::move(wish), parts_.links.hosts(), now, random)
               : make_enrollment(std::move(wish), parts_.links.hosts(), now, random));
    CO_TRY(const twin::ServiceUpdate initial, initial_update(next.initial_twin));
    CO_TRY_VOID(hub::check_secrets(parts_.hub.settings(), initial));
    const std::string key = enrollment_key(kind, id);
    queue_.batch().put(Family::metadata, key, sealed(next, key));
    CO_TRY_VOID(co_await settled());
    if (kind == EnrollmentKind::group)
        parts_.groups.update(
            [&](const auto& now_there) { return now_there->with(make_group(next)); });
    co_return next;
}

// With an individual enrollment goes what is known of its registration; devices of a group keep
// theirs, so that they are found again under another one. Devices stay in their hub.
Task<Result<>> Desk::remove(EnrollmentKind kind, std::string id, twin::Match match) {
    const hub::Lanes::Guard lane = co_await lanes_.enter(lane_of(kind, id));
    hub::Lanes::Guard of_registration;
    if (kind == EnrollmentKind::individual) of_registration = co_await lanes_.enter(id);
    CO_TRY(const std::optional<Enrollment> current, co_await find_enrollment(kind, id));
    if (!current) co_return std::unexpected(no_enrollment(kind));
    if (!match.matches(current->etag)) co_return std::unexpected(another_etag());
    std::optional<Registration> registration;
    if (kind == EnrollmentKind::individual) {
        CO_TRY(registration, co_await find_registration(id));
        if (registration && registration->kind != kind) registration.reset();
    }
    queue_.batch().remove(Family::metadata, enrollment_key(kind, id));
    if (registration) drop_registration(*registration);
    CO_TRY_VOID(co_await settled());
    if (kind == EnrollmentKind::group)
        parts_.groups.update([&](const auto& now_there) { return now_there->without(id); });
    co_return Result<>{};
}

Task<Result<Registration>> Desk::registration(std::string id) {
    CO_TRY(std::optional<Registration> found, co_await find_registration(std::move(id)));
    if (!found) co_return std::unexpected(no_registration());
    co_return *std::move(found);
}

Task<Result<>> Desk::remove_registration(std::string id, twin::Match match) {
    const hub::Lanes::Guard lane = co_await lanes_.enter(id);
    CO_TRY(const std::optional<Registration> current, co_await find_registration(id));
    if (!current) co_return std::unexpected(no_registration());
    if (!match.matches(current->etag)) co_return std::unexpected(another_etag());
    drop_registration(*current);
    CO_TRY_VOID(co_await settled());
    co_return Result<>{};
}

// Puts the removal in the open batch; what is counted follows when it is durable.
void Desk::drop_registration(const Registration& registration) {
    store::Batch& batch = queue_.batch();
    batch.remove(Family::metadata, registration_key(registration.id.key()));
    if (registration.kind == EnrollmentKind::group)
        batch.remove(Family::metadata, member_key(registration.enrollment, registration.id.key()));
    queue_.on_settled([this, hub = registration.hub](const Result<>& result) {
        if (!result) return;
        if (!hub.empty()) parts_.links.count(hub, -1);
        parts_.metrics.registrations.Decrement();
    });
}

}  // namespace twinhub::provisioning
