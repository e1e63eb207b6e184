#include "report.h"

#include <fmt/format.h>

#include <iterator>

namespace twinhub::load {
namespace {

double milliseconds(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e6; }

double per_operation_us(double nanoseconds, std::uint64_t operations) {
    return operations == 0 ? 0 : nanoseconds / 1e3 / static_cast<double>(operations);
}

}  // namespace

void JsonLine::name(std::string_view name) {
    fmt::format_to(std::back_inserter(text_), "{}\"{}\":", text_.empty() ? "{" : ",", name);
}

JsonLine& JsonLine::add(std::string_view member, double value) {
    name(member);
    fmt::format_to(std::back_inserter(text_), "{:.3f}", value);
    return *this;
}

JsonLine& JsonLine::add(std::string_view member, std::uint64_t value) {
    name(member);
    fmt::format_to(std::back_inserter(text_), "{}", value);
    return *this;
}

// The texts are ours or OpenSSL's: nothing in them needs escaping.
JsonLine& JsonLine::add(std::string_view member, std::string_view value) {
    name(member);
    fmt::format_to(std::back_inserter(text_), "\"{}\"", value);
    return *this;
}

JsonLine& JsonLine::add(std::string_view member,
                        const std::map<std::string, std::uint64_t>& counts) {
    if (counts.empty()) return *this;
    name(member);
    char separator = '{';
    for (const auto& [key, count] : counts) {
        fmt::format_to(std::back_inserter(text_), "{}\"{}\":{}", separator, key, count);
        separator = ',';
    }
    text_ += '}';
    return *this;
}

JsonLine& JsonLine::add(std::string_view member, const Histogram& latencies) {
    if (latencies.count() == 0) return *this;
    name(member);
    fmt::format_to(std::back_inserter(text_),
                   R"({{"p50":{:.3f},"p90":{:.3f},"p99":{:.3f},"p999":{:.3f},"max":{:.3f}}})",
                   milliseconds(latencies.quantile(0.5)), milliseconds(latencies.quantile(0.9)),
                   milliseconds(latencies.quantile(0.99)), milliseconds(latencies.quantile(0.999)),
                   milliseconds(latencies.max()));
    return *this;
}

JsonLine& JsonLine::add(const Measured& measured) {
    std::map<std::string, std::uint64_t> errors;
    for (const auto& [status, count] : measured.refused)
        errors["status " + std::to_string(status)] = count;
    if (measured.unanswered != 0) errors["unanswered"] = measured.unanswered;
    if (measured.lost != 0) errors["connections lost"] = measured.lost;
    const std::uint64_t operations = measured.operations();
    add("operations", operations);
    add("seconds", measured.seconds);
    add("per_second",
        measured.seconds > 0 ? static_cast<double>(operations) / measured.seconds : 0);
    add("patch_ms", measured.patches);
    add("get_ms", measured.gets);
    add("server_cpu_us", per_operation_us(measured.server_cpu_ns, operations));
    add("client_cpu_us", per_operation_us(measured.own_cpu_ns, operations));
    return add("errors", errors);
}

JsonLine& JsonLine::add_json(std::string_view member, std::string_view json) {
    name(member);
    text_ += json;
    return *this;
}

void JsonLine::print() const { fmt::print("{}}}\n", text_); }

}  // namespace twinhub::load
