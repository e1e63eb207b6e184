#include "apps/config/settings.h"
#include "base/encoding.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>

namespace twinhub::apps {
namespace {

struct Unit {
    std::string_view name;
    std::uint64_t factor;
};
constexpr Unit time_units[] = {
    {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};
constexpr Unit byte_units[] = {
    {"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}, {"B", 1}, {"", 1}};

auto refuse(std::string message) { return failure(Code::argument_invalid, std::move(message)); }

// A count followed by one of the units; nothing when it is not, or does not fit.
std::optional<std::uint64_t> read_number(std::string_view text, std::span<const Unit> units) {
    std::uint64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{}) return std::nullopt;
    const std::string_view name(end, static_cast<std::size_t>(text.data() + text.size() - end));
    const auto unit = std::ranges::find(units, name, &Unit::name);
    std::uint64_t product = 0;
    if (unit == units.end() || __builtin_mul_overflow(count, unit->factor, &product))
        return std::nullopt;
    return product;
}

std::string write_number(std::uint64_t value, std::span<const Unit> units) {
    for (const Unit& unit : units)
        if (value % unit.factor == 0 && value != 0)
            return fmt::format("{}{}", value / unit.factor, unit.name);
    return fmt::format("0{}", units.back().name);
}

bool is_host_name(std::string_view text) {
    if (text.empty() || text.size() > 253) return false;
    bool label_begins = true;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (c == '.' || c == '-') {
            if (label_begins || i + 1 == text.size()) return false;
        } else if (!alphanumeric) {
            return false;
        }
        label_begins = c == '.';
    }
    return true;
}

bool is_ip_address(const std::string& text) {
    in6_addr address;
    return ::inet_pton(AF_INET, text.c_str(), &address) == 1 ||
           ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

Result<> check_text(const Setting& setting, const std::string& text) {
    if (setting.form == Form::host_name && !is_host_name(text))
        return refuse(fmt::format("must be a host name without port, not '{}'", text));
    if (setting.form == Form::ip_address && !is_ip_address(text))
        return refuse(fmt::format("must be an IPv4 or IPv6 address, not '{}'", text));
    return {};
}

std::string range_text(const Setting& setting, auto&& write) {
    if (setting.max == UINT64_MAX) return fmt::format("at least {}", write(setting.min));
    return fmt::format("{} to {}", write(setting.min), write(setting.max));
}

template <class Enum>
struct Choice {
    std::string_view name;
    Enum value;
};
constexpr Choice<LogLevel> choices(LogLevel*, std::size_t i) {
    constexpr Choice<LogLevel> all[] = {{"debug", LogLevel::debug},
                                        {"info", LogLevel::info},
                                        {"warn", LogLevel::warn},
                                        {"error", LogLevel::error}};
    return i < std::size(all) ? all[i] : Choice<LogLevel>{};
}
constexpr Choice<Log::Format> choices(Log::Format*, std::size_t i) {
    constexpr Choice<Log::Format> all[] = {{"text", Log::Format::text},
                                           {"json", Log::Format::json}};
    return i < std::size(all) ? all[i] : Choice<Log::Format>{};
}
constexpr Choice<KeyType> choices(KeyType*, std::size_t i) {
    constexpr Choice<KeyType> all[] = {
        {"ecdsa", KeyType::ecdsa}, {"rsa", KeyType::rsa}, {"both", KeyType::both}};
    return i < std::size(all) ? all[i] : Choice<KeyType>{};
}

constexpr Choice<query::Dialect> choices(query::Dialect*, std::size_t i) {
    constexpr Choice<query::Dialect> all[] = {{"azure", query::Dialect::azure},
                                              {"extended", query::Dialect::extended}};
    return i < std::size(all) ? all[i] : Choice<query::Dialect>{};
}
constexpr Choice<query::MissingCompares> choices(query::MissingCompares*, std::size_t i) {
    constexpr Choice<query::MissingCompares> all[] = {
        {"undefined", query::MissingCompares::undefined},
        {"different", query::MissingCompares::different}};
    return i < std::size(all) ? all[i] : Choice<query::MissingCompares>{};
}

// Reads the texts into a field of each type.
struct Reader {
    const Setting& setting;
    Config& config;
    std::span<const std::string> texts;

    Result<std::string> one() const {
        if (texts.size() != 1) return refuse("must be one value, not a list");
        return texts[0];
    }

    Result<> operator()(std::string Config::* field) const {
        TRY(std::string text, one());
        TRY_VOID(check_text(setting, text));
        config.*field = std::move(text);
        return {};
    }
    Result<> operator()(std::vector<std::string> Config::* field) const {
        for (const std::string& text : texts) TRY_VOID(check_text(setting, text));
        config.*field = {texts.begin(), texts.end()};
        return {};
    }
    Result<> operator()(std::uint64_t Config::* field) const {
        TRY(const std::string text, one());
        const bool bytes = setting.form == Form::bytes;
        constexpr Unit count_units[] = {{"", 1}};
        const auto number = bytes ? read_number(text, byte_units) : read_number(text, count_units);
        const auto write = [&](std::uint64_t value) {
            return bytes ? format_bytes(value) : std::to_string(value);
        };
        if (!number || *number < setting.min || *number > setting.max)
            return refuse(fmt::format("must be {} {}, not '{}'", bytes ? "a size of" : "a number,",
                                      range_text(setting, write), text));
        config.*field = *number;
        return {};
    }
    Result<> operator()(bool Config::* field) const {
        TRY(const std::string text, one());
        const std::string word = ascii_lower(text);
        const bool yes = word == "true" || word == "yes" || word == "on";
        if (!yes && word != "false" && word != "no" && word != "off")
            return refuse(fmt::format("must be true or false, not '{}'", text));
        config.*field = yes;
        return {};
    }
    Result<> operator()(std::chrono::milliseconds Config::* field) const {
        TRY(const std::string text, one());
        const auto number = read_number(text, time_units);
        const auto write = [](std::uint64_t value) {
            return format_duration(std::chrono::milliseconds(value));
        };
        if (!number || *number < setting.min || *number > setting.max)
            return refuse(fmt::format("must be a time of {} with a unit (ms, s, m, h, d), not '{}'",
                                      range_text(setting, write), text));
        config.*field = std::chrono::milliseconds(*number);
        return {};
    }
    Result<> operator()(Port Config::* field) const {
        TRY(const std::string text, one());
        constexpr Unit count_units[] = {{"", 1}};
        const auto number = read_number(text, count_units);
        if (text != "off" && text != "false" && (!number || *number > 65'535))
            return refuse(fmt::format(
                "must be a port, 0 to 65535 (0 = any free one), or off, not '{}'", text));
        config.*field = number ? Port(static_cast<std::uint16_t>(*number)) : Port();
        return {};
    }
    template <class Enum>
        requires std::is_enum_v<Enum>
    Result<> operator()(Enum Config::* field) const {
        TRY(const std::string text, one());
        std::string names;
        for (std::size_t i = 0; !choices(static_cast<Enum*>(nullptr), i).name.empty(); ++i) {
            const auto choice = choices(static_cast<Enum*>(nullptr), i);
            if (equals_ignoring_case(choice.name, text)) {
                config.*field = choice.value;
                return {};
            }
            names += names.empty() ? "" : ", ";
            names += choice.name;
        }
        return refuse(fmt::format("must be one of {}, not '{}'", names, text));
    }
};

struct Writer {
    const Setting& setting;
    const Config& config;
    using Texts = std::vector<std::string>;

    Texts operator()(std::string Config::* field) const { return {config.*field}; }
    Texts operator()(std::vector<std::string> Config::* field) const { return config.*field; }
    Texts operator()(std::uint64_t Config::* field) const {
        return {setting.form == Form::bytes ? format_bytes(config.*field)
                                            : std::to_string(config.*field)};
    }
    Texts operator()(bool Config::* field) const { return {config.*field ? "true" : "false"}; }
    Texts operator()(std::chrono::milliseconds Config::* field) const {
        return {format_duration(config.*field)};
    }
    Texts operator()(Port Config::* field) const {
        return {config.*field ? std::to_string(*(config.*field)) : std::string("off")};
    }
    template <class Enum>
        requires std::is_enum_v<Enum>
    Texts operator()(Enum Config::* field) const {
        std::size_t i = 0;
        while (choices(static_cast<Enum*>(nullptr), i).value != config.*field) ++i;
        return {std::string(choices(static_cast<Enum*>(nullptr), i).name)};
    }
};

}  // namespace

std::string format_duration(std::chrono::milliseconds value) {
    const std::uint64_t count = static_cast<std::uint64_t>(value.count());
    return count == 0 ? "0s" : write_number(count, time_units);
}

std::optional<std::uint64_t> parse_duration(std::string_view text) {
    return read_number(text, time_units);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
    return read_number(text, byte_units);
}

std::optional<std::uint64_t> parse_count(std::string_view text) {
    constexpr Unit count_units[] = {{"", 1}};
    return read_number(text, count_units);
}

std::string format_bytes(std::uint64_t value) {
    return write_number(value, std::span(byte_units).first<4>());
}

Result<> assign(const Setting& setting, Config& config, std::span<const std::string> texts) {
    return std::visit(Reader{setting, config, texts}, setting.field);
}

std::vector<std::string> texts_of(const Setting& setting, const Config& config) {
    return std::visit(Writer{setting, config}, setting.field);
}

}  // namespace twinhub::apps
