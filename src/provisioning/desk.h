#pragma once

#include "base/task.h"
#include "hub/commit_queue.h"
#include "hub/hub.h"
#include "hub/lanes.h"
#include "provisioning/answer.h"
#include "provisioning/attest.h"
#include "provisioning/custom_allocation.h"
#include "provisioning/doorkeeper.h"
#include "provisioning/enrollment_rules.h"
#include "provisioning/groups.h"
#include "provisioning/hubs/foreign_hub.h"
#include "provisioning/hubs/home.h"
#include "provisioning/hubs/links.h"
#include "provisioning/metrics.h"
#include "provisioning/register_request.h"
#include "provisioning/registration.h"
#include "provisioning/reprovision.h"
#include "provisioning/settings.h"
#include "provisioning/tpm/challenges.h"
#include "twin/etag.h"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace twinhub::provisioning {

// Asks whoever allocates by itself: POSTs `body` to `url` from the loop of that number, within
// bounds of time and size. What it answers is the body of a 2xx answer.
using Webhook =
    std::function<Task<Result<std::string>>(std::size_t loop, std::string url, std::string body)>;

// Waits on the loop of that number; false when the service ends instead.
using Wait = std::function<Task<bool>(std::size_t loop, std::chrono::milliseconds time)>;
// How a device with a TPM will prove itself to its hub, and the key of that for the TPM to take in.
struct TpmIdentity {
    hub::IdentitySpec::AuthenticationSpec authentication;
    std::string wrapped_key;
};

// The part of the provisioning service that lives on one loop: the individual enrollments and the
// registrations of the ids that hash to its slots, and what is under way for them. Everything here
// runs on that loop; nothing is kept in memory but what is under way.
class Desk {
public:
    struct Parts {
        const Settings& settings;
        hub::Hub& hub;
        Metrics& metrics;
        Doorkeeper& doorkeeper;
        SharedGroups& groups;
        Links& links;
        const Authorities& authorities;
        const Webhook& webhook;
        const AskHub& ask_hub;
        const Wait& wait;
    };
    Desk(std::size_t index, const Parts& parts);
    ~Desk();
    std::size_t index() const { return index_; }

    // --- devices (spec device-protocols 7.5) ----------------------------------------------------
    Task<Outcome> begin(Caller caller, std::string body);
    Task<Outcome> progress(Caller caller, std::string operation);
    Task<Outcome> lookup(Caller caller);
    // Of a device with a TPM (7.1): what it has to answer, and whether its answer is right.
    Task<Challenged> challenge(Caller caller, TpmKeys shown);
    Task<std::optional<Refusal>> admit(Caller caller);

    // --- services (spec service-api 11); groups at the first desk alone --------------------------
    Task<Result<Enrollment>> enrollment(EnrollmentKind kind, std::string id);
    Task<Result<Enrollment>> put(EnrollmentWish wish, twin::Match match);
    Task<Result<>> remove(EnrollmentKind kind, std::string id, twin::Match match);
    Task<Result<Registration>> registration(std::string id);
    Task<Result<>> remove_registration(std::string id, twin::Match match);

    // --- linked hubs, at the first desk alone (desk_links.cc)
    // -------------------------------------
    Task<Result<HubLink>> put_link(HubLinkWish wish, twin::Match match);
    Task<Result<>> remove_link(std::string host, twin::Match match);

private:
    struct Work;
    struct Choice;
    struct Proof {
        Attested attested;
        std::optional<Refusal> refusal;
    };
    using Stored = Result<std::optional<std::string>>;

    Task<Stored> read(std::string key);
    Task<Result<std::optional<Enrollment>>> find_enrollment(EnrollmentKind kind, std::string id);
    Task<Result<std::optional<Registration>>> find_registration(std::string id);
    Task<Result<>> settled();

    Task<Proof> prove(const Caller& caller);
    // Notes the failure; what is told to the peer.
    Refusal doubted(const Caller& caller, Doubt doubt);
    Result<TpmIdentity> identity_for(const TpmProof& proof);
    void count_challenges();
    Task<> assign(std::shared_ptr<Work> work);
    // Decides and stores, once; nothing when a hub is silent and it is to be tried again.
    Task<std::optional<Registration>> try_to_assign(std::shared_ptr<Work> work);
    // The enrollment as it is now: a device that waits is not to outlive its right to come.
    Task<Result<>> look_again(std::shared_ptr<Work> work);
    bool may_try_again(const Work& work) const;
    // The hub of that name, for as long as the call lives; nothing when it is no longer linked.
    std::unique_ptr<Place> place_of(std::string_view host);
    bool is_own(std::string_view host) const;
    Task<Result<std::vector<LinkedHub>>> with_loads(std::shared_ptr<Work> work,
                                                    std::vector<LinkedHub> hubs,
                                                    std::string current);
    Task<Result<Registration>> decide(std::shared_ptr<Work> work,
                                      std::optional<Registration> before);
    Task<Result<bool>> bring(std::shared_ptr<Work> work, Move how, const std::string& from,
                             const std::string& to, Placement placement);
    Task<Result<Choice>> choose(std::shared_ptr<Work> work, const Registration& before);
    Task<Result<>> save(Registration next, std::optional<Registration> before);
    void drop_registration(const Registration& registration);
    void remember_lost(Registration registration);

    std::size_t index_;
    Executor executor_;
    Parts parts_;
    hub::CommitQueue queue_;
    hub::Lanes lanes_;  // what is done for one id, one after the other
    std::unordered_map<std::string, std::shared_ptr<Work>> works_;  // by registration id
    std::size_t waiting_ = 0;                                       // of them, for a silent hub
    std::deque<Registration> lost_;  // results that could not be stored, oldest first
    tpm::Challenges challenges_;
    std::size_t challenges_counted_ = 0;  // as the gauge has it
};

}  // namespace twinhub::provisioning
