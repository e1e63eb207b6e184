#include "provisioning/provisioning.h"

#include "hub/shards.h"
#include "provisioning/record.h"
#include "store/engine.h"
#include "store/keys.h"

namespace twinhub::provisioning {

using store::Family;

Provisioning::Provisioning(Settings settings, hub::Hub& hub, Metrics& metrics, Seams seams)
    : settings_(std::move(settings)),
      hub_(hub),
      metrics_(metrics),
      seams_(std::move(seams)),
      doorkeeper_(settings_.rates, hub.random()),
      groups_(std::make_shared<const Groups>()),
      links_(settings_.hubs) {
    for (std::size_t i = 0; i < hub.shards().size(); ++i)
        desks_.push_back(std::make_unique<Desk>(
            i, Desk::Parts{settings_, hub_, metrics_, doorkeeper_, groups_, links_,
                           seams_.authorities, seams_.webhook, seams_.ask_hub, seams_.wait}));
}

Provisioning::~Provisioning() = default;

Result<std::unique_ptr<Provisioning>> Provisioning::open(Settings settings, hub::Hub& hub,
                                                         Metrics& metrics, Seams seams) {
    std::unique_ptr<Provisioning> opened(
        new Provisioning(std::move(settings), hub, metrics, std::move(seams)));
    TRY_VOID(opened->read_all());
    return opened;
}

Result<> Provisioning::read_all() {
    store::Engine& engine = hub_.shards().engine();
    std::vector<Group> groups;
    const auto all_groups =
        engine.scan(Family::metadata, store::area_range(store::Area::enrollment_group));
    for (all_groups->seek_first(); all_groups->valid(); all_groups->next()) {
        TRY(Enrollment enrollment, open_enrollment(all_groups->key(), all_groups->value()));
        groups.push_back(make_group(std::move(enrollment)));
    }
    TRY_VOID(all_groups->status());
    groups_.store(std::make_shared<const Groups>(std::move(groups)));

    const auto links = engine.scan(Family::metadata, store::area_range(store::Area::linked_hub));
    for (links->seek_first(); links->valid(); links->next()) {
        TRY(HubLink link, open_link(links->key(), links->value()));
        links_.put(std::move(link));
    }
    TRY_VOID(links->status());

    double count = 0;
    const auto registrations =
        engine.scan(Family::metadata, store::area_range(store::Area::registration));
    for (registrations->seek_first(); registrations->valid(); registrations->next()) {
        TRY(const Registration registration,
            open_registration(registrations->key(), registrations->value()));
        if (registration.has_home()) links_.count(registration.hub, 1);
        ++count;
    }
    metrics_.registrations.Set(count);
    return registrations->status();
}

Desk& Provisioning::desk_of(std::string_view id) {
    return *desks_[stable_hash(id) % slot_count % desks_.size()];
}

Desk& Provisioning::desk_of(EnrollmentKind kind, std::string_view id) {
    return kind == EnrollmentKind::group ? *desks_.front() : desk_of(id);
}

template <class Work>
auto Provisioning::at(Desk& desk, Work work) -> std::invoke_result_t<Work> {
    return hub::Shards::on(hub_.shards().at(desk.index()), std::move(work));
}

std::optional<Refusal> Provisioning::check(const Caller& caller, bool registers) {
    const auto wait = doorkeeper_.admit(caller.client, registers, hub_.clock().monotonic());
    if (!wait) return std::nullopt;
    metrics_.limited(wait->limit);
    return Refusal{.error = {Code::throttled, "Too many requests: come again later", {}},
                   .retry_after = wait->retry_after,
                   .held_back = {}};
}

Task<Outcome> Provisioning::register_device(Caller caller, std::string body) {
    if (auto refused = check(caller, true)) co_return std::unexpected(*std::move(refused));
    Desk& desk = desk_of(caller.id.key());
    auto work = [&desk, &caller, &body] { return desk.begin(std::move(caller), std::move(body)); };
    co_return co_await at(desk, std::move(work));
}

Task<Outcome> Provisioning::operation(Caller caller, std::string operation) {
    if (auto refused = check(caller, false)) co_return std::unexpected(*std::move(refused));
    Desk& desk = desk_of(caller.id.key());
    auto work = [&desk, &caller, &operation] {
        return desk.progress(std::move(caller), std::move(operation));
    };
    co_return co_await at(desk, std::move(work));
}

Task<Outcome> Provisioning::lookup(Caller caller) {
    if (auto refused = check(caller, false)) co_return std::unexpected(*std::move(refused));
    Desk& desk = desk_of(caller.id.key());
    auto work = [&desk, &caller] { return desk.lookup(std::move(caller)); };
    co_return co_await at(desk, std::move(work));
}

Task<Challenged> Provisioning::challenge(Caller caller, TpmKeys shown) {
    if (auto refused = check(caller, true)) co_return std::unexpected(*std::move(refused));
    Desk& desk = desk_of(caller.id.key());
    auto work = [&desk, &caller, &shown] {
        return desk.challenge(std::move(caller), std::move(shown));
    };
    co_return co_await at(desk, std::move(work));
}

Task<std::optional<Refusal>> Provisioning::admit(Caller caller) {
    if (auto refused = check(caller, false)) co_return refused;
    Desk& desk = desk_of(caller.id.key());
    auto work = [&desk, &caller] { return desk.admit(std::move(caller)); };
    co_return co_await at(desk, std::move(work));
}

Task<Result<EnrollmentView>> Provisioning::enrollment(EnrollmentKind kind, ProvisioningId id) {
    Desk& desk = desk_of(kind, id.key());
    auto work = [&desk, kind, key = id.key()]() -> Task<Result<EnrollmentView>> {
        EnrollmentView view;
        CO_TRY(view.enrollment, co_await desk.enrollment(kind, key));
        if (kind == EnrollmentKind::group) co_return view;
        auto registration = co_await desk.registration(key);
        if (registration && registration->kind == kind)
            view.registration = *std::move(registration);
        co_return view;
    };
    co_return co_await at(desk, std::move(work));
}

Task<Result<EnrollmentView>> Provisioning::put(EnrollmentWish wish, twin::Match match) {
    const EnrollmentKind kind = wish.enrollment.kind;
    const ProvisioningId id = wish.enrollment.id;
    Desk& desk = desk_of(kind, id.key());
    auto work = [&desk, &wish, &match] { return desk.put(std::move(wish), std::move(match)); };
    EnrollmentView view;
    CO_TRY(view.enrollment, co_await at(desk, std::move(work)));
    if (kind == EnrollmentKind::group) co_return view;
    auto registration = co_await this->registration(id);
    if (registration && registration->kind == kind) view.registration = *std::move(registration);
    co_return view;
}

Task<Result<>> Provisioning::remove(EnrollmentKind kind, ProvisioningId id, twin::Match match) {
    Desk& desk = desk_of(kind, id.key());
    auto work = [&desk, &match, kind, key = id.key()] {
        return desk.remove(kind, key, std::move(match));
    };
    co_return co_await at(desk, std::move(work));
}

Task<Result<Registration>> Provisioning::registration(ProvisioningId id) {
    Desk& desk = desk_of(id.key());
    auto work = [&desk, key = id.key()] { return desk.registration(key); };
    co_return co_await at(desk, std::move(work));
}

Task<Result<>> Provisioning::remove_registration(ProvisioningId id, twin::Match match) {
    Desk& desk = desk_of(id.key());
    auto work = [&desk, &match, key = id.key()] {
        return desk.remove_registration(key, std::move(match));
    };
    co_return co_await at(desk, std::move(work));
}

Task<Result<HubLink>> Provisioning::put_link(HubLinkWish wish, twin::Match match) {
    Desk& desk = *desks_.front();
    auto work = [&desk, &wish, &match] { return desk.put_link(std::move(wish), std::move(match)); };
    co_return co_await at(desk, std::move(work));
}

Task<Result<>> Provisioning::remove_link(std::string host, twin::Match match) {
    Desk& desk = *desks_.front();
    auto work = [&desk, &host, &match] {
        return desk.remove_link(std::move(host), std::move(match));
    };
    co_return co_await at(desk, std::move(work));
}

}  // namespace twinhub::provisioning
