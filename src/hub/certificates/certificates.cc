#include "hub/certificates/certificates.h"

#include "base/encoding.h"
#include "hub/commit_queue.h"
#include "hub/lanes.h"
#include "hub/metrics.h"
#include "hub/shards.h"
#include "store/engine.h"
#include "store/keys.h"
#include "store/record.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace twinhub::hub {

using store::Family;

namespace {

const std::string lane_name = "authorities";

std::string key_of(std::string_view name) {
    return store::metadata_key(store::Area::authority, name);
}

Error not_found(std::string_view name) {
    return {Code::not_found, "No certificate is registered as '" + std::string(name) + "'", {}};
}

bool carries_on(const x509::Certificate& next, const x509::Certificate& before) {
    return next.subject_name() == before.subject_name() && next.has_same_key(before);
}

std::string upper(std::string hex) {
    std::ranges::transform(hex, hex.begin(), [](char c) {
        return c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return hex;
}

double seconds_of(Instant at) {
    return std::chrono::duration<double>(at.time_since_epoch()).count();
}

}  // namespace

struct Certificates::Stored {
    Stored(const Executor& executor, const Parts& parts)
        : lanes(executor),
          queue(executor, parts.committer, parts.stream, parts.clock, parts.metrics,
                [](const Error&) {}) {}
    Lanes lanes;  // changes go one after the other
    CommitQueue queue;
};

Certificates::Certificates(const Parts& parts)
    : parts_(parts), stored_(std::make_unique<Stored>(parts.shards.at(0).executor(), parts)) {
    CHECK(publish().has_value());
}

Certificates::~Certificates() = default;

Result<> Certificates::load(const store::Engine& engine) {
    Known known;
    const auto cursor = engine.scan(Family::metadata, store::area_range(store::Area::authority));
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        TRY(const store::Opened opened, store::open(store::Kind::authority, authority_format,
                                                    "metadata", cursor->key(), cursor->value()));
        auto authority = decode_authority(opened.body);
        if (!authority)
            return failure(authority.error().code, authority.error().message,
                           "metadata/" + store::printable(cursor->key()));
        std::string name = authority->name;
        known[std::move(name)] = std::make_shared<const Authority>(std::move(*authority));
    }
    TRY_VOID(cursor->status());
    known_.store(std::make_shared<const Known>(std::move(known)));
    return publish();
}

Result<AuthorityPtr> Certificates::get(std::string_view name) const {
    const auto known = known_.load();
    const auto found = known->find(name);
    if (found == known->end()) return std::unexpected(not_found(name));
    return found->second;
}

std::vector<AuthorityPtr> Certificates::list() const {
    std::vector<AuthorityPtr> all;
    for (const auto& [name, authority] : *known_.load()) all.push_back(authority);
    return all;
}

std::vector<x509::Certificate> Certificates::of_files() const { return *files_.load(); }

// Everything that is believed, made anew and swapped whole.
Result<> Certificates::publish() {
    const std::scoped_lock lock(publishing_);
    x509::Trust trust;
    trust.authorities = *files_.load();
    Instant due = Instant::max();
    for (const auto& [name, authority] : *known_.load()) {
        (authority->is_verified() ? trust.authorities : trust.intermediates)
            .push_back(authority->certificate);
        if (!authority->revoked) continue;
        trust.revoked.push_back(authority->revoked);
        if (authority->revoked.next_update() != never)
            due = std::min(due, authority->revoked.next_update());
    }
    Instant ends = Instant::max();
    for (const x509::Certificate& one : trust.authorities) ends = std::min(ends, one.not_after());
    const auto count = static_cast<double>(trust.authorities.size());
    TRY(auto store, x509::TrustStore::create(std::move(trust)));
    parts_.trust.store(std::move(store));
    CertificateMetrics& metrics = parts_.metrics.certificates;
    metrics.authorities.Set(count);
    metrics.authority_ends.Set(ends == Instant::max() ? 0 : seconds_of(ends));
    metrics.revocation_list_due.Set(due == Instant::max() ? 0 : seconds_of(due));
    for (std::size_t index = 0; index < parts_.shards.size(); ++index) {
        Shard& shard = parts_.shards.at(index);
        asio::post(shard.executor(), [&shard] { shard.trust_changed(); });
    }
    return {};
}

Result<> Certificates::set_files(std::vector<x509::Certificate> authorities) {
    const auto before = files_.load();
    files_.store(std::make_shared<const std::vector<x509::Certificate>>(std::move(authorities)));
    const Result<> published = publish();
    if (!published) files_.store(before);
    return published;
}

std::uint64_t Certificates::new_etag(std::uint64_t before) {
    std::uint64_t next = 0;
    do next = parts_.random.number() % 4'000'000'000u + 1;
    while (next == before);
    return next;
}

Result<AuthorityPtr> Certificates::current(std::string_view name, const twin::Match& match) const {
    TRY(AuthorityPtr authority, get(name));
    if (!match.matches(authority->etag()))
        return failure(Code::precondition_failed,
                       "The etag of certificate '" + std::string(name) + "' does not match");
    return authority;
}

// Durable first, then shown and believed. An absent `next` removes.
Task<Result<>> Certificates::commit(std::string name, AuthorityPtr next) {
    const std::string key = key_of(name);
    if (next) {
        std::string body;
        std::string value;
        append_encoded(body, *next);
        store::seal(store::Kind::authority, authority_format, key, body, value);
        stored_->queue.batch().put(Family::metadata, key, value);
    } else {
        stored_->queue.batch().remove(Family::metadata, key);
    }
    const Result<> settled =
        co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(Result<>)>(
            [this](auto handler) {
                stored_->queue.on_settled([h = std::move(handler)](const Result<>& result) mutable {
                    std::move(h)(result);
                });
            },
            asio::use_awaitable);
    CO_TRY_VOID(settled);
    Known known = *known_.load();
    if (next) known[name] = std::move(next);
    else known.erase(name);
    known_.store(std::make_shared<const Known>(std::move(known)));
    co_return publish();
}

Task<Result<AuthorityPtr>> Certificates::replace(AuthorityPtr before, Authority next,
                                                 std::string_view what, Author author) {
    next.etag_number = new_etag(before ? before->etag_number : 0);
    next.updated = parts_.clock.now();
    if (!before) next.created = next.updated;
    const auto made = std::make_shared<const Authority>(std::move(next));
    CO_TRY_VOID(co_await commit(made->name, made));
    parts_.log.info("certificate." + std::string(what),
                    {{"name", made->name},
                     {"thumbprint", made->certificate.sha1_thumbprint()},
                     {"verified", made->is_verified()},
                     {"policy", author.principal},
                     {"client", author.client}});
    co_return AuthorityPtr(made);
}

Task<Result<AuthorityPtr>> Certificates::put(AuthoritySpec spec, twin::Match match, Author author) {
    CO_TRY_VOID(check_authority_name(spec.name));
    auto certificate = x509::Certificate::parse(spec.certificate);
    if (!certificate)
        co_return failure(certificate.error().code, certificate.error().message,
                          "properties.certificate");
    CO_TRY_VOID(check_authority(*certificate, parts_.clock.now()));
    auto work = [this, spec = std::move(spec), certificate = std::move(*certificate),
                 match = std::move(match),
                 author = std::move(author)] { return put_here(spec, certificate, match, author); };
    co_return co_await Shards::on(parts_.shards.at(0), std::move(work));
}

Task<Result<AuthorityPtr>> Certificates::put_here(AuthoritySpec spec, x509::Certificate certificate,
                                                  twin::Match match, Author author) {
    const Lanes::Guard lane = co_await stored_->lanes.enter(lane_name);
    const auto known = known_.load();
    const auto found = known->find(spec.name);
    const AuthorityPtr before = found == known->end() ? nullptr : found->second;
    if (before && match.is_absent())
        co_return failure(Code::precondition_failed, "A certificate is registered as '" +
                                                         spec.name +
                                                         "' already: If-Match must name its etag");
    if (before && !match.matches(before->etag()))
        co_return failure(Code::precondition_failed,
                          "The etag of certificate '" + spec.name + "' does not match");
    if (!before && !match.is_absent())
        co_return failure(Code::precondition_failed,
                          "No certificate is registered as '" + spec.name + "' yet");
    if (!before && known->size() >= authorities_max)
        co_return failure(
            Code::operation_invalid,
            "The hub has " + std::to_string(authorities_max) + " certificates already");
    const Instant now = parts_.clock.now();
    Authority next;
    // A renewed certificate of a proved key stays proved, and what that key took back stays taken
    // back.
    if (before && carries_on(certificate, before->certificate)) next = *before;
    next.name = spec.name;
    next.certificate = std::move(certificate);
    if (before) next.created = before->created;
    if (spec.verified && !next.is_verified()) {
        next.verified_by = VerifiedBy::statement;
        next.verified = now;
        next.verified_author = author;
        next.verification_code.clear();
    }
    co_return co_await replace(before, std::move(next), "registered", std::move(author));
}

Task<Result<>> Certificates::remove(std::string name, twin::Match match, Author author) {
    auto work = [this, name = std::move(name), match = std::move(match),
                 author = std::move(author)] { return remove_here(name, match, author); };
    co_return co_await Shards::on(parts_.shards.at(0), std::move(work));
}

Task<Result<>> Certificates::remove_here(std::string name, twin::Match match, Author author) {
    const Lanes::Guard lane = co_await stored_->lanes.enter(lane_name);
    CO_TRY(const AuthorityPtr before, current(name, match));
    CO_TRY_VOID(co_await commit(name, nullptr));
    parts_.log.info("certificate.removed", {{"name", name},
                                            {"thumbprint", before->certificate.sha1_thumbprint()},
                                            {"policy", author.principal},
                                            {"client", author.client}});
    co_return Result<>{};
}

Task<Result<AuthorityPtr>> Certificates::change(Change change) {
    auto work = [this, change = std::move(change)] { return change_here(change); };
    co_return co_await Shards::on(parts_.shards.at(0), std::move(work));
}

Task<Result<AuthorityPtr>> Certificates::change_here(Change change) {
    const Lanes::Guard lane = co_await stored_->lanes.enter(lane_name);
    CO_TRY(AuthorityPtr before, current(change.name, change.match));
    CO_TRY(Authority next, change.next(*before, parts_.clock.now()));
    co_return co_await replace(std::move(before), std::move(next), change.what, change.author);
}

Task<Result<AuthorityPtr>> Certificates::generate_code(std::string name, twin::Match match,
                                                       Author author) {
    auto next = [code = upper(parts_.random.hex(verification_code_bytes))](
                    Authority authority, Instant now) -> Result<Authority> {
        authority.verification_code = code;
        authority.verification_expires = now + verification_code_age;
        return authority;
    };
    return change(
        {std::move(name), std::move(match), std::move(author), "code_generated", std::move(next)});
}

Task<Result<AuthorityPtr>> Certificates::verify(std::string name, std::string proof,
                                                twin::Match match, Author author) {
    auto certificate = x509::Certificate::parse(proof);
    auto next = [certificate = std::move(certificate), author](Authority authority,
                                                               Instant now) -> Result<Authority> {
        if (!certificate)
            return failure(certificate.error().code, certificate.error().message, "certificate");
        TRY_VOID(check_possession(authority, *certificate, now));
        authority.verification_code.clear();
        authority.verification_expires = never;
        authority.verified_by = VerifiedBy::proof;
        authority.verified = now;
        authority.verified_author = author;
        return authority;
    };
    return change(
        {std::move(name), std::move(match), std::move(author), "verified", std::move(next)});
}

Task<Result<AuthorityPtr>> Certificates::set_revocation_list(std::string name, std::string text,
                                                             twin::Match match, Author author) {
    auto next = [text = std::move(text)](Authority authority, Instant) -> Result<Authority> {
        TRY(x509::RevocationList list, x509::RevocationList::parse(text, authority.certificate));
        if (authority.revoked && !is_newer_or_same(list, authority.revoked))
            return failure(Code::argument_invalid,
                           "The revocation list is older than the one in force");
        authority.revoked = std::move(list);
        return authority;
    };
    return change({std::move(name), std::move(match), std::move(author), "revocation_list_set",
                   std::move(next)});
}

Task<Result<AuthorityPtr>> Certificates::clear_revocation_list(std::string name, twin::Match match,
                                                               Author author) {
    auto next = [](Authority authority, Instant) -> Result<Authority> {
        authority.revoked = {};
        return authority;
    };
    return change(
        {std::move(name), std::move(match), std::move(author), "revocation_list_cleared", next});
}

}  // namespace twinhub::hub
