#include "gateway/http/query_plan.h"

#include "base/encoding.h"

namespace twinhub::gateway::http {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
}

// Takes words and quoted texts off the front of a query.
class Reader {
public:
    explicit Reader(std::string_view text) : rest_(text) {}

    bool word(std::string_view wanted) {
        skip_spaces();
        std::size_t length = 0;
        while (length < rest_.size() && is_word(rest_[length])) ++length;
        if (!equals_ignoring_case(rest_.substr(0, length), wanted)) return false;
        rest_.remove_prefix(length);
        return true;
    }

    bool symbol(char wanted) {
        skip_spaces();
        if (rest_.empty() || rest_.front() != wanted) return false;
        rest_.remove_prefix(1);
        return true;
    }

    // '..' or "..", a doubled quote stands for one.
    std::optional<std::string> quoted() {
        skip_spaces();
        if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) return std::nullopt;
        const char quote = rest_.front();
        std::string text;
        for (std::size_t i = 1; i < rest_.size(); ++i) {
            if (rest_[i] != quote) {
                text += rest_[i];
            } else if (i + 1 < rest_.size() && rest_[i + 1] == quote) {
                text += rest_[i++];
            } else {
                rest_.remove_prefix(i + 1);
                return text;
            }
        }
        return std::nullopt;
    }

    bool at_end() {
        skip_spaces();
        return rest_.empty();
    }

private:
    void skip_spaces() {
        while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
    }
    std::string_view rest_;
};

std::unexpected<Error> not_yet() {
    return failure(
        Code::argument_invalid,
        "The query language is not complete yet: use SELECT * FROM devices, with or without WHERE "
        "deviceId = '...', or SELECT * FROM devices.modules");
}

}  // namespace

Result<QueryPlan> parse_query(std::string_view text) {
    Reader reader(text);
    QueryPlan plan;
    if (!reader.word("SELECT") || !reader.symbol('*') || !reader.word("FROM")) return not_yet();
    if (reader.word("devices.modules")) plan.collection = hub::Twins::Collection::modules;
    else if (!reader.word("devices")) return not_yet();
    if (reader.at_end()) return plan;
    if (plan.collection == hub::Twins::Collection::modules || !reader.word("WHERE"))
        return not_yet();
    if (!reader.word("deviceId") && !reader.word("devices.deviceId")) return not_yet();
    if (!reader.symbol('=')) return not_yet();
    plan.device = reader.quoted();
    if (!plan.device || !reader.at_end()) return not_yet();
    return plan;
}

}  // namespace twinhub::gateway::http
