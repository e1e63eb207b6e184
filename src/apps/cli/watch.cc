#include "apps/cli/watch.h"

#include "apps/cli/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ostream>
#include <thread>

namespace twinhub::apps::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto pause_max = std::chrono::seconds{30};

std::string_view text_at(const json::object& object, std::string_view name) {
    const json::value* found = object.if_contains(name);
    return found != nullptr && found->is_string() ? std::string_view(found->get_string())
                                                  : std::string_view();
}

// "pump-1", "pump-1/motor", or the JSON of a group's key.
std::string key_text(const json::object& entry) {
    const json::value* key = entry.if_contains("key");
    if (key == nullptr) return {};
    if (!key->is_object()) return key->is_string() ? std::string(key->get_string()) : to_text(*key);
    std::string text(text_at(key->get_object(), "deviceId"));
    if (const auto module = text_at(key->get_object(), "moduleId"); !module.empty())
        text.append("/").append(module);
    return text;
}

// Turns the lines of an event stream into lines for the user.
class Lines {
public:
    Lines(std::ostream& out, std::ostream& err, bool table, const std::vector<Column>& columns,
          std::uint64_t lines_max)
        : out_(out), err_(err), table_(table), columns_(columns), lines_max_(lines_max) {}

    // One line of the stream; false when enough is printed. The server puts the data last.
    bool take(std::string_view line) {
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.starts_with("event: ")) event_ = line.substr(7);
        else if (line.starts_with("id: ")) id_ = line.substr(4);
        else if (line.starts_with("data: ")) event(line.substr(6));
        return out_.good() && (lines_max_ == 0 || printed_ < lines_max_);
    }

    const std::string& token() const { return token_; }
    bool got_some() const { return got_some_; }
    void start() { got_some_ = false; }

private:
    void event(std::string_view text) {
        const auto parsed = parse_json(text, {.bytes_max = 256 << 20, .depth_max = 64});
        if (!parsed || !parsed->is_object()) return;
        const json::object& data = parsed->get_object();
        got_some_ = true;
        if (event_ == "snapshot") snapshot(data);
        else if (event_ == "error") err_ << text_at(data, "message") << std::endl;
        else if (event_ == "enter" || event_ == "change" || event_ == "leave" || event_ == "group")
            print(event_, data);
        // A part of a snapshot alone is nothing to go on behind.
        if (!id_.empty()) token_ = id_;
        id_.clear();
        out_.flush();
    }
    void snapshot(const json::object& data) {
        if (data.contains("first")) {
            token_.clear();
            if (std::exchange(had_snapshot_, true))
                out_ << (table_ ? "=\n" : "{\"event\":\"reset\"}\n");
        }
        const json::value* rows = data.if_contains("rows");
        if (rows == nullptr || !rows->is_array()) return;
        for (const json::value& row : rows->get_array())
            if (row.is_object()) print("snapshot", row.get_object());
    }
    void print(std::string_view event, const json::object& entry) {
        if (lines_max_ != 0 && printed_ >= lines_max_) return;
        ++printed_;
        const json::value* row = entry.if_contains("row");
        if (!table_) {
            json::object line{{"event", event}};
            for (const auto& member : entry) line.insert(member);
            out_ << to_text(json::value(std::move(line))) << '\n';
            return;
        }
        const bool gone = row == nullptr || row->is_null();
        out_ << (gone                                      ? '-'
                 : event == "snapshot" || event == "enter" ? '+'
                                                           : '~')
             << ' ' << key_text(entry);
        if (gone) out_ << '\n';
        else out_ << '\t' << render_lines(json::array{*row}, columns_, "tsv");
    }

    std::ostream& out_;
    std::ostream& err_;
    bool table_;
    const std::vector<Column>& columns_;
    std::uint64_t lines_max_;
    std::uint64_t printed_ = 0;
    std::string event_, id_, token_;
    bool got_some_ = false;
    bool had_snapshot_ = false;
};

}  // namespace

Outcome watch(Context& context, const FleetQuery& query, const std::vector<Column>& columns) {
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    std::ostream& err = context.around().err;
    Lines lines(context.around().out, err, context.arguments().text("output") == "table", columns,
                query.top);
    bool connected = false;
    std::chrono::seconds pause = 1s;
    while (true) {
        ServiceRequest request{.method = "POST",
                               .path = "/devices/query/subscribe",
                               .body = json::object{{"query", query.text}}};
        if (!query.dialect.empty()) request.headers.emplace_back("x-query-dialect", query.dialect);
        if (!lines.token().empty()) request.headers.emplace_back("Last-Event-ID", lines.token());
        lines.start();
        const auto done =
            (*hub)->stream(request, [&lines](std::string_view line) { return lines.take(line); });
        if (done) return Outcome::nothing();
        if (lines.got_some()) pause = 1s;
        connected = connected || lines.got_some();
        if (!connected || done.error().code == Code::unauthorized) return outcome_of(done.error());
        err << fmt::format("{}; again in {} s", done.error().message, pause.count()) << std::endl;
        std::this_thread::sleep_for(pause);
        pause = std::min(2 * pause, pause_max);
    }
}

}  // namespace twinhub::apps::cli
