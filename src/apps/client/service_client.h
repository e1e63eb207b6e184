#pragma once

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "gateway/tls/client.h"
#include "protocol/sas/connection_string.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::apps {

using protocol::sas::ConnectionString;

// The hub as an operator's tool sees it.
struct Target {
    ConnectionString connection;  // of a policy
    gateway::ServerEndpoint endpoint;
    std::string ca_file;  // empty = the system's certificates
};

struct ServiceRequest {
    std::string method = "GET";
    std::string path;  // escaped, with a query if any: "/twins/dev%231", "/devices?top=5"
    std::optional<json::value> body;
    std::string if_match;  // as it goes on the wire, with quotes; empty = none
    std::vector<std::pair<std::string, std::string>> headers;
    std::chrono::seconds within{60};  // for each step of the answer
    std::string authorization{};      // instead of the policy's token; empty = that
};

struct ServiceResponse {
    int status = 0;
    std::string body;
    std::string continuation;  // x-ms-continuation; empty = the last page
    std::string retry_after;   // seconds; empty = the server did not say
    std::string etag;          // without quotes; empty = none
    // What is `iothub-...`, names in lower case.
    std::vector<std::pair<std::string, std::string>> fields{};
};

// A question to the fleet.
struct FleetQuery {
    std::string text;
    std::uint64_t top = 0;  // at most so many rows; 0 = all
    std::string dialect;    // azure or extended; empty = the server's own
};

// The REST API of the hub (spec service-api), one request at a time over one kept connection.
// Blocks.
class ServiceClient {
public:
    ServiceClient(Target target, const Clock& clock);
    ~ServiceClient();

    // Any answer of the server. Errors: unavailable, unauthorized (TLS), timeout.
    Result<ServiceResponse> send(const ServiceRequest& request);

    // The JSON of a 2xx answer (null when there is no body). Errors: as send, and what the server
    // says, worded "DeviceNotFound: dev-01".
    Result<json::value> call(const ServiceRequest& request);

    // Hands over the answer page by page until it ends or `take` says false. Once it has begun, a
    // server that is asked too much in too short a time is given the time it wants.
    Result<> query(const FleetQuery& query, const std::function<bool(json::array rows)>& take);
    // All of it at once.
    Result<json::array> query(const FleetQuery& query);

    // Hands over every line of an answer that does not end, until `take` says false; empty lines
    // only show that the server is there. Ends well when none came for `quiet_max` (0 = for ever).
    // Errors: as call; unavailable also when the server ends it.
    Result<> stream(const ServiceRequest& request,
                    const std::function<bool(std::string_view line)>& take,
                    std::chrono::seconds quiet_max = {});

    const Target& target() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// "DeviceNotFound: dev-01" from an error body (spec service-api 3.1).
Error error_of(const ServiceResponse& response);

}  // namespace twinhub::apps
