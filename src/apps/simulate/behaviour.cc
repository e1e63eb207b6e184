#include "apps/simulate/behaviour.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace twinhub::apps {
namespace {

constexpr int slow_factor = 20;
constexpr double setpoint_min = 5, setpoint_max = 35;  // degrees Celsius

std::optional<double> number_of(const json::value& value) {
    if (value.is_double()) return value.get_double();
    if (value.is_int64()) return static_cast<double>(value.get_int64());
    if (value.is_uint64()) return static_cast<double>(value.get_uint64());
    return std::nullopt;
}

json::object answer(const json::value& value, int code, std::uint64_t version,
                    std::string_view words) {
    return {{"value", value}, {"ac", code}, {"av", version}, {"ad", words}};
}

}  // namespace

Character character_of(std::size_t number, const Shares& shares, std::uint64_t seed) {
    std::mt19937_64 chance(seed * 1'000'003 + number);
    const double drawn = std::uniform_real_distribution<double>(0, 1)(chance);
    if (drawn < shares.refuse) return Character::refusing;
    if (drawn < shares.refuse + shares.offline) return Character::wandering;
    if (drawn < shares.refuse + shares.offline + shares.late) return Character::late;
    return Character::prompt;
}

Sensor::Sensor(Character character, std::uint64_t seed) : character_(character), chance_(seed) {
    // After a season nobody knows which firmware runs where.
    static constexpr std::string_view found[] = {"1.8.2", "1.9.0", "1.9.4"};
    actual_["firmware"] = found[chance_() % std::size(found)];
    actual_["mode"] = "auto";
    actual_["setpoint"] = 21;
    battery_ = std::uniform_real_distribution<double>(55, 100)(chance_);
}

bool Sensor::load(const json::object& twin) {
    // What it reported before it was switched off is still in effect.
    if (const json::value* reported = twin.if_contains("reported");
        reported && reported->is_object()) {
        for (auto& [name, value] : actual_) {
            const json::value* last = reported->get_object().if_contains(name);
            if (last && last->is_object() && last->get_object().contains("value"))
                value = last->get_object().at("value");
        }
    }
    const json::value* desired = twin.if_contains("desired");
    if (!desired || !desired->is_object()) return false;
    version_ = 0;  // the whole document counts, whatever was seen before
    return want(desired->get_object());
}

bool Sensor::want(const json::object& patch) {
    const json::value* version = patch.if_contains("$version");
    const auto number = version ? number_of(*version) : std::nullopt;
    if (!number || *number <= static_cast<double>(version_)) return false;
    version_ = static_cast<std::uint64_t>(*number);
    for (const auto& [name, value] : patch) {
        if (name.starts_with('$')) continue;
        if (value.is_null()) wanted_.erase(name);
        else wanted_[name] = value;
    }
    return !wanted_.empty();
}

std::optional<json::object> Sensor::begin() const {
    if (character_ != Character::late) return std::nullopt;
    json::object report;
    for (const auto& [name, value] : wanted_) {
        const json::value* now = actual_.if_contains(name);
        report[name] = answer(now ? *now : json::value(nullptr), 202, version_, "in progress");
        if (!now) report[name].get_object().erase("value");
    }
    return report;
}

json::object Sensor::acknowledge(std::string_view name, const json::value& wish) {
    const json::value* before = actual_.if_contains(name);
    const json::value now = before ? *before : json::value("unset");
    if (name == "firmware" && character_ == Character::refusing && wish != now) {
        ++refused_;
        return answer(now, 400, version_, "not enough flash memory on this board");
    }
    if (name == "setpoint") {
        const auto degrees = number_of(wish);
        if (!degrees || *degrees < setpoint_min || *degrees > setpoint_max) {
            ++refused_;
            return answer(
                now, 400, version_,
                fmt::format("setpoint must be a number from {} to {}", setpoint_min, setpoint_max));
        }
    }
    actual_[name] = wish;
    return answer(wish, 200, version_, wish == now ? "in effect already" : "applied");
}

json::object Sensor::apply() {
    json::object report;
    for (const auto& [name, wish] : wanted_) report[name] = acknowledge(name, wish);
    if (wanted_.contains("firmware") || wanted_.contains("mode"))
        report["calibration"] = json::object{
            {"offset", std::round(std::uniform_real_distribution<double>(-40, 40)(chance_)) / 100},
            {"good", true}};
    wanted_.clear();
    return report;
}

json::object Sensor::first_report() {
    json::object report;
    for (const auto& [name, value] : actual_)
        report[name] = answer(value, 203, 0, "found at start");
    report["calibration"] = json::object{{"offset", 0.0}, {"good", false}};
    report["battery"] = std::round(battery_ * 10) / 10;
    return report;
}

json::object Sensor::pulse() {
    battery_ -= std::uniform_real_distribution<double>(0, 0.3)(chance_);
    if (battery_ < 5) battery_ = 100;  // somebody changed it
    return {{"battery", std::round(battery_ * 10) / 10}};
}

std::chrono::milliseconds Sensor::around(std::chrono::milliseconds typical) {
    const auto half = typical.count() / 2;
    return std::chrono::milliseconds(
        half + std::uniform_int_distribution<std::int64_t>(0, 2 * half + 1)(chance_));
}

std::chrono::milliseconds Sensor::delay(std::chrono::milliseconds typical) {
    return around(character_ == Character::late ? typical * slow_factor : typical);
}

}  // namespace twinhub::apps
