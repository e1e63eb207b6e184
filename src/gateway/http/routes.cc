#include "gateway/http/configurations/handlers.h"
#include "gateway/http/handlers.h"
#include "gateway/http/provisioning/handlers.h"
#include "gateway/http/router.h"
#include "provisioning/limits.h"
#include "twin/limits.h"

#include <array>

namespace twinhub::gateway::http {
namespace {

using hub::Operation;

constexpr std::size_t no_body = 16 * 1024;  // clients send a few ignored bytes where none belong
constexpr std::size_t small_body = 64 * 1024;
// The payload and what is around it, with room for white space and escapes.
constexpr std::size_t method_body = 512 * 1024;
constexpr std::size_t large_body = 1024 * 1024;
constexpr std::size_t register_body = provisioning::register_bytes_max;
constexpr std::size_t message_body = 256 * 1024;
constexpr std::size_t revocation_body = 2 * 1024 * 1024;
constexpr std::size_t twin_body = twin::update_bytes_max;

// Spec service-api 4.1, 5.1, 6.1, 7.1, 8, 9.1, 10, 11.1 and device-protocols 1.1, 5, 7.3;
// operations as in 2.2. The prefixes /access /audit /evidence /limits /cost /plan /console and
// /_emulator are kept for what comes later.
constexpr std::array table{
    Route{Method::get, "/twins/{device}", Operation::twin_read, no_body, get_twin},
    Route{Method::patch, "/twins/{device}", Operation::twin_write, twin_body, patch_twin},
    Route{Method::put, "/twins/{device}", Operation::twin_write, twin_body, put_twin},
    Route{Method::get, "/twins/{device}/modules/{module}", Operation::twin_read, no_body, get_twin},
    Route{Method::patch, "/twins/{device}/modules/{module}", Operation::twin_write, twin_body,
          patch_twin},
    Route{Method::put, "/twins/{device}/modules/{module}", Operation::twin_write, twin_body,
          put_twin},

    Route{Method::get, "/twins/{device}/history", Operation::history_read, no_body, get_history,
          false, false, Face::hub, false},
    Route{Method::get, "/twins/{device}/modules/{module}/history", Operation::history_read, no_body,
          get_history, false, false, Face::hub, false},
    Route{Method::get, "/changes", Operation::changes_read, no_body, get_changes, false, false,
          Face::hub, false},
    Route{Method::get, "/twins/{device}/stream", Operation::changes_read, no_body, stream_twin,
          false, false, Face::hub, false},
    Route{Method::get, "/twins/{device}/modules/{module}/stream", Operation::changes_read, no_body,
          stream_twin, false, false, Face::hub, false},
    Route{Method::post, "/twins/{device}/restore", Operation::twin_restore, small_body,
          restore_twin, false, false, Face::hub, false},
    Route{Method::post, "/twins/{device}/modules/{module}/restore", Operation::twin_restore,
          small_body, restore_twin, false, false, Face::hub, false},

    Route{Method::post, "/twins/{device}/check", Operation::twin_write, twin_body, check_twin,
          false, false, Face::hub, false},
    Route{Method::post, "/twins/{device}/modules/{module}/check", Operation::twin_write, twin_body,
          check_twin, false, false, Face::hub, false},

    Route{Method::get, "/devices", Operation::identity_read, no_body, list_devices},
    Route{Method::post, "/devices", Operation::identity_bulk, large_body, bulk_identities},
    Route{Method::post, "/devices/query", Operation::twin_query, small_body, query_twins},
    Route{Method::post, "/devices/query/subscribe", Operation::twin_query, small_body,
          subscribe_query},
    Route{Method::post, "/devices/keys/regenerate", Operation::identity_renew_keys, small_body,
          regenerate_keys},
    Route{Method::get, "/devices/{device}", Operation::identity_read, no_body, get_identity},
    Route{Method::put, "/devices/{device}", Operation::identity_write, small_body, put_identity},
    Route{Method::remove, "/devices/{device}", Operation::identity_delete, no_body,
          delete_identity},
    Route{Method::get, "/devices/{device}/modules", Operation::identity_read, no_body,
          list_modules},
    Route{Method::get, "/devices/{device}/modules/{module}", Operation::identity_read, no_body,
          get_identity},
    Route{Method::put, "/devices/{device}/modules/{module}", Operation::identity_write, small_body,
          put_identity},
    Route{Method::remove, "/devices/{device}/modules/{module}", Operation::identity_delete, no_body,
          delete_identity},
    Route{Method::remove, "/devices/{device}/commands", Operation::commands_purge, no_body,
          purge_commands},
    Route{Method::post, "/devices/{device}/messages/deviceBound", Operation::message_send,
          large_body, send_message},
    Route{Method::get, "/messages/serviceBound/feedback", Operation::feedback_receive, no_body,
          receive_feedback},
    Route{Method::remove, "/messages/serviceBound/feedback/{token}", Operation::feedback_receive,
          no_body, complete_feedback},
    Route{Method::post, "/messages/serviceBound/feedback/{token}/abandon",
          Operation::feedback_receive, no_body, abandon_feedback},

    Route{Method::post, "/twins/{device}/methods", Operation::method_invoke, method_body,
          invoke_method},
    Route{Method::post, "/twins/{device}/modules/{module}/methods", Operation::method_invoke,
          method_body, invoke_method},

    Route{Method::get, "/twins/{device}/drift", Operation::twin_read, no_body, get_drift, false,
          false, Face::hub, false},
    Route{Method::get, "/twins/{device}/modules/{module}/drift", Operation::twin_read, no_body,
          get_drift, false, false, Face::hub, false},
    Route{Method::get, "/twins/{device}/sessions", Operation::history_read, no_body, get_sessions,
          false, false, Face::hub, false},
    Route{Method::get, "/twins/{device}/modules/{module}/sessions", Operation::history_read,
          no_body, get_sessions, false, false, Face::hub, false},
    Route{Method::get, "/fleet/groups", Operation::twin_query, no_body, fleet_groups, false, false,
          Face::hub, false},
    Route{Method::get, "/fleet/values", Operation::twin_query, no_body, fleet_values, false, false,
          Face::hub, false},
    Route{Method::get, "/fleet/paths", Operation::twin_query, no_body, fleet_paths, false, false,
          Face::hub, false},
    Route{Method::get, "/fleet/convergence", Operation::twin_query, no_body, fleet_convergence,
          false, false, Face::hub, false},
    Route{Method::get, "/fleet/series", Operation::twin_query, no_body, fleet_series, false, false,
          Face::hub, false},
    Route{Method::get, "/fleet/connections", Operation::twin_query, no_body, fleet_connections,
          false, false, Face::hub, false},
    Route{Method::get, "/fleet/summary", Operation::twin_query, no_body, fleet_summary, false,
          false, Face::hub, false},
    Route{Method::get, "/drift/paths", Operation::twin_query, no_body, drift_paths, false, false,
          Face::hub, false},
    Route{Method::post, "/drift/why", Operation::twin_query, small_body, drift_why, false, false,
          Face::hub, false},

    Route{Method::get, "/twinhub/ledger", Operation::history_read, no_body, get_ledger, false,
          false, Face::hub, false},
    Route{Method::get, "/twinhub/ledger/key", Operation::history_read, no_body, get_evidence_key,
          false, false, Face::hub, false},

    Route{Method::get, "/configurations", Operation::configuration_read, no_body,
          list_configurations},
    Route{Method::post, "/configurations/testQueries", Operation::configuration_read, small_body,
          test_configuration_queries},
    Route{Method::get, "/configurations/{any}", Operation::configuration_read, no_body,
          get_configuration},
    Route{Method::put, "/configurations/{any}", Operation::configuration_write, large_body,
          put_configuration},
    Route{Method::remove, "/configurations/{any}", Operation::configuration_write, no_body,
          delete_configuration},
    Route{Method::get, "/configurations/{any}/effect", Operation::configuration_read, no_body,
          configuration_effect, false, false, Face::hub, false},
    Route{Method::post, "/devices/{device}/applyConfigurationContent",
          Operation::configuration_apply, large_body, apply_configuration_content},

    Route{Method::post, "/rollouts/plan", Operation::rollout_read, small_body, plan_rollout, false,
          false, Face::hub, false},
    Route{Method::get, "/rollouts", Operation::rollout_read, no_body, list_rollouts, false, false,
          Face::hub, false},
    Route{Method::get, "/rollouts/{any}", Operation::rollout_read, no_body, get_rollout, false,
          false, Face::hub, false},
    Route{Method::put, "/rollouts/{any}", Operation::rollout_write, large_body, put_rollout, false,
          false, Face::hub, false},
    Route{Method::remove, "/rollouts/{any}", Operation::rollout_write, no_body, delete_rollout,
          false, false, Face::hub, false},
    Route{Method::get, "/rollouts/{any}/devices", Operation::rollout_read, no_body, rollout_devices,
          false, false, Face::hub, false},
    Route{Method::get, "/rollouts/{any}/stream", Operation::rollout_read, no_body, stream_rollout,
          false, false, Face::hub, false},
    Route{Method::post, "/rollouts/{any}/{action}", Operation::rollout_write, small_body,
          act_on_rollout, false, false, Face::hub, false},

    Route{Method::get, "/statistics/devices", Operation::statistics_read, no_body,
          device_statistics},
    Route{Method::get, "/statistics/service", Operation::service_statistics_read, no_body,
          service_statistics},

    Route{Method::get, "/jobs/v2/query", Operation::job_read, no_body, list_scheduled_jobs},
    Route{Method::put, "/jobs/v2/{any}", Operation::job_write, method_body, put_scheduled_job},
    Route{Method::get, "/jobs/v2/{any}", Operation::job_read, no_body, get_scheduled_job},
    Route{Method::post, "/jobs/v2/{any}/cancel", Operation::job_write, no_body,
          cancel_scheduled_job},

    Route{Method::get, "/jobs", Operation::import_export_read, no_body, list_jobs},
    Route{Method::post, "/jobs/create", Operation::import_export_write, small_body, create_job},
    Route{Method::get, "/jobs/{any}", Operation::import_export_read, no_body, get_job},
    Route{Method::remove, "/jobs/{any}", Operation::import_export_write, no_body, get_job},

    Route{Method::get, "/twinhub/certificates", Operation::certificate_read, no_body,
          list_certificates},
    Route{Method::get, "/twinhub/certificates/{any}", Operation::certificate_read, no_body,
          get_certificate},
    Route{Method::put, "/twinhub/certificates/{any}", Operation::certificate_write, small_body,
          put_certificate},
    Route{Method::remove, "/twinhub/certificates/{any}", Operation::certificate_write, no_body,
          delete_certificate},
    Route{Method::post, "/twinhub/certificates/{any}/generateVerificationCode",
          Operation::certificate_write, no_body, generate_verification_code},
    Route{Method::post, "/twinhub/certificates/{any}/verify", Operation::certificate_write,
          small_body, verify_certificate},
    Route{Method::put, "/twinhub/certificates/{any}/revocationList", Operation::certificate_write,
          revocation_body, put_revocation_list},
    Route{Method::remove, "/twinhub/certificates/{any}/revocationList",
          Operation::certificate_write, no_body, delete_revocation_list},

    Route{Method::get, "/twinhub/device-events", Operation::events_read, no_body, device_events},
    Route{Method::get, "/twinhub/routes", Operation::route_read, no_body, list_routes, false, false,
          Face::hub, false},
    Route{Method::post, "/twinhub/routes/test", Operation::route_read, small_body, test_routes,
          false, false, Face::hub, false},

    Route{Method::post, "/devices/{device}/messages/events", Operation::device_send, message_body,
          send_event, false, true},
    Route{Method::post, "/devices/{device}/modules/{module}/messages/events",
          Operation::device_send, message_body, send_event, false, true},
    Route{Method::get, "/devices/{device}/messages/deviceBound", Operation::device_receive, no_body,
          receive_message, false, true},
    Route{Method::remove, "/devices/{device}/messages/deviceBound/{token}",
          Operation::device_receive, no_body, complete_or_reject_message, false, true},
    Route{Method::post, "/devices/{device}/messages/deviceBound/{token}/abandon",
          Operation::device_receive, no_body, abandon_message, false, true},
    Route{Method::post, "/devices/{device}/files", Operation::device_send, small_body,
          refuse_upload, false, true},
    Route{Method::post, "/devices/{device}/files/notifications", Operation::device_send, small_body,
          refuse_upload, false, true},
    Route{Method::post, "/devices/{device}/files/notifications/{any}", Operation::device_send,
          small_body, refuse_upload, false, true},

    Route{Method::get, "/enrollments/{id}", Operation::enrollment_read, no_body, get_enrollment,
          false, false, Face::enrollments},
    Route{Method::put, "/enrollments/{id}", Operation::enrollment_write, large_body, put_enrollment,
          false, false, Face::enrollments},
    Route{Method::remove, "/enrollments/{id}", Operation::enrollment_write, no_body,
          delete_enrollment, false, false, Face::enrollments},
    Route{Method::post, "/enrollments", Operation::enrollment_write, large_body, bulk_enrollments,
          false, false, Face::enrollments},
    Route{Method::post, "/enrollments/query", Operation::enrollment_read, small_body,
          query_enrollments, false, false, Face::enrollments},
    Route{Method::post, "/enrollments/{id}/attestationmechanism", Operation::enrollment_keys_read,
          no_body, get_attestation, false, false, Face::enrollments},
    Route{Method::get, "/enrollmentGroups/{id}", Operation::enrollment_read, no_body,
          get_enrollment, false, false, Face::enrollment_groups},
    Route{Method::put, "/enrollmentGroups/{id}", Operation::enrollment_write, large_body,
          put_enrollment, false, false, Face::enrollment_groups},
    Route{Method::remove, "/enrollmentGroups/{id}", Operation::enrollment_write, no_body,
          delete_enrollment, false, false, Face::enrollment_groups},
    Route{Method::post, "/enrollmentGroups", Operation::enrollment_write, large_body,
          bulk_enrollments, false, false, Face::enrollment_groups},
    Route{Method::post, "/enrollmentGroups/query", Operation::enrollment_read, small_body,
          query_enrollments, false, false, Face::enrollment_groups},
    Route{Method::post, "/enrollmentGroups/{id}/attestationmechanism",
          Operation::enrollment_keys_read, no_body, get_attestation, false, false,
          Face::enrollment_groups},
    Route{Method::get, "/registrations/{id}", Operation::registration_read, no_body,
          get_registration, false, false, Face::registrations},
    Route{Method::remove, "/registrations/{id}", Operation::registration_delete, no_body,
          delete_registration, false, false, Face::registrations},
    Route{Method::post, "/registrations/{id}/query", Operation::registration_read, small_body,
          query_registrations, false, false, Face::registrations},
    Route{Method::get, "/twinhub/provisioning", Operation::provisioning_read, no_body,
          get_provisioning, false, false, Face::provisioning},
    Route{Method::get, "/twinhub/provisioning/linkedHubs", Operation::provisioning_read, no_body,
          list_linked_hubs, false, false, Face::provisioning},
    Route{Method::get, "/twinhub/provisioning/linkedHubs/{id}", Operation::provisioning_read,
          no_body, get_linked_hub, false, false, Face::provisioning},
    Route{Method::put, "/twinhub/provisioning/linkedHubs/{id}", Operation::linked_hub_write,
          small_body, put_linked_hub, false, false, Face::provisioning},
    Route{Method::remove, "/twinhub/provisioning/linkedHubs/{id}", Operation::linked_hub_write,
          no_body, delete_linked_hub, false, false, Face::provisioning},

    Route{Method::put, "/{scope}/registrations/{id}/register", Operation::device_register,
          register_body, register_device, false, false, Face::provisioning_device},
    Route{Method::get, "/{scope}/registrations/{id}/operations/{operation}",
          Operation::device_register, no_body, get_operation, false, false,
          Face::provisioning_device},
    Route{Method::post, "/{scope}/registrations/{id}", Operation::device_register, no_body,
          look_up_registration, false, false, Face::provisioning_device},

    Route{Method::get, "/$iothub/websocket", Operation::device_connect, no_body, nullptr, true},
};

// Spec service-api 10, device-protocols 4.
constexpr std::array absences{
    Absence{"/digitaltwins/{device}", "digital twin models"},
    Absence{"/digitaltwins/{device}/commands/{any}", "digital twin models"},
    Absence{"/digitaltwins/{device}/components/{any}/commands/{any}", "digital twin models"},
};

}  // namespace

std::span<const Route> all_routes() { return table; }
std::span<const Absence> all_absences() { return absences; }

}  // namespace twinhub::gateway::http
