// What the hub keeps of the fleet over time and of events that wait: any bytes as such a record.
#include "base/result.h"
#include "hub/events/stored_event.h"
#include "hub/series/reading.h"
#include "hub/series/sample.h"
#include "store/record.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace twinhub;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);

    if (const auto key = hub::parse_series_key(bytes))
        (void)hub::series_number(key->level, Instant());
    if (const auto condition = hub::series_condition(bytes))
        CHECK(!condition->path.keys.empty() && !condition->key.empty());
    const std::string key = hub::series_key(hub::SeriesLevel::minute, "tags.site", 7);
    const auto sample =
        hub::open_sample(key, store::sealed(store::Kind::series, hub::series_format, key, bytes));
    if (sample) {
        CHECK(hub::open_sample(key, hub::sealed_sample(key, *sample)) == *sample);
        hub::SeriesSample later = *sample;
        later.follow(*sample);
        CHECK(later.groups.size() <= sample->groups.size());
    } else {
        CHECK(sample.error().code == Code::corrupted);
    }

    const std::string number = hub::event_key(7);
    const auto event =
        hub::open_event(number, store::sealed(store::Kind::passing_event, 1, number, bytes));
    if (event) {
        const std::string again = hub::sealed_event(number, *event);
        CHECK(hub::sealed_event(number, hub::open_event(number, again).value()) == again);
    } else {
        CHECK(event.error().code == Code::corrupted);
    }
    return 0;
}
