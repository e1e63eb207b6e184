// What becomes of a registration: a hub is chosen, the device brought there, the result stored.
#include "base/encoding.h"
#include "hub/shards.h"
#include "provisioning/desk.h"
#include "provisioning/limits.h"
#include "provisioning/names.h"
#include "provisioning/record.h"
#include "provisioning/work.h"
#include "store/keys.h"

#include <fmt/format.h>

#include <algorithm>

namespace twinhub::provisioning {

using store::Family;

namespace {

std::string new_registration_etag(Random& random) {
    return base64_encode("\"" + random.hex(4) + "\"");
}

// What went wrong in the numbers that devices know (spec device-protocols 7.6).
std::uint32_t number_of(const Error& error, bool by_webhook, bool by_silence) {
    if (by_silence) return 503000;
    switch (error.code) {
        case Code::argument_invalid:
        case Code::format_invalid:
        case Code::timeout:
        case Code::unauthorized:
        case Code::unavailable: return by_webhook ? 400207 : 500000;
        case Code::not_found: return 404000;
        case Code::too_many_devices: return 413002;
        default: return 500000;
    }
}

// A device learns why in the words of the one table; what is ours alone is not told.
std::string message_of(const Error& error) {
    if (error.code == Code::internal || error.code == Code::corrupted)
        return "The registration could not be completed";
    return error.where.empty() ? error.message : error.message + " (at " + error.where + ")";
}

// From 0 to 1.
double chance_of(Random& random) { return static_cast<double>(random.number() >> 11) * 0x1.0p-53; }

}  // namespace

bool Desk::is_own(std::string_view host) const {
    return parts_.links.is_own(host) || parts_.hub.is_host(host);
}

std::unique_ptr<Place> Desk::place_of(std::string_view host) {
    if (is_own(host)) return std::make_unique<Home>(parts_.hub);
    auto link = parts_.links.find(host);
    if (link == nullptr) return nullptr;
    return std::make_unique<ForeignHub>(
        std::move(link), ForeignHub::Seams{parts_.ask_hub, parts_.hub.clock(), index_});
}

bool Desk::may_try_again(const Work& work) const {
    return work.hub_is_silent && parts_.wait && waiting_ < waiting_max &&
           parts_.hub.clock().monotonic() - work.began < parts_.settings.hub_patience;
}

Task<> Desk::assign(std::shared_ptr<Work> work) {
    std::optional<Registration> result = co_await try_to_assign(work);
    bool goes_on = true;
    while (!result && goes_on) {
        ++waiting_;
        parts_.metrics.waiting.Increment();
        goes_on = co_await parts_.wait(
            index_, pause_before_try(work->tries++, chance_of(parts_.hub.random())));
        --waiting_;
        parts_.metrics.waiting.Decrement();
        if (goes_on) result = co_await try_to_assign(work);
    }
    parts_.metrics.assigning.Decrement();
    works_.erase(work->id.key());
    if (!result) co_return;
    parts_.metrics.ended(result->progress);
    parts_.metrics.seconds.Observe(
        std::chrono::duration<double>(parts_.hub.clock().monotonic() - work->began).count());
    if (result->progress == Progress::assigned)
        parts_.hub.log().debug("provisioning.assigned", {{"registration", result->id.text()},
                                                         {"device", result->device_id},
                                                         {"hub", result->hub},
                                                         {"how", name_of(result->substatus)}});
}

Task<Result<>> Desk::look_again(std::shared_ptr<Work> work) {
    const Enrollment& known = *work->attested.enrollment;
    const std::string id = known.id.key();
    std::shared_ptr<const Enrollment> now;
    if (known.is_group()) {
        const auto groups = parts_.groups.load();
        if (const Group* group = groups->find(id)) now = group->enrollment;
    } else {
        CO_TRY(std::optional<Enrollment> found,
               co_await find_enrollment(EnrollmentKind::individual, id));
        if (found) now = std::make_shared<const Enrollment>(*std::move(found));
    }
    if (now == nullptr)
        co_return failure(Code::not_found, "The enrollment was taken away meanwhile");
    work->attested.enrollment = std::move(now);
    co_return Result<>{};
}

Task<std::optional<Registration>> Desk::try_to_assign(std::shared_ptr<Work> work) {
    const hub::Lanes::Guard lane = co_await lanes_.enter(work->id.key());
    work->hub_is_silent = work->webhook_failed = false;
    std::optional<Registration> before;
    Result<Registration> decided = failure(Code::internal, "");
    auto found = co_await find_registration(work->id.key());
    if (found) {
        before = *std::move(found);
        const Result<> allowed = work->tries == 0 ? Result<>{} : co_await look_again(work);
        if (allowed) decided = co_await decide(work, before);
        else decided = std::unexpected(allowed.error());
    } else {
        decided = std::unexpected(std::move(found).error());
    }
    if (!decided && may_try_again(*work)) co_return std::nullopt;
    const Instant now = parts_.hub.clock().now();
    Registration next;
    if (decided) {
        next = *std::move(decided);
    } else {
        next = before.value_or(Registration{});
        next.progress = Progress::failed;
        next.tpm_key.clear();
        next.error_number = number_of(decided.error(), work->webhook_failed, work->hub_is_silent);
        next.error_message = message_of(decided.error());
        parts_.hub.log().warn("provisioning.failed",
                              {{"registration", work->id.text()},
                               {"enrollment", work->attested.enrollment->id.text()},
                               {"reason", decided.error().message}});
    }
    const Enrollment& enrollment = *work->attested.enrollment;
    next.id = before ? before->id : work->id;
    next.kind = enrollment.kind;
    next.enrollment = enrollment.id.key();
    next.attestation = static_cast<std::uint8_t>(enrollment.attestation.index());
    if (!before) next.created = now;
    next.updated = now;
    next.etag = new_registration_etag(parts_.hub.random());
    next.operations.insert(next.operations.begin(), work->operation);
    if (next.operations.size() > operations_kept) next.operations.resize(operations_kept);

    const Result<> saved = co_await save(next, before);
    if (!saved) {
        next.progress = Progress::failed;
        next.error_number = 500000;
        next.error_message = "The registration could not be stored: try again";
        remember_lost(next);
    }
    co_return next;
}

Task<Result<Registration>> Desk::decide(std::shared_ptr<Work> work,
                                        std::optional<Registration> before) {
    const Enrollment& enrollment = *work->attested.enrollment;
    Registration next = before.value_or(Registration{});
    next.error_number = 0;
    next.error_message.clear();
    next.tpm_key.clear();
    if (enrollment.status == Status::disabled) {
        next.progress = Progress::disabled;
        co_return next;
    }
    CO_TRY(const Choice choice, co_await choose(work, next));
    // A hub that is linked no more: its device stays when it must, and is new when it may move.
    const bool is_reachable = next.has_home() && (is_own(next.hub) || parts_.links.find(next.hub));
    if (next.has_home() && !is_reachable && equals_ignoring_case(next.hub, choice.hub)) {
        next.progress = Progress::assigned;
        co_return next;
    }
    const bool stays = is_reachable && (equals_ignoring_case(next.hub, choice.hub) ||
                                        (is_own(next.hub) && is_own(choice.hub)));
    const Reprovision plan =
        plan_reprovision({.exists = is_reachable, .same_place = stays, .substatus = next.substatus},
                         enrollment.reprovision, choice.brings_twin);
    if (!next.has_home())
        next.device_id = enrollment.device_id.empty() ? work->id.text() : enrollment.device_id;
    Placement placement;
    CO_TRY(placement.device, DeviceId::parse(next.device_id));
    placement.authentication = work->attested.authentication;
    if (work->attested.tpm) {
        CO_TRY(TpmIdentity identity, identity_for(*work->attested.tpm));
        placement.authentication = std::move(identity.authentication);
        next.tpm_key = std::move(identity.wrapped_key);
    }
    placement.iot_edge = enrollment.iot_edge;
    CO_TRY(placement.initial, initial_update(choice.initial));
    placement.author = {.cause = hub::Cause::provisioning,
                        .principal = enrollment.id.text(),
                        .client = work->client};
    CO_TRY(const bool made, co_await bring(work, plan.move, is_reachable ? next.hub : std::string(),
                                           choice.hub, std::move(placement)));
    next.progress = Progress::assigned;
    next.substatus =
        made && plan.move != Move::restart ? Substatus::initial_assignment : plan.substatus;
    next.hub = choice.hub;
    next.payload = choice.payload;
    co_return next;
}

// True when the device was made anew.
Task<Result<bool>> Desk::bring(std::shared_ptr<Work> work, Move how, const std::string& from,
                               const std::string& to, Placement placement) {
    const std::unique_ptr<Place> old_place = place_of(from), place = place_of(to);
    if (place == nullptr)
        co_return failure(Code::not_found, fmt::format("The hub {} is no longer linked", to));
    auto& authentication = placement.authentication;
    if (!is_own(to) && authentication.type == hub::AuthenticationType::certificate_authority) {
        authentication.type = hub::AuthenticationType::self_signed;
        authentication.primary_thumbprint = work->thumbprint;
    }
    Result<bool> done = false;
    switch (how) {
        case Move::create:
        case Move::keep: done = co_await place->place(std::move(placement)); break;
        case Move::reset: done = co_await place->place_afresh(std::move(placement)); break;
        case Move::migrate: done = co_await move(*old_place, *place, std::move(placement)); break;
        case Move::restart: {
            const DeviceId device = placement.device;
            const hub::Author author = placement.author;
            done = co_await place->place_afresh(std::move(placement));
            if (!done) break;
            const Result<> removed = co_await old_place->remove(device, author);
            if (!removed) done = std::unexpected(removed.error());
            break;
        }
    }
    const bool is_foreign = !is_own(to) || (!from.empty() && !is_own(from));
    work->hub_is_silent = !done && is_foreign && may_pass(done.error());
    co_return done;
}

// The hubs with how many devices they have, as far as they say; those that say nothing are left
// out, but for the one where the device is.
Task<Result<std::vector<LinkedHub>>> Desk::with_loads(std::shared_ptr<Work> work,
                                                      std::vector<LinkedHub> hubs,
                                                      std::string current) {
    // Names of the own hub alone differ in what registrations put there.
    if (std::ranges::all_of(hubs, &LinkedHub::is_own)) co_return hubs;
    const Moment now = parts_.hub.clock().monotonic();
    Links::Load own = parts_.links.load({}, now);
    if (own.is_due) {
        CO_TRY(const hub::Statistics statistics, co_await parts_.hub.registry().statistics());
        parts_.links.told({}, statistics.devices_enabled + statistics.devices_disabled, now);
        own = parts_.links.load({}, now);
    }
    // What was not registered here counts for the first of the own names.
    std::uint64_t others = own.devices.value_or(0);
    std::string first;
    for (const LinkedHub& hub : parts_.links.hubs()) {
        if (!hub.is_own) continue;
        if (first.empty()) first = hub.host;
        others -= std::min(others, hub.assigned);
    }
    std::vector<LinkedHub> known;
    Error why{Code::unavailable, "No linked hub tells its load", {}};
    for (LinkedHub& hub : hubs) {
        if (hub.is_own) {
            if (hub.host == first) hub.assigned += others;
            known.push_back(std::move(hub));
            continue;
        }
        Links::Load load = parts_.links.load(hub.host, now);
        if (auto link = parts_.links.find(hub.host); load.is_due && link != nullptr) {
            ForeignHub foreign(std::move(link), {parts_.ask_hub, parts_.hub.clock(), index_});
            const Result<std::uint64_t> devices = co_await foreign.load();
            if (devices) {
                parts_.links.told(hub.host, *devices, now);
                load.devices = *devices;
            } else {
                parts_.links.silent(hub.host, now);
                why = devices.error();
            }
        }
        if (!load.devices && !equals_ignoring_case(hub.host, current)) continue;
        hub.assigned = load.devices.value_or(hub.assigned);
        known.push_back(std::move(hub));
    }
    if (!known.empty()) co_return known;
    work->hub_is_silent = may_pass(why);
    co_return std::unexpected(std::move(why));
}

Task<Result<Desk::Choice>> Desk::choose(std::shared_ptr<Work> work, const Registration& before) {
    const Enrollment& enrollment = *work->attested.enrollment;
    Choice choice{.hub = before.hub,
                  .initial = enrollment.initial_twin,
                  .brings_twin = false,
                  .payload = before.payload};
    if (!needs_allocation(before.has_home(), enrollment.reprovision)) co_return choice;
    choice.payload.clear();
    std::vector<std::string> named = enrollment.hubs;
    if (named.empty() && !enrollment.hub.empty()) named.push_back(enrollment.hub);
    std::vector<LinkedHub> hubs = candidates(parts_.links.hubs(), named);
    if (hubs.empty())
        co_return failure(Code::not_found, "None of the enrollment's hubs takes devices");
    switch (enrollment.allocation) {
        case Allocation::hashed: choice.hub = allocate_hashed(hubs, work->id.key()); break;
        case Allocation::geo_latency: {
            CO_TRY(hubs, co_await with_loads(work, std::move(hubs), before.hub));
            choice.hub = allocate_least_loaded(hubs, before.hub);
            break;
        }
        case Allocation::fixed: choice.hub = hubs.front().host; break;
        case Allocation::custom: {
            if (!parts_.webhook)
                co_return failure(Code::unavailable, "This server asks no custom allocation");
            std::vector<std::string> hosts;
            for (const LinkedHub& hub : hubs) hosts.push_back(hub.host);
            std::string question = question_body({.enrollment = enrollment,
                                                  .id = work->id,
                                                  .current = &before,
                                                  .payload = work->request.payload,
                                                  .hubs = hosts});
            auto said =
                co_await parts_.webhook(index_, enrollment.custom.webhook_url, std::move(question));
            auto answer = said ? parse_answer(*said, hosts)
                               : Result<AllocationAnswer>(std::unexpected(said.error()));
            if (!answer) {
                work->webhook_failed = true;
                parts_.metrics.webhook_failures.Increment();
                co_return std::unexpected(std::move(answer).error());
            }
            choice.hub = answer->hub;
            choice.brings_twin = answer->initial_twin.has_value();
            if (answer->initial_twin) choice.initial = *answer->initial_twin;
            choice.payload = answer->payload;
            break;
        }
    }
    co_return choice;
}

Task<Result<>> Desk::save(Registration next, std::optional<Registration> before) {
    if (!before && parts_.metrics.registrations.Value() >=
                       static_cast<double>(parts_.settings.registrations_max))
        co_return failure(Code::too_many_devices, "There is no room for more registrations");
    const std::string& id = next.id.key();
    const std::string key = registration_key(id);
    store::Batch& batch = queue_.batch();
    const bool was_member = before && before->kind == EnrollmentKind::group;
    const bool is_member = next.kind == EnrollmentKind::group;
    if (was_member && !(is_member && before->enrollment == next.enrollment))
        batch.remove(Family::metadata, member_key(before->enrollment, id));
    if (is_member) batch.put(Family::metadata, member_key(next.enrollment, id), {});
    batch.put(Family::metadata, key, sealed(next, key));
    CO_TRY_VOID(co_await settled());
    if (!before) parts_.metrics.registrations.Increment();
    const std::string old_hub = before ? before->hub : std::string();
    if (old_hub != next.hub) {
        if (!old_hub.empty()) parts_.links.count(old_hub, -1);
        if (!next.hub.empty()) parts_.links.count(next.hub, 1);
    }
    co_return Result<>{};
}

void Desk::remember_lost(Registration registration) {
    const Instant old = parts_.hub.clock().now() - lost_results_age;
    while (!lost_.empty() && (lost_.front().updated < old || lost_.size() >= lost_results_max))
        lost_.pop_front();
    lost_.push_back(std::move(registration));
}

}  // namespace twinhub::provisioning
