#include "credentials.h"
#include "fleet_truth.h"
#include "options.h"
#include "twin_body.h"

#include <fmt/format.h>

namespace twinhub::load {

int run_fleet(const Options& options) {
    if (options.truth) {
        fmt::print("{}\n", to_json(fleet_questions(options.devices), fleet_truth(options.devices)));
        return 0;
    }
    for (std::uint64_t number = options.first; number < options.first + options.devices; ++number)
        fmt::print("{}\n", bulk_item(number, ItemContent::twin));
    return 0;
}

int run_print_twins(const Options& options) {
    for (std::uint64_t number = options.first; number < options.first + options.devices; ++number) {
        const TwinParts twin = twin_parts(number);
        fmt::print("{}\t{}\t{}\t{}\n", device_name(number), twin.tags, twin.desired, twin.reported);
    }
    return 0;
}

}  // namespace twinhub::load
