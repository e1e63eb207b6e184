#include "provisioning/enrollment_query.h"

#include "base/encoding.h"
#include "base/json.h"
#include "provisioning/views.h"

#include <cctype>
#include <optional>

namespace twinhub::provisioning {
namespace {

constexpr std::size_t conditions_max = 20;
constexpr std::size_t text_bytes_max = 4096;

std::unexpected<Error> refused(std::string what) {
    return failure(Code::argument_invalid,
                   std::move(what) +
                       ": a query of enrollments is SELECT * [FROM enrollments] [WHERE member = "
                       "'value' [AND ...]]",
                   "query");
}

// Reads words, texts and signs one after the other.
class Words {
public:
    explicit Words(std::string_view text) : rest_(text) { skip(); }

    bool at_end() const { return rest_.empty(); }
    // Takes the word when it is next, whatever its case.
    bool take(std::string_view word) {
        const std::string_view next = rest_.substr(0, word_length());
        if (!equals_ignoring_case(next, word)) return false;
        advance(next.size());
        return true;
    }
    bool take_sign(char sign) {
        if (rest_.empty() || rest_.front() != sign) return false;
        advance(1);
        return true;
    }
    std::string_view word() {
        const std::string_view next = rest_.substr(0, word_length());
        advance(next.size());
        return next;
    }
    // A text in quotes, doubled inside; nothing when it does not end.
    std::optional<std::string> quoted() {
        if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) return std::nullopt;
        const char quote = rest_.front();
        std::string text;
        for (std::size_t i = 1; i < rest_.size(); ++i) {
            if (rest_[i] != quote) {
                text += rest_[i];
            } else if (i + 1 < rest_.size() && rest_[i + 1] == quote) {
                text += rest_[i++];
            } else {
                advance(i + 1);
                return text;
            }
        }
        return std::nullopt;
    }

private:
    static bool is_part(char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' ||
               c == '-' || c == '$' || c == '+';
    }
    std::size_t word_length() const {
        std::size_t length = 0;
        while (length < rest_.size() && is_part(rest_[length])) ++length;
        return length;
    }
    void advance(std::size_t count) {
        rest_.remove_prefix(count);
        skip();
    }
    void skip() {
        while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_.front())) != 0)
            rest_.remove_prefix(1);
    }
    std::string_view rest_;
};

std::vector<std::string> path_of(std::string_view text) {
    std::vector<std::string> path;
    while (!text.empty()) {
        const std::size_t dot = std::min(text.find('.'), text.size());
        path.emplace_back(text.substr(0, dot));
        text.remove_prefix(std::min(dot + 1, text.size()));
    }
    return path;
}

// The literal as JSON; nothing when it is none.
std::optional<std::string> literal_of(Words& words) {
    if (const auto text = words.quoted()) {
        std::string json;
        append_json_string(json, *text);
        return json;
    }
    const std::string_view word = words.word();
    if (equals_ignoring_case(word, "true")) return "true";
    if (equals_ignoring_case(word, "false")) return "false";
    const auto number = parse_json(word);
    if (!number || !number->is_number()) return std::nullopt;
    return to_text(*number);
}

const json::value* find(const json::object& object, std::string_view name) {
    for (const auto& member : object)
        if (equals_ignoring_case(member.key(), name)) return &member.value();
    return nullptr;
}

const json::value* find(const json::value& document, const std::vector<std::string>& path) {
    const json::value* at = &document;
    for (const std::string& name : path) {
        if (!at->is_object()) return nullptr;
        at = find(at->get_object(), name);
        if (at == nullptr) return nullptr;
    }
    return at;
}

// What is a user's own keeps its case.
bool has_own_case(const std::vector<std::string>& path) {
    return equals_ignoring_case(path.front(), "initialTwin") ||
           equals_ignoring_case(path.front(), "optionalDeviceInformation");
}

// `az iot dps enrollment list` writes its query object as Python shows it, where the text belongs.
std::string_view without_python(std::string_view text) {
    constexpr std::string_view before = "{'additional_properties': {}, 'query': '";
    constexpr std::string_view after = "'}";
    if (!text.starts_with(before) || !text.ends_with(after)) return text;
    text.remove_prefix(before.size());
    text.remove_suffix(std::min(after.size(), text.size()));
    return text;
}

}  // namespace

Result<EnrollmentQuery> EnrollmentQuery::parse(std::string_view text, EnrollmentKind kind) {
    if (text.size() > text_bytes_max) return refused("The query is too long");
    Words words(without_python(text));
    EnrollmentQuery query;
    if (!words.take("select") || !words.take_sign('*')) return refused("The query selects no *");
    if (words.take("from")) {
        const bool groups = kind == EnrollmentKind::group;
        if (!words.take(groups ? "enrollmentGroups" : "enrollments"))
            return refused("The query is of another collection than its address");
    }
    if (words.take("where")) {
        do {
            Condition condition{path_of(words.word()), {}};
            if (condition.path.empty()) return refused("A condition names no member");
            if (!words.take_sign('=')) return refused("A condition compares with =");
            auto literal = literal_of(words);
            if (!literal) return refused("A condition has no value");
            condition.literal = *std::move(literal);
            query.conditions_.push_back(std::move(condition));
            if (query.conditions_.size() > conditions_max)
                return refused("The query has too many conditions");
        } while (words.take("and"));
    }
    (void)words.take_sign(';');
    if (!words.at_end()) return refused("The query has something more behind it");
    return query;
}

bool EnrollmentQuery::wants(const Enrollment& enrollment) const {
    if (conditions_.empty()) return true;
    std::string text;
    append_enrollment(text, enrollment, Keys::hidden);
    const auto document = parse_json(text);
    if (!document) return false;
    for (const Condition& condition : conditions_) {
        const json::value* value = find(*document, condition.path);
        if (value == nullptr) return false;
        const std::string is = to_text(*value);
        const bool same = has_own_case(condition.path)
                              ? is == condition.literal
                              : equals_ignoring_case(is, condition.literal);
        if (!same) return false;
    }
    return true;
}

}  // namespace twinhub::provisioning
