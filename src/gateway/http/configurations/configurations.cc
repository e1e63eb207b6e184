#include "hub/configurations/configurations.h"

#include "base/json_members.h"
#include "gateway/http/configurations/configuration_json.h"
#include "gateway/http/configurations/handlers.h"

#include <algorithm>
#include <charconv>

namespace twinhub::gateway::http {
namespace {

constexpr std::size_t query_texts_max = 100;

std::string id_of(const Call& call) {
    return std::string(segment_of(call.route, call.request, "{any}"));
}

void show(Call& call, const hub::Configuration& configuration) {
    const auto results = call.hub.configurations().results(configuration.id);
    append_configuration(call.reply.body, configuration, results.get());
}

Result<std::size_t> top_of(const Call& call, std::size_t otherwise) {
    const auto text = call.request.parameter("top");
    if (!text || text->empty()) return otherwise;
    std::size_t top = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), top);
    if (error == std::errc::result_out_of_range) return otherwise;
    if (error != std::errc() || end != text->data() + text->size())
        return failure(Code::argument_invalid, "The value must be a number", "top");
    return std::min(top, otherwise);
}

}  // namespace

Task<Result<>> list_configurations(Call& call) {
    const auto all = call.hub.configurations().list();
    CO_TRY(const std::size_t top, top_of(call, all.size()));
    call.reply.body += '[';
    for (std::size_t i = 0; i < top; ++i) {
        if (i > 0) call.reply.body += ',';
        show(call, *all[i]);
    }
    call.reply.body += ']';
    co_return Result<>();
}

Task<Result<>> get_configuration(Call& call) {
    CO_TRY(const hub::ConfigurationPtr configuration, call.hub.configurations().get(id_of(call)));
    show(call, *configuration);
    call.reply.etag = configuration->etag();
    co_return Result<>();
}

// If-Match decides: without it the configuration must be new, with it it must be there (spec
// service-api 1.5). The etag in the body says nothing.
Task<Result<>> put_configuration(Call& call) {
    CO_TRY(twin::Match match, match_of(call));
    CO_TRY(const json::object body, json_object(call));
    CO_TRY(hub::Configuration wanted, hub::read_configuration(id_of(call), body));
    CO_TRY(const hub::ConfigurationPtr configuration,
           co_await call.hub.configurations().put(std::move(wanted), std::move(match),
                                                  author_of(call)));
    show(call, *configuration);
    call.reply.etag = configuration->etag();
    co_return Result<>();
}

Task<Result<>> delete_configuration(Call& call) {
    CO_TRY(twin::Match match, match_of(call));
    CO_TRY_VOID(
        co_await call.hub.configurations().remove(id_of(call), std::move(match), author_of(call)));
    call.reply.status = 204;
    co_return Result<>();
}

Task<Result<>> test_configuration_queries(Call& call) {
    CO_TRY(const json::object body, json_object(call));
    CO_TRY(auto condition, text_member(body, "targetCondition"));
    CO_TRY(const json::object* texts, object_member(body, "customMetricQueries"));
    std::map<std::string, std::string, std::less<>> queries;
    if (texts != nullptr) {
        if (texts->size() > query_texts_max)
            co_return failure(Code::argument_invalid, "At most 100 queries are tested at once",
                              "customMetricQueries");
        for (const auto& [name, text] : *texts) {
            if (!text.is_string())
                co_return failure(Code::argument_invalid, "A query must be a text",
                                  "customMetricQueries");
            queries[std::string(name)] = text.get_string();
        }
    }
    append_condition_test(call.reply.body,
                          call.hub.configurations().test(condition.value_or(""), queries));
    co_return Result<>();
}

Task<Result<>> configuration_effect(Call& call) {
    CO_TRY(const hub::ConfigurationEffect effect,
           co_await call.hub.configurations().effect(id_of(call), call.principal.name,
                                                     call.watch_client()));
    append_effect(call.reply.body, effect);
    call.reply.add_field("Cache-Control", "no-store");
    co_return Result<>();
}

Task<Result<>> apply_configuration_content(Call& call) {
    CO_TRY(const json::object body, json_object(call));
    CO_TRY(hub::Content content, hub::parse_content(body));
    CO_TRY_VOID(co_await call.hub.configurations().apply_content(
        call.object.device, std::move(content), author_of(call)));
    call.reply.status = 204;
    co_return Result<>();
}

}  // namespace twinhub::gateway::http
