#pragma once

#include "query/plan.h"
#include "query/value.h"

#include <optional>
#include <span>

// Places on a sphere of radius 6371008.8 m (spec query-language 11).
namespace twinhub::query {

// Of an object with lat and lon, latitude and longitude, or of a GeoJSON Point. Nothing for
// anything else, and for degrees that do not exist.
std::optional<GeoPoint> geo_point(const Value& value);
std::optional<GeoPoint> geo_point(double latitude, double longitude);

double distance_metres(const GeoPoint& a, const GeoPoint& b);

// Even-odd, in the plane of degrees; the last corner joins the first. Edges do not cross the
// antimeridian.
bool is_within(const GeoPoint& point, std::span<const GeoPoint> polygon);

}  // namespace twinhub::query
