#include "apps/cli/change_lines.h"
#include "apps/cli/entity.h"
#include "base/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ostream>
#include <thread>

namespace twinhub::apps::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto pause_max = std::chrono::seconds{30};
constexpr std::uint64_t page_max = 1000;

std::string from_text(const ChangeLines& lines, const std::string& since) {
    return "since=" + percent_encode(lines.cursor().empty() ? since : lines.cursor());
}

// All that there is, page by page.
Outcome read(ServiceClient& hub, const std::string& path, const std::string& since,
             ChangeLines& lines) {
    while (!lines.at_end() && !lines.is_done()) {
        const std::uint64_t limit = lines.left() == 0 ? page_max : std::min(page_max, lines.left());
        const auto response =
            hub.send({.path = fmt::format("{}{}&limit={}", path, from_text(lines, since), limit),
                      .body = {}});
        if (!response) return outcome_of(response.error());
        if (response->status != 200) return Outcome::refused(error_of(*response));
        std::string_view body = response->body;
        while (!body.empty()) {
            const std::size_t end = std::min(body.find('\n'), body.size());
            lines.take(body.substr(0, end));
            body.remove_prefix(std::min(end + 1, body.size()));
        }
    }
    return Outcome::nothing();
}

// Whether asking again later may help.
bool is_passing(const Error& error) {
    return error.code == Code::unavailable || error.code == Code::timeout ||
           error.code == Code::throttled;
}

// Until the user has seen enough; a lost connection is made again, behind what came last.
Outcome follow(ServiceClient& hub, std::ostream& err, const std::string& path,
               const std::string& since, ChangeLines& lines) {
    bool connected = false;
    std::chrono::seconds pause = 1s;
    while (true) {
        lines.start();
        const auto done =
            hub.stream({.path = path + "follow=1&" + from_text(lines, since), .body = {}},
                       [&lines](std::string_view line) { return lines.take(line); });
        if (done) return Outcome::nothing();
        if (lines.got_some()) pause = 1s;
        connected = connected || lines.got_some();
        if (!connected || !is_passing(done.error())) return Outcome::refused(done.error());
        err << fmt::format("{}; again in {} s", done.error().message, pause.count()) << std::endl;
        std::this_thread::sleep_for(pause);
        pause = std::min(2 * pause, pause_max);
    }
}

Outcome tail(Context& context) {
    const Arguments& arguments = context.arguments();
    const auto top = top_or_all(arguments);
    if (!top) return outcome_of(top.error());
    const auto hub = context.hub();
    if (!hub) return outcome_of(hub.error());
    const bool follows = arguments.flag("follow");
    const std::string since = arguments.has("since") ? since_text(arguments.text("since"))
                              : follows              ? "now"
                                                     : "oldest";
    const std::string format = arguments.text("output");
    ChangeLines lines(context.around().out, context.around().err,
                      format == "table" || format == "tsv", *top);
    const std::string path = changes_path(arguments);
    return follows ? follow(**hub, context.around().err, path, since, lines)
                   : read(**hub, path, since, lines);
}

}  // namespace

std::vector<Command> change_commands() {
    return {
        {.words = "changes tail",
         .about = "What changed in the fleet, and who changed it, a line each",
         .options =
             {{.name = "since",
               .about = "Where to begin: oldest, now, a time, how long ago (2h), or the cursor of "
                        "a line; without it oldest, with --follow now"},
              {.name = "follow",
               .other_names = "-f",
               .about = "Goes on with what changes from now on, also over lost connections",
               .takes = Takes::none},
              {.name = "where",
               .about = "Only of twins that meet this condition behind the change"},
              {.name = "path", .about = "Only those of this property: fan.speed, tags.site"},
              {.name = "author", .about = "Only those of this policy or device"},
              {.name = "cause",
               .about = "Only those of this cause",
               .choices = "rest|device|provisioning|job|configuration|rollout|rollback|import"},
              {.name = "device-id",
               .other_names = "-d",
               .about = "Only those of this device and its modules"},
              {.name = "top", .about = "Ends behind so many lines; without it, never"}},
         .run = tail}};
}

}  // namespace twinhub::apps::cli
