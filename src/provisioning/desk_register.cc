// Devices at their desk: proved, and told what became of them.
#include "hub/access.h"
#include "hub/shards.h"
#include "provisioning/desk.h"
#include "provisioning/limits.h"
#include "provisioning/names.h"
#include "provisioning/views.h"
#include "provisioning/work.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>

namespace twinhub::provisioning {

namespace {

// "5.", then what nobody guesses, of characters that need no escape in a topic.
std::string new_operation(Random& random) { return "5." + random.hex(8) + "." + random.uuid(); }

// Registration ids are device ids too, by their characters.
TwinId object_of(const ProvisioningId& id) {
    auto device = DeviceId::parse(id.key());
    return device ? TwinId{*std::move(device), {}} : TwinId{};
}

hub::Principal principal_of(const ProvisioningId& id, const Attested& attested) {
    if (attested.doubt != Doubt::none) return {};
    return {.kind = hub::Principal::Kind::registration,
            .name = id.text(),
            .rights = 0,
            .id = object_of(id)};
}

}  // namespace

Refusal Desk::doubted(const Caller& caller, Doubt doubt) {
    parts_.metrics.refused(doubt);
    parts_.hub.log().debug("provisioning.refused", {{"registration", caller.id.text()},
                                                    {"client", caller.client},
                                                    {"reason", name_of(doubt)}});
    Refusal why = refusal({Code::unauthorized, "Unauthorized", {}});
    why.held_back = parts_.doorkeeper.failed(caller.client, parts_.hub.clock().monotonic());
    return why;
}

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
                             .authorities = &parts_.authorities,
                             .challenges = &challenges_,
                             .moment = now});
    // What was proved is who asks; what that may do says the table of all doors.
    if (!hub::decide(principal_of(caller.id, proof.attested), hub::Operation::device_register,
                     object_of(caller.id)))
        co_return refuse(doubted(caller, proof.attested.doubt));
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
    const auto assigning = [&](std::string operation) {
        Answer answer{.assigning = true,
                      .retry_after = parts_.settings.retry_after,
                      .operation = std::move(operation),
                      .body = {}};
        append_assigning(answer.body, answer.operation);
        return answer;
    };
    // A challenge opens one registration: who says its answer again asks about that one.
    if (proof.attested.tpm && !proof.attested.tpm->operation.empty())
        co_return assigning(proof.attested.tpm->operation);
    const auto under_way = works_.find(caller.id.key());
    std::shared_ptr<Work> work = under_way == works_.end() ? nullptr : under_way->second;
    const std::string signed_with =
        proof.attested.tpm ? proof.attested.tpm->signing_key : std::string();
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
        if (caller.certificate) work->thumbprint = caller.certificate.sha256_thumbprint();
        works_.emplace(caller.id.key(), work);
        parts_.metrics.assigning.Increment();
        asio::co_spawn(executor_, assign(work), asio::detached);
    }
    if (!signed_with.empty()) challenges_.opened(caller.id.key(), signed_with, work->operation.id);
    co_return assigning(work->operation.id);
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

}  // namespace twinhub::provisioning
