#pragma once

#include "drive.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace twinhub::load {

// One line of JSON, built member by member.
class JsonLine {
public:
    JsonLine& add(std::string_view name, double value);
    JsonLine& add(std::string_view name, std::uint64_t value);
    JsonLine& add(std::string_view name, std::string_view value);
    JsonLine& add(std::string_view name, const std::map<std::string, std::uint64_t>& counts);
    // p50, p90, p99, p99.9 and max in milliseconds; nothing when empty.
    JsonLine& add(std::string_view name, const Histogram& latencies);
    // Operations, rate, latencies, refusals and CPU an operation.
    JsonLine& add(const Measured& measured);
    JsonLine& add_json(std::string_view name, std::string_view json);
    void print() const;  // to standard output

private:
    void name(std::string_view name);
    std::string text_;
};

}  // namespace twinhub::load
