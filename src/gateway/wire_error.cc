#include "gateway/wire_error.h"

#include "base/json.h"

namespace twinhub::gateway {

std::string device_error(const Error& error, Random& random, Instant now) {
    const std::string time = format_instant(now);
    std::string body = "{\"errorCode\":";
    append_json_number(body, std::uint64_t{wire_status(error.code).number});
    body += ",\"trackingId\":";
    append_json_string(body, random.hex(16) + "-G:0-TimeStamp:" + time);
    body += ",\"message\":";
    append_json_string(
        body, error.where.empty() ? error.message : error.message + " (at " + error.where + ")");
    body += ",\"timestampUtc\":";
    append_json_string(body, time);
    body += '}';
    return body;
}

}  // namespace twinhub::gateway
