// Any bytes as a stored message to a device, or as its feedback: refused as damaged, or read.
#include "hub/messages/message_record.h"

#include "base/result.h"

#include <cstddef>
#include <cstdint>

namespace {

template <class Value, class Append>
void look(const twinhub::Result<Value>& value, Append append) {
    if (!value) {
        CHECK(value.error().code == twinhub::Code::corrupted);
        return;
    }
    // What was read can be written.
    std::string once;
    append(once, *value);
    CHECK(!once.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace twinhub;
    using namespace twinhub::hub;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    look(decode_message_head(bytes),
         [](std::string& out, const MessageHead& head) { append_encoded(out, head); });
    look(decode_message_body(bytes),
         [](std::string& out, const CloudMessage& body) { append_message_body(out, body); });
    look(decode_feedback(bytes),
         [](std::string& out, const StoredFeedback& feedback) { append_encoded(out, feedback); });
    if (const auto key = parse_message_key(bytes)) {
        std::string again = message_key(key->device, key->sequence);
        again[0] = bytes[0];
        CHECK(again == bytes);
    }
    return 0;
}
