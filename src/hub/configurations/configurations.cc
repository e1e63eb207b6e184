#include "hub/configurations/configurations.h"

#include "hub/commit_queue.h"
#include "hub/configurations/shard_configurations.h"
#include "hub/hub.h"
#include "hub/lanes.h"
#include "hub/secrets.h"
#include "hub/streams.h"
#include "store/record.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <set>

namespace twinhub::hub {

using store::Family;

namespace {

constexpr auto measure_after = std::chrono::seconds{1};  // a change
const std::string lane_name = "configurations";

std::string key_of(std::string_view id) {
    return store::metadata_key(store::Area::configuration, id);
}

Error not_found(std::string_view id) {
    return {
        Code::configuration_not_found, "There is no configuration '" + std::string(id) + "'", {}};
}

Error other_etag(std::string_view id) {
    return {Code::precondition_failed,
            "The etag of configuration '" + std::string(id) + "' does not match",
            {}};
}

// What decides for which twins it is, and how it ranks.
bool decides_alike(const Configuration& a, const Configuration& b) {
    return a.target_condition == b.target_condition && a.priority == b.priority;
}

}  // namespace

struct Configurations::Stored {
    explicit Stored(Hub& hub)
        : lanes(hub.shards().at(0).executor()),
          queue(hub.shards().at(0).executor(), hub.committer(),
                stream_of(Work::configurations, hub.shards().size()), hub.clock(), hub.metrics(),
                [](const Error&) {}) {}
    Lanes lanes;  // changes go one after the other
    CommitQueue queue;
};

Configurations::Configurations(Hub& hub) : hub_(hub), stored_(std::make_unique<Stored>(hub)) {}
Configurations::~Configurations() = default;

Result<> Configurations::load() {
    std::map<std::string, RankedConfiguration, std::less<>> known;
    const auto cursor = hub_.shards().engine().scan(Family::metadata,
                                                    store::area_range(store::Area::configuration));
    for (cursor->seek_first(); cursor->valid(); cursor->next()) {
        TRY(const store::Opened opened,
            store::open(store::Kind::configuration, configuration_format, "metadata", cursor->key(),
                        cursor->value()));
        const std::string where = "metadata/" + store::printable(cursor->key());
        auto read = decode_configuration(opened.body);
        if (!read) return failure(read.error().code, read.error().message, where);
        auto target = Target::compile(read->content.kind, read->target_condition,
                                      hub_.settings().query_options);
        if (!target) {
            // Another dialect may be set than when it was saved: it was good then.
            target = Target::compile(read->content.kind, read->target_condition, {});
            if (!target) return failure(Code::corrupted, target.error().message, where);
        }
        last_revision_ = std::max(last_revision_, read->revision);
        passes_.push_back({read->id, true});
        std::string id = read->id;
        known[std::move(id)] = {std::make_shared<const Configuration>(std::move(*read)),
                                std::make_shared<const Target>(std::move(*target))};
    }
    TRY_VOID(cursor->status());
    const auto set = std::make_shared<const ConfigurationSet>(std::move(known));
    set_.store(set);
    hub_.metrics().configurations.configurations.Set(static_cast<double>(set->by_id().size()));
    for (std::size_t index = 0; index < hub_.shards().size(); ++index) {
        ShardConfigurations& shard = hub_.shards().at(index).configurations();
        last_revision_ = std::max(last_revision_, shard.last_revision());
        shard.use(set);
        shard.mark_outdated();
    }
    return {};
}

void Configurations::tick() {
    begin_passes();
    const Moment now = hub_.clock().monotonic();
    if (measuring_ || now < next_measure_ || passing_ || !passes_.empty() ||
        set_.load()->by_id().empty())
        return;
    measuring_ = true;
    next_measure_ = now + hub_.settings().configurations.metrics_every;
    asio::co_spawn(hub_.shards().at(0).executor(), measure(), asio::detached);
}

void Configurations::measure_soon() {
    next_measure_ = std::min(next_measure_, hub_.clock().monotonic() + measure_after);
}

void Configurations::twin_changed(const TwinId& id, const State& before, const State& after) {
    hub_.shards().of(id.device).configurations().changed(id, before, after);
}

Result<ConfigurationPtr> Configurations::get(std::string_view id) const {
    const ConfigurationSetPtr set = set_.load();
    const RankedConfiguration* known = set->find(id);
    if (known == nullptr) return std::unexpected(not_found(id));
    return known->configuration;
}

std::vector<ConfigurationPtr> Configurations::list() const {
    std::vector<ConfigurationPtr> all;
    for (const auto& [id, known] : set_.load()->by_id()) all.push_back(known.configuration);
    return all;
}

std::shared_ptr<const MetricResults> Configurations::results(std::string_view id) const {
    const auto results = results_.load();
    const auto found = results->find(id);
    return found != results->end() ? found->second : nullptr;
}

// Every loop has the new set before a pass can reach it: what is posted to a loop keeps its order.
void Configurations::publish(ConfigurationSetPtr set) {
    set_.store(set);
    hub_.metrics().configurations.configurations.Set(static_cast<double>(set->by_id().size()));
    hub_.shards().at(0).configurations().use(set);  // this loop
    for (std::size_t index = 1; index < hub_.shards().size(); ++index) {
        Shard& shard = hub_.shards().at(index);
        asio::post(shard.executor(), [&shard, set] { shard.configurations().use(set); });
    }
}

// Durable first. An absent `next` removes.
Task<Result<>> Configurations::commit(std::string id, ConfigurationPtr next) {
    const std::string key = key_of(id);
    if (next) {
        std::string body;
        std::string value;
        append_encoded(body, *next);
        store::seal(store::Kind::configuration, configuration_format, key, body, value);
        stored_->queue.batch().put(Family::metadata, key, value);
    } else {
        stored_->queue.batch().remove(Family::metadata, key);
    }
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(Result<>)>(
        [this](auto handler) {
            stored_->queue.on_settled(
                [h = std::move(handler)](const Result<>& result) mutable { std::move(h)(result); });
        },
        asio::use_awaitable);
}

Result<> Configurations::check_metrics(const Configuration& wanted) const {
    const std::uint32_t max = hub_.settings().configurations.metrics_max;
    if (wanted.metrics.size() > max)
        return failure(Code::configuration_metric_invalid,
                       "A configuration has at most " + std::to_string(max) + " metrics",
                       "metrics.queries");
    const ConditionTest tested = test("", wanted.metrics);
    if (tested.metrics.empty()) return {};
    const auto& [name, error] = *tested.metrics.begin();
    return failure(Code::configuration_metric_invalid, error, "metrics.queries." + name);
}

// What no service may write into a twin, no configuration writes for it.
Result<> Configurations::check_content(const Content& content) const {
    const auto check = [this](const TwinSettings& settings, const std::string& where) -> Result<> {
        twin::ServiceUpdate update;
        update.desired = twin::Patch::trusted(document_of(settings), twin::Patch::Mode::merge);
        if (auto checked = check_secrets(hub_.settings(), update); !checked)
            return failure(Code::configuration_content_invalid, checked.error().message,
                           where + "." + checked.error().where);
        return {};
    };
    const std::string where = "content." + std::string(name_of(content.kind));
    TRY_VOID(check(content.settings, where));
    for (const auto& [module, settings] : content.modules)
        TRY_VOID(check(settings, where + "." + module));
    return {};
}

ConditionTest Configurations::test(
    std::string_view target_condition,
    const std::map<std::string, std::string, std::less<>>& metrics) const {
    const query::Options& options = hub_.settings().query_options;
    ConditionTest tested;
    // Nobody says whether it is for devices or for modules: the condition itself does.
    const auto read = query::compile_condition(target_condition, query::Place::target, options);
    const ContentKind kind = read && read->collection == query::Collection::modules
                                 ? ContentKind::module
                                 : ContentKind::device;
    if (const auto target = Target::compile(kind, target_condition, options); !target)
        tested.target_condition = target.error().message;
    for (const auto& [name, text] : metrics) {
        const auto plan = query::compile(text, options);
        if (!plan) {
            const Error why = query::to_error(plan.error());
            tested.metrics[name] =
                why.where.empty() ? why.message : why.message + " at " + why.where;
        } else if (plan->explain != query::Explain::no || plan->as_of) {
            tested.metrics[name] = "A metric is a query of the present, and explains nothing";
        }
    }
    return tested;
}

Task<Result<ConfigurationPtr>> Configurations::put(Configuration wanted, twin::Match match,
                                                   Author author) {
    auto work = [this, &wanted, &match, &author] {
        return put_here(std::move(wanted), std::move(match), std::move(author));
    };
    co_return co_await Shards::on(hub_.shards().at(0), std::move(work));
}

Task<Result<ConfigurationPtr>> Configurations::put_here(Configuration wanted, twin::Match match,
                                                        Author author) {
    const Lanes::Guard lane = co_await stored_->lanes.enter(lane_name);
    const ConfigurationSetPtr set = set_.load();
    const ConfigurationSettings& settings = hub_.settings().configurations;
    const RankedConfiguration* known = set->find(wanted.id);
    const ConfigurationPtr before = known != nullptr ? known->configuration : nullptr;
    if (before && match.is_absent())
        co_return failure(Code::configuration_already_exists,
                          "A configuration with ID '" + wanted.id + "' is already there");
    if (!before && !match.is_absent()) co_return std::unexpected(not_found(wanted.id));
    if (before && !match.matches(before->etag())) co_return std::unexpected(other_etag(wanted.id));
    if (!before && set->by_id().size() >= settings.count_max)
        co_return failure(
            Code::too_many_configurations,
            "The hub has " + std::to_string(settings.count_max) + " configurations already");
    if (before && before->content != wanted.content) {
        if (settings.strict_content)
            co_return failure(Code::configuration_content_immutable,
                              "The content of a configuration does not change: make another one",
                              "content");
        hub_.log().warn("configuration.content_kept",
                        {{"id", wanted.id}, {"policy", author.principal}});
        wanted.content = before->content;
    }
    if (!before) CO_TRY_VOID(check_content(wanted.content));
    CO_TRY(Target target, Target::compile(wanted.content.kind, wanted.target_condition,
                                          hub_.settings().query_options));
    CO_TRY_VOID(check_metrics(wanted));
    wanted.updated = hub_.clock().now();
    wanted.created = before ? before->created : wanted.updated;
    wanted.etag_number = before ? before->etag_number + 1 : 1;
    const bool decides_anew = !before || !decides_alike(*before, wanted);
    wanted.revision = decides_anew ? last_revision_ + 1 : before->revision;
    wanted.author = std::move(author);
    const auto made = std::make_shared<const Configuration>(std::move(wanted));
    CO_TRY_VOID(co_await commit(made->id, made));
    last_revision_ = std::max(last_revision_, made->revision);
    auto by_id = set->by_id();
    by_id[made->id] = {made, std::make_shared<const Target>(std::move(target))};
    publish(std::make_shared<const ConfigurationSet>(std::move(by_id)));
    hub_.log().info(before ? "configuration.updated" : "configuration.created",
                    {{"id", made->id},
                     {"priority", made->priority},
                     {"policy", made->author.principal},
                     {"client", made->author.client}});
    if (decides_anew) passes_.push_back({made->id, false});
    measure_soon();
    begin_passes();
    co_return ConfigurationPtr(made);
}

Task<Result<>> Configurations::remove(std::string id, twin::Match match, Author author) {
    auto work = [this, &id, &match, &author] {
        return remove_here(std::move(id), std::move(match), std::move(author));
    };
    co_return co_await Shards::on(hub_.shards().at(0), std::move(work));
}

Task<Result<>> Configurations::remove_here(std::string id, twin::Match match, Author author) {
    const Lanes::Guard lane = co_await stored_->lanes.enter(lane_name);
    const ConfigurationSetPtr set = set_.load();
    const RankedConfiguration* known = set->find(id);
    if (known == nullptr) co_return std::unexpected(not_found(id));
    if (!match.matches(known->configuration->etag())) co_return std::unexpected(other_etag(id));
    CO_TRY_VOID(co_await commit(id, nullptr));
    auto by_id = set->by_id();
    by_id.erase(id);
    publish(std::make_shared<const ConfigurationSet>(std::move(by_id)));
    results_.update([&id](const auto& results) {
        auto next = std::make_shared<Results>(*results);
        next->erase(id);
        return next;
    });
    hub_.log().info("configuration.removed",
                    {{"id", id}, {"policy", author.principal}, {"client", author.client}});
    passes_.push_back({std::move(id), false});
    begin_passes();
    co_return Result<>{};
}

}  // namespace twinhub::hub
