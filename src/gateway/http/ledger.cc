// Who set a property, and when it took effect (docs/evidence.md).
#include "base/json_members.h"
#include "gateway/http/context.h"
#include "gateway/http/handlers.h"
#include "gateway/http/history_json.h"
#include "hub/changes/author_json.h"
#include "hub/history/fleet_ledger.h"
#include "x509/seal.h"

namespace twinhub::gateway::http {
namespace {

constexpr std::string_view kind = "ledger";

json::object entry_json(const hub::LedgerEntry& entry) {
    json::object line{{"deviceId", entry.id.device.text()}};
    if (entry.id.is_module()) line["moduleId"] = entry.id.module.text();
    line["path"] = entry.path;
    line["at"] = format_instant(entry.at);
    line["version"] = entry.version;
    line["change"] = entry.sequence;
    line["by"] = author_json(entry.author, entry.id);
    if (entry.before) line["before"] = *entry.before;
    if (entry.after) line["after"] = *entry.after;
    if (entry.state) {
        line["state"] = twin::drift::name_of(*entry.state);
        line["since"] = format_instant(entry.state_since);
    }
    if (entry.effective) {
        line["effective"] = format_instant(*entry.effective);
        line["reportedVersion"] = entry.effective_version;
    }
    if (entry.code) line["code"] = *entry.code;
    if (!entry.words.empty()) line["words"] = entry.words;
    if (entry.superseded) line["superseded"] = true;
    return line;
}

void append_line(std::string& out, json::object line) {
    append_json(out, json::value(std::move(line)));
    out += '\n';
}

}  // namespace

Task<Result<>> get_ledger(Call& call) {
    const auto& key = call.settings.evidence_key;
    if (!key) co_return failure(Code::not_implemented, "This hub has no key to seal exports with");
    hub::FleetLedgerRequest request{.path = call.request.parameter("path").value_or(""),
                                    .where = call.request.parameter("where").value_or(""),
                                    .principal = call.principal.name,
                                    .wanted = call.watch_client()};
    const Instant now = call.hub.clock().now();
    if (const auto since = call.request.parameter("since")) {
        CO_TRY(request.since, past_time(*since, now, "since"));
    }
    json::object head{{"export", kind},
                      {"hub", call.hub.settings().name},
                      {"at", format_instant(now)},
                      {"by", call.principal.name},
                      {"path", request.path},
                      {"where", request.where}};
    if (request.since > never) head["since"] = format_instant(request.since);
    CO_TRY(const hub::FleetLedger ledger, co_await hub::fleet_ledger(call.hub, std::move(request)));
    head["twins"] = ledger.twins;
    head["incomplete"] = ledger.incomplete;
    head["entries"] = ledger.entries.size();
    append_line(call.reply.body, std::move(head));
    for (const hub::LedgerEntry& entry : ledger.entries)
        append_line(call.reply.body, entry_json(entry));
    x509::append_seal(call.reply.body, kind, *key);
    call.reply.content_type = "application/x-ndjson";
    call.reply.add_field("Cache-Control", "no-store");
    co_return Result<>();
}

Task<Result<>> get_evidence_key(Call& call) {
    const auto& key = call.settings.evidence_key;
    if (!key) co_return failure(Code::not_found, "This hub has no key to seal exports with");
    const x509::VerifyingKey verifying = key->verifying();
    append_json(call.reply.body,
                json::value(json::object{{"key", verifying.id()}, {"pem", verifying.pem()}}));
    co_return Result<>();
}

}  // namespace twinhub::gateway::http
