#include "query/route_condition.h"

#include "base/encoding.h"
#include "query/checker.h"
#include "query/evaluate.h"
#include "query/lexer.h"
#include "query/parser.h"
#include "query/text_check.h"

#include <algorithm>

namespace twinhub::query {
namespace {

bool is_key(const Segment& segment, std::string_view name) {
    const auto* key = std::get_if<std::string>(&segment);
    return key && equals_ignoring_case(*key, name);
}

// The exact name first: a document may hold names that differ in case alone.
const json::value* member(const json::object& object, std::string_view name) {
    if (const json::value* exact = object.if_contains(name)) return exact;
    const auto found = std::ranges::find_if(object, [&](const json::key_value_pair& entry) {
        return equals_ignoring_case(std::string_view(entry.key().data(), entry.key().size()), name);
    });
    return found == object.end() ? nullptr : &found->value();
}

const json::value* step(const json::value& from, const Segment& segment) {
    if (const auto* key = std::get_if<std::string>(&segment)) {
        const json::object* object = from.if_object();
        return object ? member(*object, *key) : nullptr;
    }
    const json::array* array = from.if_array();
    return array ? array->if_contains(std::get<std::uint32_t>(segment)) : nullptr;
}

const json::value* follow(const json::value* at, std::span<const Segment> steps) {
    for (const Segment& segment : steps)
        if (at) at = step(*at, segment);
    return at;
}

// The last of several properties of one name counts.
Value property(Properties properties, std::string_view name) {
    for (auto at = properties.rbegin(); at != properties.rend(); ++at)
        if (equals_ignoring_case(at->first, name)) return Value::string(at->second);
    return {};
}

class MessageRow final : public RowSource {
public:
    MessageRow(const Plan& plan, const RoutedMessage& message) : plan_(plan), message_(message) {}

    Value get(PathIndex index) override {
        const std::vector<Segment>& path = plan_.paths[index].segments;
        if (is_key(path[0], "$body") || is_key(path[0], "$twin")) {
            if (path.size() == 1 && is_key(path[0], "$twin") && message_.twin)
                return Value::object_mark();
            const json::value* const found = tree(index);
            return found ? Value::of(*found) : Value();
        }
        const auto* name = std::get_if<std::string>(&path[0]);
        if (!name || path.size() > 1) return {};  // properties are texts: nothing is inside
        if (!name->starts_with('$')) return property(message_.application, *name);
        const Value system = property(message_.system, std::string_view(*name).substr(1));
        return system.is(Type::undefined) ? property(message_.application, *name) : system;
    }

    // What the path leads to in body or twin; nullptr for properties, and for the twin as a whole.
    const json::value* tree(PathIndex index) const {
        const std::vector<Segment>& path = plan_.paths[index].segments;
        const std::span<const Segment> below = std::span(path).subspan(1);
        if (is_key(path[0], "$body")) return follow(message_.body, below);
        if (!is_key(path[0], "$twin") || !message_.twin || below.empty()) return nullptr;
        const auto* key = std::get_if<std::string>(&below[0]);
        return key ? follow(member(*message_.twin, *key), below.subspan(1)) : nullptr;
    }

private:
    const Plan& plan_;
    const RoutedMessage& message_;
};

// `a-b` is one name here: what stands without a space around the minus is put together.
std::vector<Token> with_dashes(std::vector<Token> tokens, std::string_view text) {
    std::vector<Token> out;
    out.reserve(tokens.size());
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        Token token = std::move(tokens[i]);
        const auto touches = [&](const Token& a, const Token& b) {
            return a.offset + a.text.size() == b.offset;
        };
        const auto is_name = [](const Token& t) {
            return t.kind == TokenKind::word || t.kind == TokenKind::reserved;
        };
        while (token.kind == TokenKind::word && i + 2 < tokens.size() &&
               tokens[i + 1].is(Symbol::minus) && is_name(tokens[i + 2]) &&
               touches(token, tokens[i + 1]) && touches(tokens[i + 1], tokens[i + 2])) {
            const std::size_t end = tokens[i + 2].offset + tokens[i + 2].text.size();
            token.text = text.substr(token.offset, end - token.offset);
            i += 2;
        }
        out.push_back(std::move(token));
    }
    return out;
}

constexpr Options options{.dialect = Dialect::extended, .missing = MissingCompares::undefined};

Parser parser_of(std::string_view text) {
    return Parser(text, with_dashes(tokenize(text, nullptr), text), options.dialect);
}

RouteReads reads_of(const Plan& plan) {
    RouteReads reads;
    for (const Path& path : plan.paths) {
        reads.body |= is_key(path.segments[0], "$body");
        reads.twin |= is_key(path.segments[0], "$twin");
    }
    return reads;
}

}  // namespace

Checked<RouteCondition> RouteCondition::compile(std::string_view text) {
    TRY_VOID(check_text(text));
    RouteCondition made;
    made.plan_.text = text;
    const bool is_blank = text.find_first_not_of(" \t\r\n") == std::string_view::npos;
    if (is_blank) return made;
    const std::vector<Token> tokens = tokenize(text, nullptr);
    if (tokens.front().is(Word::from))
        return std::unexpected(error_at(text, tokens.front().offset, ErrorKind::unsupported_clause,
                                        "A routing condition has no FROM",
                                        "the sources of the route say what it is about"));
    TRY(const SyntaxQuery query, parser_of(text).condition());
    TRY(made.plan_, check(query, text, options, Names::events));
    return made;
}

Truth RouteCondition::judge(const RoutedMessage& message, Instant now) const {
    if (!plan_.where) return Truth::yes;
    MessageRow row(plan_, message);
    return Evaluator(plan_, now).truth(*plan_.where, row);
}

RouteReads RouteCondition::reads() const { return reads_of(plan_); }

// A projection is the select list of a query: it is read as one.
Checked<RouteProjection> RouteProjection::compile(std::string_view text) {
    constexpr std::string_view before = "SELECT ", behind = " FROM devices";
    TRY_VOID(check_text(text));
    const std::string query_text = std::string(before) + std::string(text) + std::string(behind);
    const auto moved = [&](QueryError error) {
        error.offset -= std::min(error.offset, static_cast<std::uint32_t>(before.size()));
        if (error.line == 1)
            error.column -= std::min(error.column - 1, static_cast<std::uint32_t>(before.size()));
        return std::unexpected(std::move(error));
    };
    const auto read = [&]() -> Checked<Plan> {
        TRY(const SyntaxQuery query, parser_of(query_text).query());
        const auto refuse = [&](std::size_t at, std::string message) {
            return std::unexpected(
                error_at(query_text, at, ErrorKind::invalid_projection, std::move(message)));
        };
        if (query.star) return refuse(before.size(), "A projection names what it takes");
        const bool only_items = !query.top && !query.where && query.group_by.empty() &&
                                query.order_by.empty() && !query.limit && !query.as_of &&
                                query.explain == Explain::no && query.offset == 0 &&
                                query.collection == Collection::devices;
        if (!only_items) return refuse(before.size(), "A projection is a list of names");
        for (const SyntaxItem& item : query.items)
            if (item.aggregate != Aggregate::none)
                return refuse(item.offset, "One event has no aggregates");
        return check(query, query_text, options, Names::events);
    };
    Checked<Plan> plan = read();
    if (!plan) return moved(std::move(plan).error());
    RouteProjection made;
    made.plan_ = *std::move(plan);
    return made;
}

json::object RouteProjection::apply(const RoutedMessage& message) const {
    MessageRow row(plan_, message);
    json::object out;
    for (const Item& item : plan_.items) {
        // Trees are copied as they are: a Value holds numbers as doubles alone.
        if (const json::value* tree = row.tree(item.path)) out.emplace(item.name, *tree);
        else if (is_key(plan_.paths[item.path].segments[0], "$twin") && message.twin &&
                 plan_.paths[item.path].segments.size() == 1)
            out.emplace(item.name, *message.twin);
        else if (const Value value = row.get(item.path); value.is(Type::string))
            out.emplace(item.name, json::string(value.string()));
    }
    return out;
}

RouteReads RouteProjection::reads() const { return reads_of(plan_); }

}  // namespace twinhub::query
