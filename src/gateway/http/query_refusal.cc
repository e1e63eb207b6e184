#include "gateway/http/query_refusal.h"

#include "base/json.h"

namespace twinhub::gateway::http {
namespace {

void append_number(std::string& out, std::string_view name, std::uint32_t number) {
    out += ",\"";
    out += name;
    out += "\":";
    append_json_number(out, std::uint64_t{number});
}

void append_text(std::string& out, std::string_view name, std::string_view text) {
    out += ",\"";
    out += name;
    out += "\":";
    append_json_string(out, text);
}

}  // namespace

void append_query_error(std::string& out, const query::QueryError& error) {
    out += R"(,"queryError":{"kind":)";
    append_json_string(out, query::to_text(error.kind));
    append_number(out, "offset", error.offset);
    append_number(out, "line", error.line);
    append_number(out, "column", error.column);
    append_text(out, "near", error.near);
    append_text(out, "hint", error.hint);
    out += '}';
}

Error query_refused(Reply& reply, const query::QueryError& error) {
    append_query_error(reply.error_members, error);
    return query::to_error(error);
}

Error continuation_refused(Reply& reply, std::string message) {
    append_query_error(reply.error_members, {.kind = query::ErrorKind::bad_continuation,
                                             .message = {},
                                             .near = {},
                                             .hint = "begin the query again"});
    return {Code::argument_invalid, std::move(message), "x-ms-continuation"};
}

Error query_not_answered(Reply& reply, Error error, bool continued) {
    switch (error.code) {
        case Code::argument_invalid:
            return continued ? continuation_refused(reply, std::move(error.message)) : error;
        case Code::throttled:
            if (!error.where.empty()) reply.add_field("Retry-After", error.where);
            error.where.clear();
            return error;
        case Code::timeout:  // 503 here, where a device would read 400
        case Code::unavailable:
            reply.error_members += R"(,"partial":false)";
            error.code = Code::unavailable;
            return error;
        default: return error;
    }
}

}  // namespace twinhub::gateway::http
