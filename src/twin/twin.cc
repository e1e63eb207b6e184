#include "twin/twin.h"

#include "twin/etag.h"
#include "twin/limits.h"

namespace twinhub::twin {

std::string_view path_of(Part part) {
    switch (part) {
        case Part::tags: return "tags";
        case Part::desired: return "properties.desired";
        case Part::reported: return "properties.reported";
    }
    return {};
}

std::size_t size_max_of(Part part) {
    switch (part) {
        case Part::tags: return tags_size_max;
        case Part::desired: return desired_size_max;
        case Part::reported: return reported_size_max;
    }
    return 0;
}

const Node& Twin::part(Part which) const {
    return which == Part::tags ? tags : which == Part::desired ? desired : reported;
}

Node& Twin::part(Part which) {
    return which == Part::tags ? tags : which == Part::desired ? desired : reported;
}

std::string Twin::etag() const { return etag_text(versions.etag); }

Twin fresh(Instant created) {
    Twin twin;
    twin.desired = Node(Object::empty(), Stamp{created, 0});
    twin.reported = twin.desired;
    return twin;
}

}  // namespace twinhub::twin
