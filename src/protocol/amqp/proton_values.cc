#include "protocol/amqp/proton_values.h"

namespace twinhub::protocol::amqp {

void set(pn_condition_t* to, const Condition& why) {
    pn_condition_set_name(to, why.name.c_str());
    pn_condition_set_description(to, why.description.c_str());
    if (why.info.empty()) return;
    std::string encoded;
    append_map(encoded, why.info, Keys::symbols);
    pn_data_decode(pn_condition_info(to), encoded.data(), encoded.size());
}

Fields fields_of(pn_data_t* data) {
    if (data == nullptr || pn_data_size(data) == 0) return {};
    pn_data_rewind(data);
    const ssize_t size = pn_data_encoded_size(data);
    if (size <= 0) return {};
    std::string encoded(static_cast<std::size_t>(size), '\0');
    if (pn_data_encode(data, encoded.data(), encoded.size()) < 0) return {};
    Reader reader(encoded);
    return reader.fields().value_or(Fields{});
}

std::string text_or_empty(const char* text) { return text != nullptr ? text : ""; }

}  // namespace twinhub::protocol::amqp
