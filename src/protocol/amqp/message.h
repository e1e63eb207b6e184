#pragma once

#include "base/result.h"
#include "protocol/amqp/limits.h"
#include "protocol/amqp/value.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::protocol::amqp {

// A bare message with its annotations (AMQP 1.0 part 3, section 3.2). What nobody sent is absent
// and is not written. The footer and the delivery annotations are read over.
struct Message {
    // header
    std::optional<std::uint32_t> ttl;  // milliseconds
    std::uint32_t delivery_count = 0;  // earlier attempts

    Fields annotations;

    // properties
    Value message_id;
    std::string user_id;
    std::optional<std::string> to;
    std::optional<std::string> subject;
    std::optional<std::string> reply_to;
    Value correlation_id;
    std::optional<std::string> content_type;
    std::optional<std::string> content_encoding;
    std::optional<std::int64_t> absolute_expiry;  // milliseconds since 1970
    std::optional<std::int64_t> creation_time;

    Fields application_properties;

    // body: data sections, or one value
    std::vector<std::string> data;
    std::optional<Value> value;

    // All data sections, or the text of the value: what a peer meant as the body.
    std::string body() const;
    friend bool operator==(const Message&, const Message&) = default;
};

// Errors: format_invalid.
Result<Message> decode_message(std::string_view bytes, std::size_t values_max = message_values_max);
void append_message(std::string& out, const Message& message);

}  // namespace twinhub::protocol::amqp
