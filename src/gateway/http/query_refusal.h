#pragma once

#include "gateway/http/reply.h"
#include "query/query_error.h"

#include <string>

// How a query that is not answered is told (spec query-language 10).
namespace twinhub::gateway::http {

// The member `queryError`, with a comma in front.
void append_query_error(std::string& out, const query::QueryError& error);

// Each puts into `reply` what goes with the error that it gives: `queryError`, `Retry-After`, and
// `partial`, which is always false: half an answer is none.
Error query_refused(Reply& reply, const query::QueryError& error);
Error continuation_refused(Reply& reply, std::string message);
// `error` as the hub gave it; `continued`: it was asked for a further page.
Error query_not_answered(Reply& reply, Error error, bool continued);

}  // namespace twinhub::gateway::http
