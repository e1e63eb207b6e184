#pragma once

#include "base/task.h"
#include "gateway/deadlines.h"
#include "gateway/http/reply.h"
#include "gateway/http/request.h"
#include "gateway/http/router.h"
#include "gateway/transport.h"
#include "gateway/ws/websocket_transport.h"
#include "hub/hub.h"
#include "query/compile.h"

#include <functional>
#include <string_view>

namespace twinhub::provisioning {
class Provisioning;
}  // namespace twinhub::provisioning

namespace twinhub::gateway {
class Routes;
}  // namespace twinhub::gateway

namespace twinhub::gateway::http {

struct HttpMetrics;
struct HttpSettings;

// One admitted request: the credential is proved and the right is given. Lives until it is
// answered.
struct Call {
    hub::Hub& hub;
    const Request& request;
    Reply& reply;
    const Route& route;
    TwinId object;  // what the path names
    const hub::Principal& principal;
    std::string_view client;  // address of the peer
    // For a handler that takes its time: begins to watch whether the client is still there, until
    // the request is answered. What it gives may be asked on any thread.
    const std::function<std::function<bool()>()>& watch_client;
    HttpMetrics& metrics;
    const Transport& transport;
    Deadlines& deadlines;
    const HttpSettings& settings;
    provisioning::Provisioning* provisioning;  // nullptr only for routes that are the hub's
    Routes* routes;                            // of events; nullptr where there are none
};

hub::Author author_of(const Call& call);

// The body, which must be there and be JSON by its Content-Type (spec service-api 1.3). Errors:
// argument_null, media_type_unsupported.
Result<std::string_view> json_body(const Call& call);
// The same, parsed; an object. Errors: also format_invalid, argument_invalid.
Result<json::object> json_object(const Call& call);

// If-Match as it came; absent when it did not. Errors: argument_invalid.
Result<twin::Match> match_of(const Call& call);

// Identity registry (spec service-api 4).
Task<Result<>> list_devices(Call& call);
Task<Result<>> get_identity(Call& call);
Task<Result<>> put_identity(Call& call);
Task<Result<>> delete_identity(Call& call);
Task<Result<>> list_modules(Call& call);
Task<Result<>> bulk_identities(Call& call);
Task<Result<>> regenerate_keys(Call& call);
Task<Result<>> device_statistics(Call& call);
Task<Result<>> service_statistics(Call& call);

// Routes of events (docs/routes.md).
Task<Result<>> list_routes(Call& call);
Task<Result<>> test_routes(Call& call);

// Twins and queries (5, 6).
Task<Result<>> get_twin(Call& call);
Task<Result<>> patch_twin(Call& call);
Task<Result<>> put_twin(Call& call);
Task<Result<>> query_twins(Call& call);
// What a twin was and who changed it (docs/history.md). get_twin_then is get_twin with `at` or
// `atVersion`.
Task<Result<>> get_history(Call& call);
Task<Result<>> get_twin_then(Call& call);
Task<Result<>> restore_twin(Call& call);
// What an update would do.
Task<Result<>> check_twin(Call& call);
// A live query: server-sent events, spec query-language 11.
Task<Result<>> subscribe_query(Call& call);
// The query in the body of a request, read as its header says, else as the hub does.
Result<std::shared_ptr<const query::Plan>> query_of(Call& call, const json::object& body);

// Who set a property and when it took effect, sealed so that it can be proved (docs/evidence.md).
Task<Result<>> get_ledger(Call& call);
Task<Result<>> get_evidence_key(Call& call);

// Changes of all twins (docs/changes.md): a page of them, or a stream.
Task<Result<>> get_changes(Call& call);
// The changes of one twin and what its drift does, as they come.
Task<Result<>> stream_twin(Call& call);

// How far devices are from what is desired (docs/drift.md).
Task<Result<>> get_drift(Call& call);
Task<Result<>> fleet_summary(Call& call);
Task<Result<>> drift_paths(Call& call);
Task<Result<>> drift_why(Call& call);

// Changes of a fleet in waves (docs/rollouts.md).
Task<Result<>> plan_rollout(Call& call);
Task<Result<>> list_rollouts(Call& call);
Task<Result<>> get_rollout(Call& call);
Task<Result<>> put_rollout(Call& call);
Task<Result<>> delete_rollout(Call& call);
Task<Result<>> act_on_rollout(Call& call);
Task<Result<>> rollout_devices(Call& call);
Task<Result<>> stream_rollout(Call& call);

// The fleet by its values and by how it stands (docs/drift.md).
Task<Result<>> fleet_groups(Call& call);
Task<Result<>> fleet_values(Call& call);
Task<Result<>> fleet_paths(Call& call);
Task<Result<>> fleet_convergence(Call& call);
Task<Result<>> fleet_series(Call& call);

// Who comes and goes (docs/connections.md).
Task<Result<>> get_sessions(Call& call);
Task<Result<>> fleet_connections(Call& call);

// Direct methods (10.1).
Task<Result<>> invoke_method(Call& call);

// Messages to devices and their feedback (10.2).
Task<Result<>> send_message(Call& call);
Task<Result<>> purge_commands(Call& call);
Task<Result<>> receive_feedback(Call& call);
Task<Result<>> complete_feedback(Call& call);
Task<Result<>> abandon_feedback(Call& call);

// Scheduled jobs (7).
Task<Result<>> put_scheduled_job(Call& call);
Task<Result<>> get_scheduled_job(Call& call);
Task<Result<>> cancel_scheduled_job(Call& call);
Task<Result<>> list_scheduled_jobs(Call& call);

// Import and export jobs (8): there are none, because there is no blob storage.
Task<Result<>> list_jobs(Call& call);
Task<Result<>> create_job(Call& call);
Task<Result<>> get_job(Call& call);

// Certificate authorities of devices (spec device-protocols 6.4, docs/operations.md).
Task<Result<>> list_certificates(Call& call);
Task<Result<>> get_certificate(Call& call);
Task<Result<>> put_certificate(Call& call);
Task<Result<>> delete_certificate(Call& call);
Task<Result<>> generate_verification_code(Call& call);
Task<Result<>> verify_certificate(Call& call);
Task<Result<>> put_revocation_list(Call& call);
Task<Result<>> delete_revocation_list(Call& call);

// What devices send, line by line as it comes; `deviceId` narrows it down (docs/cli.md).
Task<Result<>> device_events(Call& call);

// What devices ask (spec device-protocols 5).
Task<Result<>> send_event(Call& call);
Task<Result<>> refuse_upload(Call& call);
Task<Result<>> receive_message(Call& call);
Task<Result<>> complete_or_reject_message(Call& call);
Task<Result<>> abandon_message(Call& call);

// The subprotocols of the device socket (spec device-protocols 1.1, 4.1); a client names them in
// any order and gets the first that we have.
bool is_amqp_subprotocol(std::string_view name);  // AMQPWSB10, amqp
// Whether a request for the device socket is a WebSocket handshake for one of them. Errors:
// argument_invalid, operation_invalid for other subprotocols.
Result<> check_device_handshake(const Request& request, bool offers_amqp);
WebSocketHandshake device_handshake(const Request& request, bool offers_amqp);

}  // namespace twinhub::gateway::http
