#pragma once

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/result.h"
#include "base/shared_value.h"
#include "base/task.h"
#include "hub/certificates/authority.h"
#include "store/committer.h"
#include "twin/etag.h"
#include "x509/trust_store.h"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace twinhub::hub {

class Shards;
struct Metrics;

// What a client asks an authority to be.
struct AuthoritySpec {
    std::string name;
    std::string certificate;  // text, see x509::Certificate::parse
    // Believe it without proof: for who asks to answer for. Otherwise it is believed when it is
    // proved, or when it carries on the key of one that was.
    bool verified = false;
};

// The certificate authorities of a hub (spec device-protocols 6.4, D-x509): those that services
// register and prove, and those of the operator's files. Each change is durable first, and then the
// trust in force is swapped whole, on all loops; connections that rested on what is no longer
// believed end soon after.
//
// Callable on any loop.
class Certificates {
public:
    struct Parts {
        Shards& shards;
        store::Committer& committer;
        store::Stream stream;  // of its own
        const Clock& clock;
        Random& random;
        Log& log;
        Metrics& metrics;
        SharedValue<const x509::TrustStore>& trust;  // what this keeps up
    };
    explicit Certificates(const Parts& parts);
    ~Certificates();

    // Reads what is stored; before the loops run. Errors: corrupted, which names the record.
    Result<> load(const store::Engine& engine);

    // Errors: not_found.
    Result<AuthorityPtr> get(std::string_view name) const;
    std::vector<AuthorityPtr> list() const;  // by name
    std::vector<x509::Certificate> of_files() const;

    // A new one without If-Match, another certificate for a known one with it. Errors:
    // argument_invalid, precondition_failed, operation_invalid (there are too many), unavailable.
    Task<Result<AuthorityPtr>> put(AuthoritySpec spec, twin::Match match, Author author);
    // Errors: not_found, precondition_failed.
    Task<Result<>> remove(std::string name, twin::Match match, Author author);
    // A code that a certificate signed by the authority has to carry; an older one is void. Errors:
    // as remove.
    Task<Result<AuthorityPtr>> generate_code(std::string name, twin::Match match, Author author);
    // Errors: as remove; argument_invalid, saying what the proof lacks. A code is good once.
    Task<Result<AuthorityPtr>> verify(std::string name, std::string proof, twin::Match match,
                                      Author author);
    // Errors: as remove; argument_invalid, also for a list that is older than the one in force.
    Task<Result<AuthorityPtr>> set_revocation_list(std::string name, std::string text,
                                                   twin::Match match, Author author);
    Task<Result<AuthorityPtr>> clear_revocation_list(std::string name, twin::Match match,
                                                     Author author);

    // The operator's own files, at start and again at each reload. Any thread. Errors:
    // argument_invalid when there are too many.
    Result<> set_files(std::vector<x509::Certificate> authorities);

private:
    struct Stored;
    using Known = std::map<std::string, AuthorityPtr, std::less<>>;
    // What becomes of an authority that is there.
    struct Change {
        std::string name;
        twin::Match match;
        Author author;
        std::string_view what;  // for the log
        std::function<Result<Authority>(Authority before, Instant now)> next;
    };
    Task<Result<AuthorityPtr>> change(Change change);

    // On the loop of the first shard.
    Task<Result<AuthorityPtr>> put_here(AuthoritySpec spec, x509::Certificate certificate,
                                        twin::Match match, Author author);
    Task<Result<AuthorityPtr>> change_here(Change change);
    Task<Result<>> remove_here(std::string name, twin::Match match, Author author);
    Task<Result<AuthorityPtr>> replace(AuthorityPtr before, Authority next, std::string_view what,
                                       Author author);
    Task<Result<>> commit(std::string name, AuthorityPtr next);
    Result<AuthorityPtr> current(std::string_view name, const twin::Match& match) const;
    Result<> publish();
    std::uint64_t new_etag(std::uint64_t before);

    Parts parts_;
    std::unique_ptr<Stored> stored_;  // lane and queue, on the loop of the first shard
    // Swapped whole; loops read, the loop of the first shard and the thread of a reload write.
    SharedValue<const Known> known_{std::make_shared<const Known>()};
    SharedValue<const std::vector<x509::Certificate>> files_{
        std::make_shared<const std::vector<x509::Certificate>>()};
    std::mutex publishing_;
};

}  // namespace twinhub::hub
