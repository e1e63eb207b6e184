#include "hub/series/causes.h"

#include "hub/configurations/configurations.h"
#include "hub/hub.h"
#include "hub/jobs/jobs.h"
#include "hub/rollouts/rollouts.h"

#include <algorithm>
#include <tuple>

namespace twinhub::hub {
namespace {

constexpr std::size_t jobs_page = 100;
constexpr std::size_t jobs_looked_at = 1000;

const std::string& orderer_of(const Author& author) {
    return author.on_behalf_of.empty() ? author.principal : author.on_behalf_of;
}

}  // namespace

Task<Result<SeriesCauses>> series_causes(Hub& hub, Instant from, Instant until) {
    SeriesCauses found;
    const auto note = [&](Instant at, std::string_view kind, const std::string& id,
                          const Author& author, std::optional<std::uint64_t> devices) {
        if (at >= from && at <= until)
            found.causes.push_back({at, std::string(kind), id, orderer_of(author), devices});
    };
    for (const RolloutPtr& rollout : hub.rollouts().list())
        if (const RolloutRecord& record = rollout->record; record.started)
            note(*record.started, "rollout", record.document.name, record.author, record.devices);
    for (const ConfigurationPtr& configuration : hub.configurations().list()) {
        std::optional<std::uint64_t> devices;
        if (const auto results = hub.configurations().results(configuration->id))
            if (const auto targeted = results->system.find("targetedCount");
                targeted != results->system.end())
                devices = targeted->second;
        note(configuration->updated, "configuration", configuration->id, configuration->author,
             devices);
    }
    std::string cursor;
    for (std::size_t looked = 0; looked < jobs_looked_at; looked += jobs_page) {
        CO_TRY(JobPage page, co_await hub.jobs().list({}, std::move(cursor), jobs_page));
        for (const JobView& job : page.jobs)
            if (job.state.started != never)
                note(job.state.started, "job", job.spec.id, job.spec.author,
                     job.state.resolved ? std::optional(job.state.devices) : std::nullopt);
        cursor = std::move(page.cursor);
        if (cursor.empty()) break;
    }
    if (!cursor.empty()) found.complete = false;
    std::ranges::sort(found.causes, {}, [](const SeriesCause& cause) {
        return std::tie(cause.at, cause.kind, cause.id);
    });
    if (found.causes.size() > series_causes_max) {
        found.complete = false;
        found.causes.erase(found.causes.begin(),
                           found.causes.end() - static_cast<std::ptrdiff_t>(series_causes_max));
    }
    co_return found;
}

}  // namespace twinhub::hub
