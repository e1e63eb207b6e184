#include "gateway/http/change_json.h"

#include "base/json.h"
#include "gateway/http/history_json.h"
#include "twin/etag.h"

namespace twinhub::gateway::http {
namespace {

void append_member(std::string& out, std::string_view name, std::string_view text) {
    out += name;
    append_json_string(out, text);
}

}  // namespace

Result<> append_feed_change(std::string& out, std::string_view cursor,
                            const hub::FeedChange& change, const hub::HistoryFilter& filter) {
    const hub::ChangeRecord& record = change.change.record;
    TRY(const hub::ToldLeaves told, told_leaves(record, filter));
    append_member(out, R"({"cursor":)", cursor);
    append_member(out, R"(,"deviceId":)", record.id.device.text());
    if (record.id.is_module()) append_member(out, R"(,"moduleId":)", record.id.module.text());
    append_member(out, R"(,"committed":)", format_instant(change.committed));
    out += ',';
    append_change_members(out, change.change, told.leaves);
    if (record.kind == hub::ChangeKind::twin) {
        append_member(out, R"(,"etag":)", twin::etag_text(record.change.after.etag));
    } else if (told.whole) {
        append_versions(out, told.whole->versions);
        append_member(out, R"(,"etag":)", told.whole->etag());
        if (!told.whole->model_id.empty())
            append_member(out, R"(,"modelId":)", told.whole->model_id);
    }
    out += '}';
    return {};
}

std::string progress_line(std::string_view cursor) {
    std::string line = R"({"cursor":)";
    append_json_string(line, cursor);
    return line + '}';
}

}  // namespace twinhub::gateway::http
