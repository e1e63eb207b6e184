#include "gateway/http/event_stream.h"

#include "base/json.h"
#include "gateway/http/reply.h"
#include "gateway/wire_status.h"

namespace twinhub::gateway::http {

std::string framed_event(std::string_view name, std::string_view id, std::string_view data) {
    std::string text = "event: ";
    text += name;
    if (!id.empty()) {
        text += "\nid: ";
        text += id;
    }
    text += "\ndata: ";
    text += data;
    text += '\n';
    return text;
}

std::string error_data(const Error& error) {
    std::string data = R"({"error":)";
    append_json_string(data, wire_status(error.code).name);
    data += R"(,"message":)";
    append_json_string(data, error_text(error));
    return data + '}';
}

}  // namespace twinhub::gateway::http
