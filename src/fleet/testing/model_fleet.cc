#include "fleet/testing/model_fleet.h"

#include "twin/drift/paths.h"
#include "twin/etag.h"
#include "twin/testing/from_document.h"

#include <iterator>

namespace twinhub::fleet::testing {
namespace {

using twin::testing::number_at;
using twin::testing::text_at;
using twin::testing::time_at;

class OldModel final : public OldRow {
public:
    explicit OldModel(const Model& model) : model_(model) {}
    std::size_t bytes() const override { return 100; }
    json::object document() const override { return model_.document(); }

private:
    Model model_;
};

}  // namespace

twin::IdentityFacts Model::facts() const {
    return {.device_id = device_id,
            .module_id = module_id,
            .device_etag = device_etag,
            .enabled = enabled,
            .status_reason = status_reason,
            .status_update_time = status_update_time,
            .connected = connected,
            .last_activity_time = last_activity_time,
            .cloud_to_device_message_count = cloud_to_device_message_count,
            .authentication_type = authentication_type,
            .primary_thumbprint = primary_thumbprint,
            .secondary_thumbprint = secondary_thumbprint,
            .iot_edge = iot_edge,
            .device_scope = device_scope,
            .parent_scopes = parent_scopes,
            .configurations = configurations.get()};
}

json::object Model::document() const {
    std::string text;
    twin::append_service_view(text, facts(), twin);
    return parse_json(text).value().get_object();
}

Model model_of(const json::object& document) {
    Model model;
    model.device_id = text_at(document, "deviceId");
    model.module_id = text_at(document, "moduleId");
    model.device_etag = text_at(document, "deviceEtag");
    model.enabled = text_at(document, "status") == "enabled";
    model.status_reason = text_at(document, "statusReason");
    model.status_update_time = time_at(document, "statusUpdateTime");
    model.connected = text_at(document, "connectionState") == "Connected";
    model.last_activity_time = time_at(document, "lastActivityTime");
    model.cloud_to_device_message_count = number_at(document, "cloudToDeviceMessageCount");
    model.authentication_type = text_at(document, "authenticationType");
    if (const json::value* prints = document.if_contains("x509Thumbprint")) {
        model.primary_thumbprint = text_at(prints->get_object(), "primaryThumbprint");
        model.secondary_thumbprint = text_at(prints->get_object(), "secondaryThumbprint");
    }
    if (const json::value* capabilities = document.if_contains("capabilities"))
        model.iot_edge = capabilities->at("iotEdge").as_bool();
    model.device_scope = text_at(document, "deviceScope");
    if (const json::value* scopes = document.if_contains("parentScopes"))
        for (const json::value& scope : scopes->get_array())
            model.parent_scopes.emplace_back(scope.as_string());

    if (const json::value* configurations = document.if_contains("configurations")) {
        const twin::Node node = twin::testing::node_of(*configurations, nullptr);
        model.configurations = std::make_shared<const twin::Object>(node.object());
    }

    model.twin = twin::testing::twin_from(document);
    const std::string etag = text_at(document, "etag");
    for (std::uint64_t counter = 0; counter < 1000; ++counter)
        if (twin::etag_text(counter) == etag) model.twin.versions.etag = counter;
    return model;
}

const Model& ModelFleet::model(std::size_t n) const {
    return std::next(models_.begin(), static_cast<std::ptrdiff_t>(n))->second;
}

Row ModelFleet::row_of(const Model& model) const {
    return table_.find({model.device_id, model.module_id}).value();
}

void ModelFleet::put(const Model& model) {
    const auto known = models_.find(id_of(model));
    table_.put(model.facts(), model.twin, known != models_.end() ? &known->second.twin : nullptr);
    models_.insert_or_assign(id_of(model), model);
}

void ModelFleet::change(const Model& of, twin::Twin twin) {
    Model& model = models_.at(id_of(of));
    table_.change(row_of(of), model.twin, twin);
    model.twin = std::move(twin);
}

void ModelFleet::set_drift(const Model& of, const twin::drift::Assessment& drift) {
    using twin::drift::State;
    DriftFacts facts{.state = drift.state, .since = drift.since};
    facts.counts = drift.counts;
    const auto* worst = drift.worst();
    if (worst != nullptr && drift.state > State::converged) {
        facts.path = worst->path;
        facts.reason = worst->verdict.reason;
        facts.code = worst->verdict.code;
        facts.words = worst->verdict.words;
    }
    std::map<std::string, State> places;
    for (const auto& property : drift.properties) {
        const auto keys = twin::drift::keys_of(property.path);
        for (std::size_t depth = 1; depth <= keys.size(); ++depth) {
            State& state = places[std::string(twin::drift::above(keys, property.path, depth))];
            state = std::max(state, property.state);
        }
    }
    std::vector<DriftCell> cells;
    for (const auto& [path, state] : places)
        if (state > State::converged) cells.push_back({path, state});
    table_.set_drift(row_of(of), {facts, cells});
}

void ModelFleet::set_presence(const Model& of, bool connected, Instant last_activity) {
    Model& model = models_.at(id_of(of));
    table_.set_presence(row_of(of), connected, last_activity);
    model.connected = connected;
    model.last_activity_time = last_activity;
}

void ModelFleet::set_configurations(const Model& of,
                                    std::shared_ptr<const twin::Object> configurations) {
    Model& model = models_.at(id_of(of));
    table_.set_configurations(row_of(of), configurations.get());
    model.configurations = std::move(configurations);
}

void ModelFleet::remove(const Model& of) {
    const Id id = id_of(of);
    table_.remove(row_of(of), &models_.at(id).twin);
    models_.erase(id);
}

std::vector<json::object> ModelFleet::documents() const {
    std::vector<json::object> all;
    all.reserve(models_.size());
    for (const auto& [id, model] : models_) all.push_back(model.document());
    return all;
}

json::object ModelFleet::document(Row row) const {
    if (!table_.is_live(row)) return {};
    const Key key = table_.key(row);
    return models_.at({std::string(key.device), std::string(key.module)}).document();
}

KeepRow ModelFleet::keep() const {
    return [this](Row row) -> std::shared_ptr<const OldRow> {
        const Key key = table_.key(row);
        return std::make_shared<OldModel>(
            models_.at({std::string(key.device), std::string(key.module)}));
    };
}

}  // namespace twinhub::fleet::testing
