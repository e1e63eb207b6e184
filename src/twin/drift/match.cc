#include "twin/drift/match.h"

#include <algorithm>
#include <cmath>

namespace twinhub::twin::drift {
namespace {

bool numbers_match(const json::value& desired, const json::value& reported,
                   const Tolerance& tolerance) {
    const double d = desired.to_number<double>();
    const double r = reported.to_number<double>();
    if (d == r) return true;
    const double allowed = std::max(tolerance.absolute, std::abs(d) * tolerance.relative);
    return std::abs(d - r) <= allowed;
}

}  // namespace

bool matches(const json::value& desired, const json::value& reported, const Tolerance& tolerance) {
    if (desired.is_number())
        return reported.is_number() && numbers_match(desired, reported, tolerance);
    if (desired.kind() != reported.kind()) return false;
    if (const json::array* wanted = desired.if_array()) {
        const json::array& given = reported.get_array();
        return std::ranges::equal(*wanted, given, [&](const json::value& d, const json::value& r) {
            return matches(d, r, tolerance);
        });
    }
    if (const json::object* wanted = desired.if_object()) {
        const json::object& given = reported.get_object();
        return std::ranges::all_of(*wanted, [&](const json::key_value_pair& member) {
            const json::value* r = given.if_contains(member.key());
            return r != nullptr && matches(member.value(), *r, tolerance);
        });
    }
    return desired == reported;
}

bool matches(const Node& desired, const Node& reported, const Tolerance& tolerance) {
    if (desired.is_object() != reported.is_object()) return false;
    if (!desired.is_object()) return matches(desired.leaf(), reported.leaf(), tolerance);
    return std::ranges::all_of(desired.object().members, [&](const Member& member) {
        const Node* r = reported.find(member.key);
        return r != nullptr && matches(member.node, *r, tolerance);
    });
}

}  // namespace twinhub::twin::drift
