#include "hub/slot_facts.h"

#include "base/bytes.h"
#include "store/keys.h"

namespace twinhub::hub {
namespace {

std::string slot_fact_key(Slot slot, std::string_view fact) {
    std::string text{static_cast<char>(slot >> 8), static_cast<char>(slot & 255)};
    text += fact;
    return store::metadata_key(store::Area::slot, text);
}

}  // namespace

void append_encoded(std::string& out, const Counts& counts) {
    append_varint(out, counts.enabled);
    append_varint(out, counts.disabled);
    append_varint(out, counts.modules);
}

Counts decode_counts(std::string_view bytes) {
    ByteReader reader(bytes);
    Counts counts;
    counts.enabled = reader.varint();
    counts.disabled = reader.varint();
    counts.modules = reader.varint();
    return counts;
}

std::string checkpoint_key(Slot slot) { return slot_fact_key(slot, "checkpoint"); }
std::string counts_key(Slot slot) { return slot_fact_key(slot, "counts"); }
std::string forgotten_key(Slot slot) { return slot_fact_key(slot, "forgotten"); }

}  // namespace twinhub::hub
