// Any text as a service's or a device's update: it is refused, or everything that follows holds.
#include "base/json.h"
#include "base/result.h"
#include "twin/apply.h"
#include "twin/codec.h"
#include "twin/view.h"

#include <cstddef>
#include <cstdint>

namespace {

using namespace twinhub;
using namespace twinhub::twin;

constexpr Instant start{std::chrono::seconds{1'700'000'000}};

const Twin& base() {
    static const Twin twin = [] {
        const auto update = parse_service_update(
            R"({"tags":{"a":{"x":1},"b":[1,2]},"properties":{"desired":{"a":{"x":1,"y":{"z":"s"}},"b":2.5}}})",
            Kind::patch);
        CHECK(update);
        Twin made = fresh_with(*update, start).value();
        made.reported = made.desired.with_stamp({start, 0});
        return made;
    }();
    return twin;
}

// What must hold of every accepted write.
void check(const Applied& applied) {
    const Twin& next = applied.next;
    CHECK(redo(base(), applied.change).value() == next);
    CHECK(undo(next, applied.change).value() == base());
    (void)touched_leaves(base(), next, applied.change);
    for (const Part part : parts)
        CHECK(next.part(part).size() == value_size(next.part(part).to_json()));

    std::string bytes;
    append_encoded(bytes, next);
    CHECK(decode_twin(bytes).value() == next);
    bytes.clear();
    append_encoded(bytes, applied.change);
    CHECK(decode_change(bytes).value() == applied.change);

    std::string view;
    append_service_view(view, {.device_id = "d"}, next);
    CHECK(parse_json(view));
    view.clear();
    append_device_view(view, next);
    CHECK(parse_json(view));
    if (applied.notification) CHECK(parse_json(applied.notification->body));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const Instant now = start + std::chrono::seconds{5};
    for (const Kind kind : {Kind::patch, Kind::replace}) {
        auto update = parse_service_update(text, kind);
        if (!update) continue;
        if (const auto applied = apply(base(), std::move(*update), now)) check(*applied);
    }
    if (auto report = parse_report(text))
        if (const auto applied = apply_report(base(), std::move(*report), {}, now)) check(*applied);
    return 0;
}
