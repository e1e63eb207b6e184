#include "protocol/amqp/message.h"

#include <fmt/format.h>

namespace twinhub::protocol::amqp {
namespace {

enum Section : std::uint64_t {
    header = 0x70,
    delivery_annotations = 0x71,
    message_annotations = 0x72,
    properties = 0x73,
    application_properties = 0x74,
    data = 0x75,
    sequence = 0x76,
    amqp_value = 0x77,
    footer = 0x78,
};

std::unexpected<Error> malformed(const char* what) {
    return failure(Code::format_invalid, std::string("The AMQP message is malformed: ") + what);
}

// Reads a list's items one by one; what the sender left away is null.
class Items {
public:
    explicit Items(const Reader::Items& items) : reader_(items.bytes), left_(items.count) {}

    Result<Value> next() {
        if (left_ == 0) return Value{};
        --left_;
        return reader_.value();
    }
    Result<std::optional<std::string>> text() {
        TRY(Value value, next());
        if (value.is_null()) return std::nullopt;
        if (!text_of(value)) return malformed("a text expected");
        return std::move(value.bytes);
    }
    Result<std::optional<std::int64_t>> time() {
        TRY(const Value value, next());
        if (value.is_null()) return std::nullopt;
        if (value.type != Type::timestamp) return malformed("a time expected");
        return static_cast<std::int64_t>(value.number);
    }

private:
    Reader reader_;
    std::size_t left_;
};

Result<> read_header(Reader& reader, Message& message) {
    TRY(const Reader::Items list, reader.list());
    Items items(list);
    TRY([[maybe_unused]] const Value durable, items.next());
    TRY([[maybe_unused]] const Value priority, items.next());
    TRY(const Value ttl, items.next());
    if (const auto number = integer_of(ttl)) message.ttl = static_cast<std::uint32_t>(*number);
    TRY([[maybe_unused]] const Value first_acquirer, items.next());
    TRY(const Value count, items.next());
    message.delivery_count = static_cast<std::uint32_t>(integer_of(count).value_or(0));
    return {};
}

Result<> read_properties(Reader& reader, Message& message) {
    TRY(const Reader::Items list, reader.list());
    Items items(list);
    TRY(message.message_id, items.next());
    TRY(Value user_id, items.next());
    message.user_id = std::move(user_id.bytes);
    TRY(message.to, items.text());
    TRY(message.subject, items.text());
    TRY(message.reply_to, items.text());
    TRY(message.correlation_id, items.next());
    TRY(message.content_type, items.text());
    TRY(message.content_encoding, items.text());
    TRY(message.absolute_expiry, items.time());
    TRY(message.creation_time, items.time());
    return {};
}

void put_section(std::string& out, Section section) {
    out += '\0';
    append(out, Value::of_ulong(section));
}

// A list whose trailing nulls are left away.
class List {
public:
    void add(const Value& value) {
        append(items_, value);
        ++count_;
        if (!value.is_null()) {
            kept_ = items_.size();
            kept_count_ = count_;
        }
    }
    void add(const std::optional<std::string>& text) {
        add(text ? Value::of_string(*text) : Value{});
    }
    void add(const std::optional<std::int64_t>& time) {
        add(time ? Value::of_timestamp(*time) : Value{});
    }
    bool empty() const { return kept_count_ == 0; }
    void append_to(std::string& out) const {
        append_list(out, std::string_view(items_).substr(0, kept_), kept_count_);
    }

private:
    std::string items_;
    std::size_t count_ = 0;
    std::size_t kept_ = 0;
    std::size_t kept_count_ = 0;
};

}  // namespace

std::string Message::body() const {
    if (value) return shown(*value).value_or("");
    std::string all;
    for (const std::string& section : data) all += section;
    return all;
}

Result<Message> decode_message(std::string_view bytes, std::size_t values_max) {
    Message message;
    Reader reader(bytes, values_max);
    while (!reader.at_end()) {
        TRY(const std::uint64_t section, reader.descriptor());
        switch (section) {
            case header: TRY_VOID(read_header(reader, message)); break;
            case message_annotations: {
                TRY(message.annotations, reader.fields());
                break;
            }
            case properties: TRY_VOID(read_properties(reader, message)); break;
            case application_properties: {
                TRY(message.application_properties, reader.fields());
                break;
            }
            case data: {
                TRY(Value section_data, reader.value());
                if (section_data.type != Type::binary) return malformed("data that is not binary");
                message.data.push_back(std::move(section_data.bytes));
                break;
            }
            case amqp_value: {
                TRY(message.value, reader.value());
                break;
            }
            case delivery_annotations:
            case sequence:
            case footer: {
                TRY([[maybe_unused]] const std::string_view over, reader.skip());
                break;
            }
            default: return malformed("an unknown section");
        }
    }
    return message;
}

void append_message(std::string& out, const Message& message) {
    if (message.ttl || message.delivery_count != 0) {
        List list;
        list.add(Value{});
        list.add(Value{});
        list.add(message.ttl ? Value::of_uint(*message.ttl) : Value{});
        list.add(Value{});
        list.add(Value::of_uint(message.delivery_count));
        put_section(out, header);
        list.append_to(out);
    }
    if (!message.annotations.empty()) {
        put_section(out, message_annotations);
        append_map(out, message.annotations, Keys::symbols);
    }
    List list;
    list.add(message.message_id);
    list.add(message.user_id.empty() ? Value{} : Value::of_binary(message.user_id));
    list.add(message.to);
    list.add(message.subject);
    list.add(message.reply_to);
    list.add(message.correlation_id);
    list.add(message.content_type ? Value::of_symbol(*message.content_type) : Value{});
    list.add(message.content_encoding ? Value::of_symbol(*message.content_encoding) : Value{});
    list.add(message.absolute_expiry);
    list.add(message.creation_time);
    if (!list.empty()) {
        put_section(out, properties);
        list.append_to(out);
    }
    if (!message.application_properties.empty()) {
        put_section(out, application_properties);
        append_map(out, message.application_properties, Keys::strings);
    }
    if (message.value) {
        put_section(out, amqp_value);
        append(out, *message.value);
    }
    for (const std::string& section : message.data) {
        put_section(out, data);
        append(out, Value::of_binary(section));
    }
}

}  // namespace twinhub::protocol::amqp
