#pragma once

#include "hub/testing/test_hub.h"
#include "query/compile.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace twinhub::hub::testing {

// A reader of a live query that keeps the answer as the events have it.
class LiveFollower {
public:
    LiveFollower(TestHub& hub, std::shared_ptr<const query::Plan> plan, std::string token = {},
                 std::size_t bytes_max = 1 << 20, std::string principal = "p")
        : hub_(hub), bytes_max_(bytes_max) {
        auto opened = hub.hub().live_queries().open(
            {std::move(plan), std::move(principal), std::move(token)});
        CHECK(opened.has_value());
        reader_ = std::move(*opened);
        token_ = reader_->token();
    }
    LiveFollower(TestHub& hub, std::string_view text, std::string token = {},
                 std::size_t bytes_max = 1 << 20, std::string principal = "p")
        : LiveFollower(hub, std::make_shared<const query::Plan>(query::compile(text).value()),
                       std::move(token), bytes_max, std::move(principal)) {}

    // What comes without waiting, as "kind data".
    std::vector<std::string> told() {
        std::vector<std::string> all;
        while (true) {
            const std::vector<std::string> more = step();
            if (more.empty()) return all;
            all.insert(all.end(), more.begin(), more.end());
        }
    }
    // What one `next` gives; nothing while it waits.
    std::vector<std::string> step() {
        if (error_) return {};
        if (!waiting_) waiting_ = hub_.begin(reader_->next(bytes_max_));
        hub_.settle();
        std::vector<std::string> lines;
        if (!waiting_->there()) return lines;
        const auto events = waiting_->get();
        waiting_.reset();
        if (!events) {
            error_ = events.error().code;
            return lines;
        }
        for (const LiveEvent& event : *events) {
            fold(event);
            lines.push_back(std::string(name_of(event.kind)) + ' ' + event.data);
        }
        return lines;
    }

    const std::map<std::string, std::string>& rows() const { return rows_; }  // by key
    void start_from(std::map<std::string, std::string> rows) { rows_ = std::move(rows); }
    bool resumed() const { return reader_->is_resumed(); }
    const std::string& token() const { return token_; }  // of the last event that was told
    std::size_t resets() const { return resets_; }
    Code error() const { return error_.value_or(Code{255}); }
    // What was told twice, or does not follow from what was told before.
    const std::string& twice() const { return twice_; }

private:
    static std::string text_of(const json::object& object, std::string_view name) {
        const json::value* found = object.if_contains(name);
        return found != nullptr ? to_text(*found) : "";
    }
    void must(bool holds, const LiveEvent& event) {
        if (!holds) twice_ += std::string(name_of(event.kind)) + ' ' + event.data + '\n';
    }
    void fold(const LiveEvent& event) {
        const json::object data = parse_json(event.data).value().as_object();
        token_ = event.token;
        if (!event.token.empty()) must(tokens_.insert(event.token).second, event);
        const std::string key = text_of(data, "key");
        switch (event.kind) {
            case LiveEvent::Kind::reset: ++resets_; return;
            case LiveEvent::Kind::snapshot:
                if (data.contains("first")) rows_.clear();
                for (const json::value& each : data.at("rows").as_array())
                    must(rows_
                             .insert_or_assign(text_of(each.as_object(), "key"),
                                               to_text(each.at("row")))
                             .second,
                         event);
                return;
            case LiveEvent::Kind::enter:
                must(rows_.insert_or_assign(key, text_of(data, "row")).second, event);
                return;
            case LiveEvent::Kind::change: {
                const auto known = rows_.find(key);
                must(known != rows_.end() && known->second != text_of(data, "row"), event);
                rows_[key] = text_of(data, "row");
                return;
            }
            case LiveEvent::Kind::leave: must(rows_.erase(key) == 1, event); return;
            case LiveEvent::Kind::group:
                if (data.at("row").is_null()) must(rows_.erase(key) == 1, event);
                else rows_[key] = text_of(data, "row");
                return;
        }
    }

    TestHub& hub_;
    std::size_t bytes_max_;
    std::unique_ptr<LiveReader> reader_;
    std::optional<Answer<Result<std::vector<LiveEvent>>>> waiting_;
    std::optional<Code> error_;
    std::map<std::string, std::string> rows_;
    std::string token_;
    std::set<std::string> tokens_;
    std::size_t resets_ = 0;
    std::string twice_;
};

}  // namespace twinhub::hub::testing
