// Devices at their desk: proved, assigned to a hub, told about it.
#include "base/encoding.h"
#include "hub/shards.h"
#include "provisioning/desk.h"
#include "provisioning/limits.h"
#include "provisioning/names.h"
#include "provisioning/record.h"
#include "provisioning/reprovision.h"
#include "provisioning/views.h"
#include "provisioning/work.h"
#include "store/keys.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>

namespace twinhub::provisioning {

using store::Family;

namespace {

Refusal refusal(Error error) {
    return {.error = std::move(error), .retry_after = std::chrono::seconds{0}, .held_back = {}};
}

Refusal too_much(std::string message, std::chrono::seconds retry_after) {
    return {.error = {Code::throttled, std::move(message), {}},
            .retry_after = retry_after,
            .held_back = {}};
}

// "5.", then what nobody guesses, of characters that need no escape in a topic.
std::string new_operation(Random& random) { return "5." + random.hex(8) + "." + random.uuid(); }

std::string new_registration_etag(Random& random) {
    return base64_encode("\"" + random.hex(4) + "\"");
}

// What went wrong in the numbers that devices know (spec device-protocols 7.6).
std::uint32_t number_of(const Error& error, Allocation allocation) {
    switch (error.code) {
        case Code::argument_invalid:
        case Code::format_invalid:
        case Code::timeout:
        case Code::unauthorized:
        case Code::unavailable: return allocation == Allocation::custom ? 400207 : 500000;
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

}  // namespace

Task<Desk::Proof> Desk::prove(const Caller& caller) {
    Proof proof;
    const auto refuse = [&](Refusal why) {
        proof.refusal = std::move(why);
        return proof;
    };
    const auto found = co_await find_enrollment(EnrollmentKind::individual, caller.id.key());
    if (!found) co_return refuse(refusal(found.error()));
    const auto individual = *found ? std::make_shared<const Enrollment>(**found) : nullptr;
    const auto groups = parts_.groups.load();
    const Moment now = parts_.hub.clock().monotonic();
    proof.attested = attest(caller, individual, groups->all(),
                            {.scope = parts_.settings.id_scope,
                             .skew = parts_.settings.sas_skew,
                             .now = parts_.hub.clock().now(),
                             .authorities = &parts_.authorities});
    if (proof.attested.doubt != Doubt::none) {
        parts_.metrics.refused(proof.attested.doubt);
        parts_.hub.log().debug("provisioning.refused", {{"registration", caller.id.text()},
                                                        {"client", caller.client},
                                                        {"reason", name_of(proof.attested.doubt)}});
        Refusal why = refusal({Code::unauthorized, "Unauthorized", {}});
        why.held_back = parts_.doorkeeper.failed(caller.client, now);
        co_return refuse(std::move(why));
    }
    if (const auto wait = parts_.doorkeeper.admit_proved(caller.id.key(), now)) {
        parts_.metrics.limited(wait->limit);
        co_return refuse(too_much("This registration id asks too often", wait->retry_after));
    }
    co_return proof;
}

Task<Outcome> Desk::begin(Caller caller, std::string body) {
    Proof proof = co_await prove(caller);
    if (proof.refusal) co_return std::unexpected(*std::move(proof.refusal));
    auto request = parse_register(body, caller.id);
    if (!request) co_return std::unexpected(refusal(std::move(request).error()));
    const auto under_way = works_.find(caller.id.key());
    std::shared_ptr<Work> work = under_way == works_.end() ? nullptr : under_way->second;
    if (work == nullptr) {
        if (works_.size() >= assigning_max) {
            parts_.metrics.crowded.Increment();
            co_return std::unexpected(too_much("Too many devices register at this moment",
                                               2 * parts_.settings.retry_after));
        }
        work = std::make_shared<Work>();
        work->id = caller.id;
        work->client = caller.client;
        work->attested = std::move(proof.attested);
        work->request = *std::move(request);
        work->operation = {new_operation(parts_.hub.random()), parts_.hub.clock().now()};
        work->began = parts_.hub.clock().monotonic();
        works_.emplace(caller.id.key(), work);
        parts_.metrics.assigning.Increment();
        asio::co_spawn(executor_, assign(work), asio::detached);
    }
    Answer answer{.assigning = true,
                  .retry_after = parts_.settings.retry_after,
                  .operation = work->operation.id,
                  .body = {}};
    append_assigning(answer.body, answer.operation);
    co_return answer;
}

Task<Outcome> Desk::progress(Caller caller, std::string operation) {
    const Proof proof = co_await prove(caller);
    if (proof.refusal) co_return std::unexpected(*proof.refusal);
    const std::string& id = caller.id.key();
    Answer answer{.assigning = false,
                  .retry_after = std::chrono::seconds{0},
                  .operation = operation,
                  .body = {}};
    if (const auto work = works_.find(id);
        work != works_.end() && work->second->operation.id == operation) {
        answer.assigning = true;
        answer.retry_after = parts_.settings.retry_after;
        append_assigning(answer.body, operation);
        co_return answer;
    }
    const auto is_asked = [&](const Registration& known) {
        return std::ranges::find(known.operations, operation, &Operation::id) !=
               known.operations.end();
    };
    const auto lost = std::ranges::find_if(lost_, is_asked);
    if (lost != lost_.end()) {
        append_result(answer.body, operation, *lost);
        co_return answer;
    }
    const auto known = co_await find_registration(id);
    if (!known) co_return std::unexpected(refusal(known.error()));
    if (!*known || !is_asked(**known))
        co_return std::unexpected(refusal({Code::not_found, "There is no such operation", {}}));
    append_result(answer.body, operation, **known);
    co_return answer;
}

Task<Outcome> Desk::lookup(Caller caller) {
    const Proof proof = co_await prove(caller);
    if (proof.refusal) co_return std::unexpected(*proof.refusal);
    const auto known = co_await find_registration(caller.id.key());
    if (!known) co_return std::unexpected(refusal(known.error()));
    if (!*known)
        co_return std::unexpected(
            refusal({Code::not_found, "This registration id has not registered yet", {}}));
    Answer answer;
    append_result_state(answer.body, **known);
    co_return answer;
}

Task<> Desk::assign(std::shared_ptr<Work> work) {
    const hub::Lanes::Guard lane = co_await lanes_.enter(work->id.key());
    std::optional<Registration> before;
    Result<Registration> decided = failure(Code::internal, "");
    auto found = co_await find_registration(work->id.key());
    if (found) {
        before = *std::move(found);
        decided = co_await decide(work, before);
    } else {
        decided = std::unexpected(std::move(found).error());
    }
    const Instant now = parts_.hub.clock().now();
    Registration next;
    if (decided) {
        next = *std::move(decided);
    } else {
        next = before.value_or(Registration{});
        next.progress = Progress::failed;
        next.error_number = number_of(decided.error(), work->attested.enrollment->allocation);
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
    parts_.metrics.ended(next.progress);
    parts_.metrics.assigning.Decrement();
    parts_.metrics.seconds.Observe(
        std::chrono::duration<double>(parts_.hub.clock().monotonic() - work->began).count());
    if (next.progress == Progress::assigned)
        parts_.hub.log().debug("provisioning.assigned", {{"registration", next.id.text()},
                                                         {"device", next.device_id},
                                                         {"hub", next.hub},
                                                         {"how", name_of(next.substatus)}});
    works_.erase(work->id.key());
}

Task<Result<Registration>> Desk::decide(std::shared_ptr<Work> work,
                                        std::optional<Registration> before) {
    const Enrollment& enrollment = *work->attested.enrollment;
    Registration next = before.value_or(Registration{});
    next.error_number = 0;
    next.error_message.clear();
    if (enrollment.status == Status::disabled) {
        next.progress = Progress::disabled;
        co_return next;
    }
    CO_TRY(const Choice choice, co_await choose(work, next));
    const Reprovision plan = plan_reprovision(
        {.exists = next.has_home(), .same_place = true, .substatus = next.substatus},
        enrollment.reprovision, choice.brings_twin);
    if (!next.has_home())
        next.device_id = enrollment.device_id.empty() ? work->id.text() : enrollment.device_id;
    Placement placement;
    CO_TRY(placement.device, DeviceId::parse(next.device_id));
    placement.authentication = work->attested.authentication;
    placement.iot_edge = enrollment.iot_edge;
    CO_TRY(placement.initial, initial_update(choice.initial));
    placement.author = {.cause = hub::Cause::provisioning,
                        .principal = enrollment.id.text(),
                        .client = work->client};
    const bool afresh = plan.move == Move::reset;
    CO_TRY(const bool made, afresh ? co_await home_.place_afresh(std::move(placement))
                                   : co_await home_.place(std::move(placement)));
    next.progress = Progress::assigned;
    next.substatus = made ? Substatus::initial_assignment : plan.substatus;
    next.hub = choice.hub;
    next.payload = choice.payload;
    co_return next;
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
    const std::vector<LinkedHub> hubs = candidates(parts_.loads.hubs(), named);
    if (hubs.empty())
        co_return failure(Code::not_found, "None of the enrollment's hubs takes devices");
    switch (enrollment.allocation) {
        case Allocation::hashed: choice.hub = allocate_hashed(hubs, work->id.key()); break;
        case Allocation::geo_latency: choice.hub = allocate_least_loaded(hubs, before.hub); break;
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
        if (!old_hub.empty()) parts_.loads.count(old_hub, -1);
        if (!next.hub.empty()) parts_.loads.count(next.hub, 1);
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
