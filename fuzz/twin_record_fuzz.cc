// Any bytes as a stored twin or change: refused as damaged, or read back to the same bytes.
#include "base/result.h"
#include "twin/codec.h"
#include "twin/flat_twin.h"
#include "twin/view.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace twinhub;
    using namespace twinhub::twin;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);

    const auto twin = decode_twin(bytes);
    if (twin) {
        std::string again;
        append_encoded(again, *twin);
        CHECK(again == bytes);
        std::string view;
        append_service_view(view, {.device_id = "d"}, *twin);
    } else {
        CHECK(twin.error().code == Code::corrupted);
    }
    FlatTwin flat;
    const Result<> read = decode_flat(bytes, flat);
    CHECK(read.has_value() == twin.has_value());
    if (!read) CHECK(read.error().where == twin.error().where);

    const auto change = decode_change(bytes);
    if (change) {
        std::string again;
        append_encoded(again, *change);
        CHECK(again == bytes);
        Twin other = fresh(never);  // a change that belongs to another twin must do no harm
        other.versions = change->before;
        (void)redo(other, *change);
        other.versions = change->after;
        if (const auto former = undo(other, *change)) (void)touched_leaves(*former, other, *change);
    } else {
        CHECK(change.error().code == Code::corrupted);
    }
    return 0;
}
