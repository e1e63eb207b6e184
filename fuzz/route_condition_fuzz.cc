// Any bytes as the condition and the projection of a route: refused with a place inside the text,
// or judged over a message, always the same.
#include "query/route_condition.h"

#include "base/json.h"
#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using namespace twinhub;
using namespace twinhub::query;

constexpr Instant now{std::chrono::seconds{1'772'366'400}};

struct Message {
    std::vector<std::pair<std::string, std::string>> system{{"contentType", "application/json"},
                                                            {"dt-subject", "x"}};
    std::vector<std::pair<std::string, std::string>> application{{"opType", "updateTwin"},
                                                                 {"my-flag", "7"}};
    json::value body =
        parse_json(R"({"version":6,"a":{"B":[1,"x",{"c":null}]},"at":{"lat":1,"lon":2}})").value();
    json::object twin = parse_json(R"({"tags":{"site":"EU"},"properties":{"desired":{"fw":"2"}}})")
                            .value()
                            .as_object();
};

void check_error(const QueryError& error, std::size_t size) {
    CHECK(error.offset <= size && error.line >= 1 && error.column >= 1 && !error.message.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    static const Message message;
    const RoutedMessage view{.system = message.system,
                             .application = message.application,
                             .body = &message.body,
                             .twin = &message.twin};
    if (const auto condition = RouteCondition::compile(text)) {
        CHECK(condition->judge(view, now) == condition->judge(view, now));
        (void)condition->judge({}, now);
    } else {
        check_error(condition.error(), size);
    }
    if (const auto projection = RouteProjection::compile(text)) {
        CHECK(projection->apply({}).size() <= projection->apply(view).size());
    } else {
        check_error(projection.error(), size + 16);
    }
    return 0;
}
