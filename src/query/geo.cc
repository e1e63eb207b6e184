#include "query/geo.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace twinhub::query {
namespace {

constexpr double earth_radius_metres = 6371008.8;

std::optional<double> number_of(const json::object& object, std::string_view key) {
    const json::value* member = object.if_contains(key);
    if (!member || !member->is_number()) return {};
    return Value::of(*member).number();
}

}  // namespace

std::optional<GeoPoint> geo_point(double latitude, double longitude) {
    if (!(std::abs(latitude) <= 90) || !(std::abs(longitude) <= 180)) return {};
    return GeoPoint{latitude, longitude};
}

std::optional<GeoPoint> geo_point(const Value& value) {
    if (!value.is(Type::object) || !value.tree()) return {};
    const json::object& object = value.tree()->get_object();
    for (const auto& [first, second] : {std::pair{"lat", "lon"}, {"latitude", "longitude"}}) {
        const auto latitude = number_of(object, first), longitude = number_of(object, second);
        if (latitude && longitude) return geo_point(*latitude, *longitude);
    }
    const json::value *type = object.if_contains("type"), *at = object.if_contains("coordinates");
    if (!type || *type != "Point" || !at || !at->is_array()) return {};
    const json::array& coordinates = at->get_array();  // longitude first, an altitude may follow
    if (coordinates.size() < 2 || !coordinates[0].is_number() || !coordinates[1].is_number())
        return {};
    return geo_point(Value::of(coordinates[1]).number(), Value::of(coordinates[0]).number());
}

// The haversine formula: exact for near points, too.
double distance_metres(const GeoPoint& a, const GeoPoint& b) {
    constexpr double radians = std::numbers::pi / 180;
    const double half_height = std::sin((b.latitude - a.latitude) * radians / 2);
    const double half_width = std::sin((b.longitude - a.longitude) * radians / 2);
    const double square = half_height * half_height + std::cos(a.latitude * radians) *
                                                          std::cos(b.latitude * radians) *
                                                          half_width * half_width;
    return 2 * earth_radius_metres * std::asin(std::sqrt(std::min(1.0, square)));
}

bool is_within(const GeoPoint& point, std::span<const GeoPoint> polygon) {
    bool inside = false;
    for (std::size_t i = 0, before = polygon.size() - 1; i < polygon.size(); before = i++) {
        const GeoPoint &a = polygon[before], &b = polygon[i];
        if ((a.latitude > point.latitude) == (b.latitude > point.latitude)) continue;
        const double crossing = a.longitude + (point.latitude - a.latitude) *
                                                  (b.longitude - a.longitude) /
                                                  (b.latitude - a.latitude);
        if (point.longitude < crossing) inside = !inside;
    }
    return inside;
}

}  // namespace twinhub::query
