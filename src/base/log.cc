#include "base/log.h"

#include "base/json.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace twinhub {

struct Log::Sink {
    std::shared_ptr<spdlog::logger> logger;
};

LogField::LogField(std::string_view field_name, double number) : name(field_name) {
    append_json_number(value, number);
}

Log::Log() : sink_(std::make_unique<Sink>()) {
    sink_->logger = std::make_shared<spdlog::logger>(
        "twinhub", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    sink_->logger->set_level(spdlog::level::trace);
    sink_->logger->flush_on(spdlog::level::trace);
    configure(LogLevel::info, Format::text);
}

Log::~Log() = default;

void Log::configure(LogLevel level, Format format) {
    level_ = level;
    format_ = format;
    sink_->logger->set_pattern(format == Format::json
                                   ? "{\"time\":\"%Y-%m-%dT%H:%M:%S.%eZ\",\"level\":\"%l\",%v}"
                                   : "%Y-%m-%dT%H:%M:%S.%eZ %-5l %v",
                               spdlog::pattern_time_type::utc);
}

void Log::write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
    if (!enabled(level)) return;
    std::string line;
    if (format_ == Format::json) {
        line += "\"event\":";
        append_json_string(line, event);
        for (const LogField& field : fields) {
            line += ',';
            append_json_string(line, field.name);
            line += ':';
            if (field.quoted) append_json_string(line, field.value);
            else line += field.value;
        }
    } else {
        line += event;
        for (const LogField& field : fields) {
            line += ' ';
            line += field.name;
            line += '=';
            // What a peer chose may hold spaces or line breaks: quote it, so that a line stays a
            // line.
            if (field.quoted && field.value.find_first_of(" \"\\=\n\r\t") != std::string::npos)
                append_json_string(line, field.value);
            else line += field.value;
        }
    }
    static constexpr spdlog::level::level_enum levels[] = {
        spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::err};
    sink_->logger->log(levels[static_cast<int>(level)],
                       spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace twinhub
