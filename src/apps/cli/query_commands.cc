#include "apps/cli/entity.h"
#include "apps/cli/explain.h"
#include "apps/cli/render.h"
#include "apps/cli/watch.h"
#include "base/encoding.h"
#include "query/compile.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <ostream>

namespace twinhub::apps::cli {
namespace {

constexpr std::string_view explain_prefix = "EXPLAIN ANALYZE ";

bool begins_with_explain(std::string_view text) {
    while (!text.empty() && text.front() <= ' ') text.remove_prefix(1);
    return equals_ignoring_case(text.substr(0, 7), "explain");
}

FleetQuery query_of(const Arguments& arguments, std::uint64_t top) {
    FleetQuery query{.text = arguments.text("query-command"),
                     .top = top,
                     .dialect = ascii_lower(arguments.text("dialect"))};
    if (arguments.flag("explain") && !begins_with_explain(query.text))
        query.text.insert(0, explain_prefix);
    return query;
}

// What the answer's columns are called, as far as the text tells. The server's own language decides
// what the query means: a text that we cannot read has no columns.
std::vector<Column> columns_of(const std::string& text) {
    const auto plan = query::compile(text);
    if (!plan || plan->explain != query::Explain::no) return {};
    if (plan->star)
        return plan->collection == query::Collection::jobs ? std::vector<Column>() : twin_columns;
    std::vector<Column> columns;
    for (const query::Item& item : plan->items) columns.push_back({item.name, item.name});
    return columns;
}

// Says on standard error how far a long answer is.
class Progress {
public:
    Progress(const Context& context, bool shown, bool terminal)
        : err_(context.around().err),
          clock_(context.clock()),
          shown_(shown),
          terminal_(terminal),
          said_at_(clock_.monotonic()) {}
    ~Progress() {
        if (terminal_ && said_) err_ << "\r\x1b[K" << std::flush;
    }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void add(std::size_t rows) {
        rows_ += rows;
        const Moment now = clock_.monotonic();
        if (!shown_ || now - said_at_ < say_every) return;
        said_at_ = now;
        said_ = true;
        const std::string line = fmt::format("{} rows", rows_);
        if (terminal_) err_ << "\r\x1b[K" << line << std::flush;
        else err_ << line << std::endl;
    }

private:
    static constexpr auto say_every = std::chrono::milliseconds{500};

    std::ostream& err_;
    const Clock& clock_;
    bool shown_;
    bool terminal_;
    bool said_ = false;
    std::uint64_t rows_ = 0;
    Moment said_at_;
};

Outcome query(Context& context) {
    const Arguments& arguments = context.arguments();
    const auto top = top_or_all(arguments);
    if (!top) return outcome_of(top.error());
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());

    const FleetQuery asked = query_of(arguments, *top);
    const std::vector<Column> columns = columns_of(asked.text);
    if (arguments.flag("watch")) {
        if (arguments.flag("explain")) return Outcome::usage("--watch does not go with --explain");
        return watch(context, asked, columns);
    }
    const std::string format = arguments.text("output");
    const bool at_once = format != "ndjson" && format != "tsv";
    const bool terminal = ::isatty(STDERR_FILENO) == 1;
    const bool shown =
        arguments.flag("progress") || (terminal && (at_once || ::isatty(STDOUT_FILENO) != 1));
    std::ostream& out = context.around().out;
    json::array rows;
    Result<> done;
    {
        Progress progress(context, shown, terminal);
        done = (*hub)->query(asked, [&](json::array page) {
            progress.add(page.size());
            // A long answer is written as it comes and never held whole.
            if (!at_once) out << render_lines(page, columns, format);
            else if (rows.empty()) rows = std::move(page);
            else
                for (json::value& row : page) rows.push_back(std::move(row));
            return out.good();
        });
    }
    if (!done) return outcome_of(done.error());
    if (!at_once) return Outcome::nothing();
    if (arguments.flag("explain") && !arguments.has("output"))
        return Outcome::print(explained(rows));
    return Outcome::of(std::move(rows), columns);
}

}  // namespace

std::vector<Command> query_commands() {
    std::vector<Command> commands;
    for (const char* words : {"query", "hub query"})
        commands.push_back(
            {.words = words,
             .about = "Asks the fleet",
             .options = {{.name = "query-command",
                          .other_names = "-q",
                          .about = "SELECT ... FROM devices ... (docs/queries.md)",
                          .required = true,
                          .in_place = "QUERY"},
                         top_option(""),
                         {.name = "explain",
                          .about = "Runs it and shows how it was answered, not the rows",
                          .takes = Takes::none},
                         {.name = "watch",
                          .about = "Prints the rows and then what happens to them, line by line",
                          .takes = Takes::none},
                         {.name = "dialect",
                          .about = "Language of the text; else the server's own",
                          .choices = "azure|extended"},
                         {.name = "progress",
                          .about =
                              "Says on standard error how far a long answer is, also when that "
                              "is no terminal",
                          .takes = Takes::none}},
             .run = query});
    return commands;
}

}  // namespace twinhub::apps::cli
