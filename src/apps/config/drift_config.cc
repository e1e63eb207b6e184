#include "apps/config/drift_config.h"

#include "apps/config/settings.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace twinhub::apps {
namespace {

using twin::drift::Glob;
using twin::drift::Override;
using twin::drift::Policy;
using twin::drift::Tolerance;

auto refuse(std::string message) { return failure(Code::argument_invalid, std::move(message)); }

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    while (true) {
        const std::size_t from = text.find_first_not_of(' ');
        if (from == std::string_view::npos) return words;
        text.remove_prefix(from);
        const std::size_t end = std::min(text.find(' '), text.size());
        words.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
}

Result<bool> flag_of(std::string_view text) {
    if (text == "true") return true;
    if (text == "false") return false;
    return refuse(fmt::format("must be true or false, not '{}'", text));
}

Result<Ticks> time_of(std::string_view text) {
    const auto milliseconds = parse_duration(text);
    constexpr std::uint64_t century = 36'500ULL * 24 * 60 * 60 * 1000;
    if (!milliseconds || *milliseconds > century)
        return refuse(fmt::format("must be a time with a unit (ms, s, m, h, d), not '{}'", text));
    return std::chrono::duration_cast<Ticks>(std::chrono::milliseconds(*milliseconds));
}

Result<> assign(Override& one, std::string_view name, std::string_view value) {
    const auto take = [](auto& field, auto read) -> Result<> {
        TRY(field, std::move(read));
        return {};
    };
    if (name == "tracked") return take(one.tracked, flag_of(value));
    if (name == "pending_timeout") return take(one.pending_timeout, time_of(value));
    if (name == "tolerance") return take(one.tolerance, parse_tolerance(value));
    if (name == "fresh_for") return take(one.fresh_for, time_of(value));
    if (name == "settle") return take(one.settle, time_of(value));
    if (name == "strict") return take(one.strict, flag_of(value));
    if (name == "edge") return take(one.edge, flag_of(value));
    if (name == "status_sibling") return take(one.status_sibling, flag_of(value));
    if (name == "document_ack") {
        one.document_ack = value;
        return {};
    }
    return refuse(fmt::format("knows no rule '{}'", name));
}

}  // namespace

Result<Tolerance> parse_tolerance(std::string_view text) {
    const bool relative = text.ends_with('%');
    const std::string_view digits = relative ? text.substr(0, text.size() - 1) : text;
    double number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(number) ||
        number < 0)
        return refuse(fmt::format("must be a number like 0.5, or 1%, not '{}'", text));
    return relative ? Tolerance{.absolute = 0, .relative = number / 100}
                    : Tolerance{.absolute = number, .relative = 0};
}

Result<Override> parse_override(std::string_view text) {
    const std::size_t colon = text.find(": ");
    if (colon == std::string_view::npos)
        return refuse(fmt::format("must be like 'camera.**: pending_timeout=30m', not '{}'", text));
    Override one;
    bool has_paths = false;
    for (const std::string_view word : words_of(text.substr(0, colon))) {
        const std::size_t equals = word.find('=');
        if (word.starts_with("tags.") && equals != std::string_view::npos) {
            if (one.tag) return refuse(fmt::format("names two tags in '{}'", text));
            const std::string value(word.substr(equals + 1));
            auto parsed = parse_json(value);
            one.tag = Override::TagIs{std::string(word.substr(5, equals - 5)),
                                      parsed ? std::move(*parsed) : json::value(value)};
        } else {
            if (std::exchange(has_paths, true))
                return refuse(fmt::format("names two patterns of paths in '{}'", text));
            TRY(one.paths, Glob::parse(word));
        }
    }
    const auto rules = words_of(text.substr(colon + 2));
    if (rules.empty()) return refuse(fmt::format("says nothing about '{}'", text));
    for (const std::string_view rule : rules) {
        const std::size_t equals = rule.find('=');
        if (equals == std::string_view::npos)
            return refuse(fmt::format("must have rules like strict=true, not '{}'", rule));
        if (auto done = assign(one, rule.substr(0, equals), rule.substr(equals + 1)); !done)
            return refuse(fmt::format("'{}': {}", rule, done.error().message));
    }
    return one;
}

Result<Policy> drift_policy(const Config& config) {
    const auto of = [](std::string_view setting, const Error& error) {
        return refuse(fmt::format("{}: {}", setting, error.message));
    };
    Policy policy;
    policy.property.pending_timeout =
        std::chrono::duration_cast<Ticks>(config.drift_pending_timeout);
    const auto tolerance = parse_tolerance(config.drift_tolerance);
    if (!tolerance) return of("drift.tolerance", tolerance.error());
    policy.property.tolerance = *tolerance;
    policy.twin.fresh_for = std::chrono::duration_cast<Ticks>(config.drift_fresh_for);
    policy.twin.settle = std::chrono::duration_cast<Ticks>(config.drift_settle);
    policy.twin.strict = config.drift_strict;
    policy.twin.edge = config.drift_edge;
    policy.twin.status_sibling = config.drift_status_sibling;
    policy.twin.document_ack = config.drift_document_ack;
    for (const std::string& text : config.drift_exclude) {
        auto glob = Glob::parse(text);
        if (!glob) return of("drift.exclude", glob.error());
        Override& one = policy.overrides.emplace_back();
        one.paths = std::move(*glob);
        one.tracked = false;
    }
    for (const std::string& text : config.drift_overrides) {
        auto one = parse_override(text);
        if (!one) return of("drift.overrides", one.error());
        policy.overrides.push_back(std::move(*one));
    }
    if (auto checked = policy.check(); !checked) return of("drift.overrides", checked.error());
    return policy;
}

}  // namespace twinhub::apps
