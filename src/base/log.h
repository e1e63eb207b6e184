#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace twinhub {

enum class LogLevel : std::uint8_t { debug, info, warn, error };

// One fact of an event. Never a payload, a key or a token.
struct LogField {
    LogField(std::string_view field_name, std::string_view text)
        : name(field_name), value(text), quoted(true) {}
    LogField(std::string_view field_name, const char* text)
        : LogField(field_name, std::string_view(text)) {}
    LogField(std::string_view field_name, const std::string& text)
        : LogField(field_name, std::string_view(text)) {}
    LogField(std::string_view field_name, bool flag)
        : name(field_name), value(flag ? "true" : "false") {}
    LogField(std::string_view field_name, double number);
    template <class Integer>
        requires std::is_integral_v<Integer>
    LogField(std::string_view field_name, Integer number)
        : name(field_name), value(std::to_string(number)) {}

    std::string_view name;
    std::string value;
    bool quoted = false;
};

// Named events with fields, one line each: error = someone must act, warn = will need someone,
// info = the server's state changed, debug = one request. Safe to call from any thread.
class Log {
public:
    enum class Format : std::uint8_t { text, json };
    Log();  // text to standard error, info and above
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    void configure(LogLevel level, Format format);
    bool enabled(LogLevel level) const { return level >= level_; }
    void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields);

    void debug(std::string_view event, std::initializer_list<LogField> fields = {}) {
        write(LogLevel::debug, event, fields);
    }
    void info(std::string_view event, std::initializer_list<LogField> fields = {}) {
        write(LogLevel::info, event, fields);
    }
    void warn(std::string_view event, std::initializer_list<LogField> fields = {}) {
        write(LogLevel::warn, event, fields);
    }
    void error(std::string_view event, std::initializer_list<LogField> fields = {}) {
        write(LogLevel::error, event, fields);
    }

private:
    struct Sink;
    std::unique_ptr<Sink> sink_;
    LogLevel level_ = LogLevel::info;
    Format format_ = Format::text;
};

}  // namespace twinhub
