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
#include "provisioning/home.h"
#include "provisioning/loads.h"
#include "provisioning/metrics.h"
#include "provisioning/register_request.h"
#include "provisioning/registration.h"
#include "provisioning/settings.h"
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
        Loads& loads;
        const Authorities& authorities;
        const Webhook& webhook;
    };
    Desk(std::size_t index, const Parts& parts);
    ~Desk();
    std::size_t index() const { return index_; }

    // --- devices (spec device-protocols 7.5) ----------------------------------------------------
    Task<Outcome> begin(Caller caller, std::string body);
    Task<Outcome> progress(Caller caller, std::string operation);
    Task<Outcome> lookup(Caller caller);

    // --- services (spec service-api 11); groups at the first desk alone --------------------------
    Task<Result<Enrollment>> enrollment(EnrollmentKind kind, std::string id);
    Task<Result<Enrollment>> put(EnrollmentWish wish, twin::Match match);
    Task<Result<>> remove(EnrollmentKind kind, std::string id, twin::Match match);
    Task<Result<Registration>> registration(std::string id);
    Task<Result<>> remove_registration(std::string id, twin::Match match);

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
    Task<> assign(std::shared_ptr<Work> work);
    Task<Result<Registration>> decide(std::shared_ptr<Work> work,
                                      std::optional<Registration> before);
    Task<Result<Choice>> choose(std::shared_ptr<Work> work, const Registration& before);
    Task<Result<>> save(Registration next, std::optional<Registration> before);
    void drop_registration(const Registration& registration);
    void remember_lost(Registration registration);

    std::size_t index_;
    Executor executor_;
    Parts parts_;
    Home home_;
    hub::CommitQueue queue_;
    hub::Lanes lanes_;  // what is done for one id, one after the other
    std::unordered_map<std::string, std::shared_ptr<Work>> works_;  // by registration id
    std::deque<Registration> lost_;  // results that could not be stored, oldest first
};

}  // namespace twinhub::provisioning
