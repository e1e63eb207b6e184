#include "query/parser.h"

#include "base/encoding.h"
#include "query/time_text.h"

#include <limits>

namespace twinhub::query {
namespace {

struct AggregateName {
    std::string_view name;
    Aggregate aggregate;
};
constexpr AggregateName aggregate_names[] = {
    {"COUNT", Aggregate::count}, {"AVG", Aggregate::avg}, {"SUM", Aggregate::sum},
    {"MIN", Aggregate::min},     {"MAX", Aggregate::max},
};

struct CollectionName {
    std::string_view name;
    Collection collection;
};
constexpr CollectionName collection_names[] = {
    {"devices", Collection::devices},
    {"devices.modules", Collection::modules},
    {"devices.jobs", Collection::jobs},
};

// Clauses of SQL that the language does not have, and what serves instead.
struct Missing {
    std::string_view word;
    std::string_view hint;
};
constexpr Missing missing_clauses[] = {
    {"HAVING", "filter the groups on the client"},
    {"JOIN", "collections cannot be joined; ask twice"},
    {"INNER", "collections cannot be joined; ask twice"},
    {"LEFT", "collections cannot be joined; ask twice"},
    {"RIGHT", "collections cannot be joined; ask twice"},
    {"FULL", "collections cannot be joined; ask twice"},
    {"CROSS", "collections cannot be joined; ask twice"},
    {"UNION", "ask twice, or join the conditions with OR"},
    {"INTERSECT", "join the conditions with AND"},
    {"EXCEPT", "join the conditions with AND NOT"},
};

constexpr std::string_view clause_order =
    "the order is SELECT, FROM, WHERE, GROUP BY, ORDER BY, LIMIT, OFFSET";

}  // namespace

Aggregate aggregate_of(std::string_view name) {
    for (const AggregateName& row : aggregate_names)
        if (equals_ignoring_case(row.name, name)) return row.aggregate;
    return Aggregate::none;
}

bool Parser::take(Symbol symbol) {
    if (!token().is(symbol)) return false;
    advance();
    return true;
}

bool Parser::take(Word word) {
    if (!token().is(word)) return false;
    advance();
    return true;
}

bool Parser::take_word(std::string_view contextual) {
    if (!token().is_word(contextual)) return false;
    advance();
    return true;
}

std::unexpected<QueryError> Parser::fail(std::uint32_t offset, ErrorKind kind, std::string message,
                                         std::string hint) const {
    return std::unexpected(error_at(text_, offset, kind, std::move(message), std::move(hint)));
}

std::unexpected<QueryError> Parser::expected(std::string_view wanted, std::string hint) const {
    if (token().kind == TokenKind::bad) return std::unexpected(*token().error);
    std::string message = "Expected " + std::string(wanted);
    if (token().kind == TokenKind::end) {
        message += ", but the query ends";
    } else if (token().kind == TokenKind::reserved && hint.empty()) {
        message += "; '" + std::string(token().text) + "' is a reserved word";
        hint = "as a key write [[" + std::string(token().text) + "]]";
    }
    return fail(token().offset, ErrorKind::syntax, std::move(message), std::move(hint));
}

std::unexpected<QueryError> Parser::extended_only(const Token& at, std::string_view what) const {
    return fail(at.offset, ErrorKind::unsupported_clause,
                std::string(what) + " is not part of the azure dialect",
                "send the request header x-query-dialect: extended");
}

std::unexpected<QueryError> Parser::unexpected_clause() const {
    const Token& at = token();
    for (const Missing& row : missing_clauses)
        if (at.is_word(row.word))
            return fail(at.offset, ErrorKind::unsupported_clause,
                        std::string(row.word) + " is not part of the language",
                        std::string(row.hint));
    const bool order = at.is_word("ORDER") && ahead().is(Word::by);
    if (order || at.is_word("LIMIT") || at.is_word("OFFSET")) {
        if (!extended()) return extended_only(at, order ? "ORDER BY" : ascii_lower(at.text));
        return expected("the end of the query", std::string(clause_order));
    }
    if (at.is(Word::where) || at.is(Word::group) || at.is(Word::from) || at.is(Word::select))
        return expected("the end of the query", std::string(clause_order));
    return expected("the end of the query or another clause");
}

Checked<SyntaxQuery> Parser::query() {
    SyntaxQuery query;
    if (token().kind == TokenKind::end)
        return fail(0, ErrorKind::syntax, "The query is empty", "begin with SELECT * FROM devices");
    TRY_VOID(explain(query));
    TRY_VOID(select(query));
    TRY_VOID(from(query));
    TRY_VOID(clauses(query));
    return query;
}

Checked<SyntaxQuery> Parser::condition() {
    SyntaxQuery query;
    query.star = true;
    if (token().kind == TokenKind::end) {
        query.where.emplace().constant = false;
        return query;
    }
    if (token().is(Symbol::star) && ahead().kind == TokenKind::end) return query;
    if (token().is(Word::from)) {
        TRY_VOID(from(query));
        if (query.collection == Collection::jobs || query.as_of)
            return fail(0, ErrorKind::unknown_collection, "A condition is about twins",
                        "use FROM devices or FROM devices.modules");
        if (!take(Word::where)) return expected("WHERE");
    }
    TRY(query.where, expression());
    if (token().kind != TokenKind::end) return expected("the end of the condition");
    return query;
}

Checked<> Parser::explain(SyntaxQuery& query) {
    const Token& at = token();
    if (!at.is_word("EXPLAIN")) return {};
    if (!extended()) return extended_only(at, "EXPLAIN");
    advance();
    query.explain = take_word("ANALYZE") ? Explain::analyze : Explain::plan;
    return {};
}

Checked<> Parser::select(SyntaxQuery& query) {
    if (!take(Word::select)) return expected("SELECT", "queries only read");
    if (token().is(Word::top)) {
        query.top_offset = token().offset;
        advance();
        TRY(query.top, whole_number("TOP", 1));
    }
    query.select_offset = token().offset;
    if (take(Symbol::star)) {
        query.star = true;
        if (token().is(Symbol::comma))
            return fail(token().offset, ErrorKind::syntax, "* stands alone",
                        "it has every column already");
        return {};
    }
    if (token().is_word("DISTINCT") &&
        (ahead().kind == TokenKind::word || ahead().kind == TokenKind::escaped))
        return fail(token().offset, ErrorKind::unsupported_clause,
                    "DISTINCT is not part of the language",
                    "GROUP BY without an aggregate gives every value once");
    do {
        if (query.items.size() == items_max)
            return fail(token().offset, ErrorKind::too_long,
                        "At most " + std::to_string(items_max) + " columns can be selected");
        TRY(SyntaxItem next, item());
        query.items.push_back(std::move(next));
    } while (take(Symbol::comma));
    return {};
}

Checked<SyntaxItem> Parser::item() {
    SyntaxItem item;
    item.offset = token().offset;
    if (token().is(Symbol::star))
        return fail(token().offset, ErrorKind::syntax, "* stands alone",
                    "it has every column already");
    const Aggregate which =
        token().kind == TokenKind::word ? aggregate_of(token().text) : Aggregate::none;
    if (which != Aggregate::none && ahead().is(Symbol::open)) {
        TRY(item, aggregate(which));
        const Symbol next = token().symbol;
        if (next >= Symbol::equal && next <= Symbol::percent)
            return fail(token().offset, ErrorKind::invalid_projection,
                        "An aggregate stands alone in its column", "compute on the client");
    } else {
        TRY(SyntaxNode node, expression());
        if (node.op != Op::path)
            return fail(item.offset, ErrorKind::invalid_projection,
                        "Only paths and aggregates can be selected", "compute on the client");
        item.path = std::move(node.path);
    }
    if (token().is(Word::as)) {
        TRY(item.alias, alias());
    }
    return item;
}

Checked<SyntaxItem> Parser::aggregate(Aggregate which) {
    SyntaxItem item{.aggregate = which, .path = {}, .alias = {}, .offset = token().offset};
    const std::string name(token().text);
    advance();
    advance();  // the parenthesis
    if (which == Aggregate::count) {
        const bool star = token().is(Symbol::star);
        if (token().kind == TokenKind::bad) return std::unexpected(*token().error);
        if (star && extended()) advance();
        if (!token().is(Symbol::close)) {
            if (token().kind == TokenKind::end) return expected(")");
            return fail(
                token().offset, ErrorKind::invalid_projection, "COUNT has no argument",
                star ? "write COUNT()" : "write COUNT() and filter with WHERE IS_DEFINED(...)");
        }
        advance();
        return item;
    }
    if (token().is(Symbol::close))
        return fail(token().offset, ErrorKind::arity, name + " takes one path");
    if (token().is(Symbol::star))
        return fail(token().offset, ErrorKind::invalid_projection, name + " takes one path");
    const std::uint32_t offset = token().offset;
    TRY(SyntaxNode node, expression());
    if (token().is(Symbol::comma))
        return fail(token().offset, ErrorKind::arity, name + " takes one path");
    if (!take(Symbol::close)) return expected(")");
    if (node.op != Op::path)
        return fail(offset, ErrorKind::invalid_projection,
                    name + " takes a path, not an expression");
    item.path = std::move(node.path);
    return item;
}

Checked<std::string> Parser::alias() {
    advance();  // AS
    if (token().kind != TokenKind::word && token().kind != TokenKind::escaped)
        return expected("a name after AS");
    std::string name = token().kind == TokenKind::word ? std::string(token().text) : token().value;
    advance();
    return name;
}

Checked<> Parser::from(SyntaxQuery& query) {
    if (!take(Word::from)) {
        if (token().is(Symbol::dot) || token().kind == TokenKind::word)
            return expected("',' or FROM after the column");
        return expected("FROM");
    }
    const std::uint32_t offset = token().offset;
    if (token().kind != TokenKind::word) return expected("a collection");
    std::string name = ascii_lower(token().text);
    advance();
    while (token().is(Symbol::dot)) {
        advance();
        if (token().kind != TokenKind::word) return expected("the rest of the collection's name");
        name += '.' + ascii_lower(token().text);
        advance();
    }
    const auto* found = std::ranges::find(collection_names, name, &CollectionName::name);
    if (found == std::end(collection_names))
        return fail(offset, ErrorKind::unknown_collection, "There is no such collection",
                    "use devices, devices.modules or devices.jobs");
    query.collection = found->collection;
    if (token().is(Word::as)) return as_of(query);
    return {};
}

Checked<> Parser::as_of(SyntaxQuery& query) {
    const Token& at = token();
    advance();
    if (!token().is_word("OF"))
        return fail(at.offset, ErrorKind::syntax, "A collection has no alias",
                    "write paths without it");
    if (!extended()) return extended_only(at, "AS OF");
    advance();
    if (token().kind != TokenKind::string) return expected("a time in quotes after AS OF");
    AsOf& as_of = query.as_of.emplace();
    as_of.text = token().value;
    if (const auto ago = parse_time_ago(as_of.text)) {
        as_of.when = *ago;
    } else if (parse_time(as_of.text)) {
        // Instants are coarser than times in texts: further digits are cut.
        const TimePoint time = *parse_time(as_of.text);
        as_of.when = Instant{std::chrono::seconds{time.seconds}} + Ticks{time.nanoseconds / 100};
    } else {
        return fail(token().offset, ErrorKind::invalid_literal, "AS OF takes a time",
                    "write '2026-03-01T12:00:00Z', or '-PT1H' for an hour ago");
    }
    advance();
    return {};
}

Checked<> Parser::clauses(SyntaxQuery& query) {
    if (take(Word::where)) {
        TRY(query.where, expression());
    }
    if (token().is(Word::group)) TRY_VOID(group_by(query));
    if (extended()) {
        if (token().is_word("ORDER")) TRY_VOID(order_by(query));
        if (take_word("LIMIT")) {
            TRY(query.limit, whole_number("LIMIT", 0));
        }
        if (take_word("OFFSET")) {
            TRY(query.offset, whole_number("OFFSET", 0));
        }
    }
    if (token().kind != TokenKind::end) return unexpected_clause();
    return {};
}

Checked<> Parser::group_by(SyntaxQuery& query) {
    query.group_offset = token().offset;
    advance();
    if (!take(Word::by)) return expected("BY after GROUP");
    do {
        if (query.group_by.size() == group_keys_max)
            return fail(token().offset, ErrorKind::too_long,
                        "At most " + std::to_string(group_keys_max) + " keys can be grouped by");
        TRY(SyntaxPath key, path());
        query.group_by.push_back(std::move(key));
    } while (take(Symbol::comma));
    return {};
}

Checked<> Parser::order_by(SyntaxQuery& query) {
    advance();
    if (!take(Word::by)) return expected("BY after ORDER");
    do {
        if (query.order_by.size() == sort_keys_max)
            return fail(token().offset, ErrorKind::too_long,
                        "At most " + std::to_string(sort_keys_max) + " keys can be sorted by");
        SyntaxSort sort;
        TRY(sort.path, path());
        if (take_word("DESC")) {
            sort.descending = true;
        } else {
            take_word("ASC");
        }
        query.order_by.push_back(std::move(sort));
    } while (take(Symbol::comma));
    return {};
}

Checked<std::uint64_t> Parser::whole_number(std::string_view clause, std::uint64_t least) {
    const std::uint32_t offset = token().offset;
    const bool negative = token().is(Symbol::minus) && ahead().kind == TokenKind::number;
    if (!negative && token().kind != TokenKind::number)
        return expected("a number after " + std::string(clause));
    if (negative || !token().integer || *token().integer < least)
        return fail(offset, ErrorKind::invalid_literal,
                    std::string(clause) + " takes a whole number from " + std::to_string(least));
    const std::uint64_t value = *token().integer;
    advance();
    return value;
}

}  // namespace twinhub::query
