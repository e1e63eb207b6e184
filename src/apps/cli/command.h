#pragma once

#include "base/json.h"
#include "base/result.h"

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::apps {
struct Config;
class ServiceClient;
}  // namespace twinhub::apps

namespace twinhub::apps::cli {

// How many values an option takes. `flag` alone means true; `--ee false` says no. `none` is true
// when it is there.
enum class Takes : std::uint8_t { one, flag, none, many };

// An option of a command: a row of its table. Names are those of `az iot hub` (spec service-api
// 13).
struct Option {
    std::string name;         // "device-id"
    std::string other_names;  // "-d", or "--ee"
    std::string about;
    Takes takes = Takes::one;
    bool required = false;
    std::string fallback;  // shown in the help; the value when the option is absent
    std::string choices;   // "primary|secondary"; empty = anything
    std::string in_place;  // what the help calls its value when the name may be left out
};

// What the user gave for a command's options.
class Arguments {
public:
    void set(const std::string& name, std::vector<std::string> values) {
        values_[name] = std::move(values);
    }
    void set_fallback(const std::string& name, std::string value) {
        fallbacks_[name] = std::move(value);
    }

    bool has(const std::string& name) const {
        return values_.contains(name);
    }  // given, not by fallback
    std::string text(const std::string& name) const;  // empty when absent
    std::vector<std::string> list(const std::string& name) const;
    bool flag(const std::string& name) const;
    const std::map<std::string, std::vector<std::string>>& given() const { return values_; }

private:
    std::map<std::string, std::vector<std::string>> values_;
    std::map<std::string, std::string> fallbacks_;
};

// What the program stands on, so that a test can stand in for it.
struct Surroundings {
    std::ostream& out;
    std::ostream& err;
    std::function<const char*(const char*)> variable;  // getenv
    std::function<int(const Config&)> serve;           // runs the server until it is told to stop
};

// How a command ended. Wrong usage is told apart from what the server refused.
enum class Exit : int { good = 0, refused = 1, usage = 2 };

class Context;
struct Outcome;

// One command: words, options, and what it does.
struct Command {
    std::string words;  // "device-twin show"
    std::string about;
    std::vector<Option> options;
    std::function<Outcome(Context&)> run;
    bool talks_to_hub = true;  // has the common options: --login, --hub-name, ...
};

// A column of `--output table`: "DeviceId" from "deviceId", "IotEdge" from "capabilities.iotEdge".
struct Column {
    std::string title;
    std::string path;
};

// The answer of a command: a value to print in the format that the user asked for, or text, or why
// not.
struct Outcome {
    std::optional<json::value> value;
    std::vector<Column> columns;  // for tables; none = all scalar members
    std::string text;             // printed as it is
    Exit exit = Exit::good;
    std::string problem;  // for `refused` and `usage`

    static Outcome of(json::value value, std::vector<Column> columns = {}) {
        return {.value = std::move(value), .columns = std::move(columns)};
    }
    static Outcome print(std::string text) { return {.text = std::move(text)}; }
    static Outcome nothing() { return {}; }
    static Outcome usage(std::string problem) {
        return {.exit = Exit::usage, .problem = std::move(problem)};
    }
    static Outcome refused(const Error& error) {
        return {.exit = Exit::refused, .problem = error.message};
    }
};

const std::vector<Command>& commands();

// The whole program: 0, 1 (refused) or 2 (usage).
int run(std::span<const std::string> arguments, const Surroundings& surroundings);

}  // namespace twinhub::apps::cli
