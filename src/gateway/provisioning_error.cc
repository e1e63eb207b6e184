#include "gateway/provisioning_error.h"

#include "base/json.h"
#include "gateway/wire_status.h"

#include <array>

namespace twinhub::gateway {
namespace {

// The same code of different subjects, in the order of Subject. 0 = as in the hub's own table.
struct Row {
    Code code;
    std::array<std::uint32_t, 5> numbers;
};
constexpr std::array rows{
    Row{Code::unauthorized, {401000, 0, 0, 0, 0}},
    Row{Code::not_found, {404000, 404201, 404204, 404202, 404000}},
    Row{Code::device_already_exists, {409000, 409201, 409202, 409000, 409000}},
    Row{Code::too_many_devices, {429001, 400205, 400205, 400205, 400205}},
    Row{Code::device_defined_multiple_times, {400206, 400206, 400206, 400206, 400206}},
    Row{Code::message_too_large, {413000, 413000, 413000, 413000, 413000}},
    Row{Code::internal, {500000, 500000, 500000, 500000, 500000}},
    Row{Code::corrupted, {500000, 500000, 500000, 500000, 500000}},
    Row{Code::unavailable, {503000, 503000, 503000, 503000, 503000}},
    Row{Code::format_invalid, {400004, 400004, 400004, 400004, 400004}},
    Row{Code::argument_null, {400004, 400004, 400004, 400004, 400004}},
};

// Members that have a number of their own when they are wrong.
struct Member {
    std::string_view where;
    std::uint32_t number;
};
constexpr std::array members{
    Member{"attestation.tpm.endorsementKey", 400201},
    Member{"registrationId", 400202},
    Member{"attestation.tpm.storageRootKey", 400203},
    Member{"enrollmentGroupId", 400204},
};

std::string text_of(const Error& error) {
    switch (error.code) {
        case Code::unauthorized: return "Unauthorized";
        case Code::internal:
        case Code::corrupted: return "The server could not complete the request";
        default:
            return error.where.empty() ? error.message
                                       : error.message + " (at " + error.where + ")";
    }
}

}  // namespace

std::uint32_t provisioning_number(const Error& error, Subject subject) {
    if (error.code == Code::argument_invalid && subject != Subject::device)
        for (const Member& member : members)
            if (member.where == error.where) return member.number;
    for (const Row& row : rows)
        if (row.code == error.code)
            if (const std::uint32_t number = row.numbers[static_cast<std::size_t>(subject)])
                return number;
    return wire_status(error.code).number;
}

std::string provisioning_error(const Error& error, Subject subject, Random& random, Instant now) {
    std::string body = R"({"errorCode":)";
    append_json_number(body, std::uint64_t{provisioning_number(error, subject)});
    body += R"(,"trackingId":)";
    append_json_string(body, random.uuid());
    body += R"(,"message":)";
    append_json_string(body, text_of(error));
    body += R"(,"timestampUtc":)";
    append_json_string(body, format_instant(now));
    body += '}';
    return body;
}

}  // namespace twinhub::gateway
