#pragma once

#include "fleet/scan/old_row.h"
#include "fleet/table.h"
#include "twin/drift/assessment.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace twinhub::fleet::testing {

// An identity and its twin, with the texts that IdentityFacts only borrows.
struct Model {
    std::string device_id;
    std::string module_id;
    std::string device_etag = "MTAwMDAx";
    bool enabled = true;
    std::string status_reason;
    Instant status_update_time = never;
    bool connected = false;
    Instant last_activity_time = never;
    std::uint64_t cloud_to_device_message_count = 0;
    std::string authentication_type = "sas";
    std::string primary_thumbprint;
    std::string secondary_thumbprint;
    bool iot_edge = false;
    std::string device_scope;
    std::vector<std::string> parent_scopes;
    std::shared_ptr<const twin::Object> configurations;
    twin::Twin twin;

    twin::IdentityFacts facts() const;
    json::object document() const;  // as services read it
};

// From such a document: the inverse of `Model::document`.
Model model_of(const json::object& document);

// A table and, beside it, the documents that it stands for.
class ModelFleet {
public:
    Table& table() { return table_; }
    std::size_t size() const { return models_.size(); }
    const Model& model(std::size_t n) const;  // the nth by id

    void put(const Model& model);                   // new, or in place of the old one
    void change(const Model& of, twin::Twin twin);  // only the twin
    // How it stands, as `assess` says it.
    void set_drift(const Model& of, const twin::drift::Assessment& drift);
    void set_presence(const Model& of, bool connected, Instant last_activity);
    void set_configurations(const Model& of, std::shared_ptr<const twin::Object> configurations);
    void remove(const Model& of);

    std::vector<json::object> documents() const;
    // Empty when the row has gone.
    json::object document(Row row) const;
    KeepRow keep() const;

private:
    using Id = std::pair<std::string, std::string>;
    static Id id_of(const Model& model) { return {model.device_id, model.module_id}; }
    Row row_of(const Model& model) const;

    Table table_;
    std::map<Id, Model> models_;
};

}  // namespace twinhub::fleet::testing
