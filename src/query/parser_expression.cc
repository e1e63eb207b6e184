#include "base/encoding.h"
#include "query/parser.h"

#include <algorithm>
#include <limits>

namespace twinhub::query {
namespace {

// Operators of SQL that the language does not have, and what serves instead.
struct Foreign {
    std::string_view word;
    std::string_view hint;
};
constexpr Foreign foreign_operators[] = {
    {"LIKE", "use STARTSWITH, ENDSWITH, CONTAINS or REGEX_MATCH"},
    {"BETWEEN", "write x >= low AND x <= high"},
    {"IS", "use IS_NULL(x) or NOT IS_DEFINED(x)"},
    {"MATCHES", "use REGEX_MATCH(x, 'pattern')"},
};

Op comparison_of(const Token& token) {
    switch (token.symbol) {
        case Symbol::equal: return Op::equal;
        case Symbol::not_equal: return Op::not_equal;
        case Symbol::less: return Op::less;
        case Symbol::less_equal: return Op::less_equal;
        case Symbol::greater: return Op::greater;
        case Symbol::greater_equal: return Op::greater_equal;
        default: return Op::constant;  // none
    }
}

// One level of nesting while it lives.
class Nested {
public:
    explicit Nested(int& level) : level_(level) { ++level_; }
    ~Nested() { --level_; }
    Nested(const Nested&) = delete;
    Nested& operator=(const Nested&) = delete;
    bool too_deep() const { return level_ > nesting_max; }

private:
    int& level_;
};

constexpr std::string_view too_deep = "The query is nested too deeply";

std::vector<SyntaxNode> both(SyntaxNode left, SyntaxNode right) {
    std::vector<SyntaxNode> operands;
    operands.reserve(2);
    operands.push_back(std::move(left));
    operands.push_back(std::move(right));
    return operands;
}

std::vector<SyntaxNode> one(SyntaxNode operand) {
    std::vector<SyntaxNode> operands;
    operands.push_back(std::move(operand));
    return operands;
}

}  // namespace

Checked<SyntaxNode> Parser::node(Op op, std::uint32_t offset,
                                 std::vector<SyntaxNode> operands) const {
    SyntaxNode made;
    made.op = op;
    made.offset = offset;
    for (const SyntaxNode& operand : operands)
        made.height = std::max(made.height, operand.height + 1);
    made.operands = std::move(operands);
    if (made.height > expression_height_max)
        return fail(offset, ErrorKind::syntax, std::string(too_deep));
    return made;
}

Checked<SyntaxNode> Parser::expression() {
    TRY(SyntaxNode first, conjunction());
    if (!token().is(Word::logical_or)) return first;
    const std::uint32_t offset = first.offset;
    std::vector<SyntaxNode> operands = one(std::move(first));
    while (take(Word::logical_or)) {
        TRY(SyntaxNode next, conjunction());
        operands.push_back(std::move(next));
    }
    return node(Op::logical_or, offset, std::move(operands));
}

Checked<SyntaxNode> Parser::conjunction() {
    TRY(SyntaxNode first, negation());
    if (!token().is(Word::logical_and)) return first;
    const std::uint32_t offset = first.offset;
    std::vector<SyntaxNode> operands = one(std::move(first));
    while (take(Word::logical_and)) {
        TRY(SyntaxNode next, negation());
        operands.push_back(std::move(next));
    }
    return node(Op::logical_and, offset, std::move(operands));
}

Checked<SyntaxNode> Parser::negation() {
    if (!token().is(Word::logical_not)) return predicate();
    const std::uint32_t offset = token().offset;
    const Nested nested(nesting_);
    if (nested.too_deep()) return fail(offset, ErrorKind::syntax, std::string(too_deep));
    advance();
    TRY(SyntaxNode operand, negation());
    return node(Op::logical_not, offset, one(std::move(operand)));
}

Checked<SyntaxNode> Parser::predicate() {
    TRY(SyntaxNode left, sum());
    if (const Op op = comparison_of(token()); op != Op::constant) {
        const std::uint32_t offset = left.offset;
        advance();
        TRY(SyntaxNode right, sum());
        TRY(left, node(op, offset, both(std::move(left), std::move(right))));
    } else if (token().is(Word::in) || token().is(Word::nin)) {
        const Op membership_op = token().is(Word::in) ? Op::in : Op::not_in;
        TRY(left, membership(std::move(left), membership_op));
    } else if (token().is(Word::logical_not)) {
        return expected("an operator", ahead().is(Word::in) ? "write NIN, or NOT x IN [...]"
                                                            : "join conditions with AND or OR");
    }
    if (comparison_of(token()) != Op::constant || token().is(Word::in) || token().is(Word::nin))
        return expected("the end of the comparison", "join two comparisons with AND");
    for (const Foreign& row : foreign_operators)
        if (token().is_word(row.word))
            return fail(token().offset, ErrorKind::syntax,
                        std::string(row.word) + " is not part of the language",
                        std::string(row.hint));
    return left;
}

Checked<SyntaxNode> Parser::membership(SyntaxNode operand, Op op) {
    const std::string written(token().text);
    advance();
    if (!token().is(Symbol::open_bracket))
        return expected("a list of constants after " + written,
                        token().kind == TokenKind::escaped ? "a list in a list is written [ [1] ]"
                                                           : "write " + written + " ['a', 'b']");
    TRY(SyntaxNode constants, list());
    const std::uint32_t offset = operand.offset;
    return node(op, offset, both(std::move(operand), std::move(constants)));
}

Checked<SyntaxNode> Parser::sum() {
    TRY(SyntaxNode left, product());
    while (token().is(Symbol::plus) || token().is(Symbol::minus)) {
        const Op op = token().is(Symbol::plus) ? Op::add : Op::subtract;
        const std::uint32_t offset = left.offset;
        advance();
        TRY(SyntaxNode right, product());
        TRY(left, node(op, offset, both(std::move(left), std::move(right))));
    }
    return left;
}

Checked<SyntaxNode> Parser::product() {
    TRY(SyntaxNode left, unary());
    while (token().is(Symbol::star) || token().is(Symbol::slash) || token().is(Symbol::percent)) {
        const Op op = token().is(Symbol::star)    ? Op::multiply
                      : token().is(Symbol::slash) ? Op::divide
                                                  : Op::modulo;
        const std::uint32_t offset = left.offset;
        advance();
        TRY(SyntaxNode right, unary());
        TRY(left, node(op, offset, both(std::move(left), std::move(right))));
    }
    return left;
}

Checked<SyntaxNode> Parser::unary() {
    if (!token().is(Symbol::minus) && !token().is(Symbol::plus)) return primary();
    const bool minus = token().is(Symbol::minus);
    const std::uint32_t offset = token().offset;
    const Nested nested(nesting_);
    if (nested.too_deep()) return fail(offset, ErrorKind::syntax, std::string(too_deep));
    advance();
    TRY(SyntaxNode operand, unary());
    if (minus) return node(Op::negate, offset, one(std::move(operand)));
    // A plus leaves a number as it is and nothing else: as adding zero does.
    SyntaxNode zero;
    zero.constant = 0.0;
    zero.offset = offset;
    return node(Op::add, offset, both(std::move(zero), std::move(operand)));
}

Checked<SyntaxNode> Parser::primary() {
    SyntaxNode made;
    made.offset = token().offset;
    switch (token().kind) {
        case TokenKind::string: made.constant = json::string(token().value); break;
        case TokenKind::number: made.constant = token().number; break;
        case TokenKind::escaped:
        case TokenKind::word: {
            if (token().kind == TokenKind::word && ahead().is(Symbol::open)) return call();
            made.op = Op::path;
            TRY(made.path, path());
            return made;
        }
        case TokenKind::reserved:
            if (token().is(Word::true_)) {
                made.constant = true;
            } else if (token().is(Word::false_)) {
                made.constant = false;
            } else if (token().is(Word::undefined)) {
                made.undefined = true;
            } else if (!token().is(Word::null)) {
                return expected("a value");
            }
            break;
        case TokenKind::symbol: {
            if (token().is(Symbol::open_bracket)) return list();
            if (!token().is(Symbol::open)) return expected("a value");
            const Nested nested(nesting_);
            if (nested.too_deep())
                return fail(made.offset, ErrorKind::syntax, std::string(too_deep));
            advance();
            TRY(made, expression());
            if (!take(Symbol::close)) return expected(")");
            return made;
        }
        case TokenKind::bad:
        case TokenKind::end: return expected("a value");
    }
    advance();
    return made;
}

Checked<SyntaxNode> Parser::list() {
    SyntaxNode made;
    made.list = true;
    made.offset = token().offset;
    const Nested nested(nesting_);
    if (nested.too_deep()) return fail(made.offset, ErrorKind::syntax, std::string(too_deep));
    const bool outermost = lists_ == 0;
    if (outermost) constants_ = 0;
    const Nested list_level(lists_);
    advance();
    while (!token().is(Symbol::close_bracket)) {
        if (++constants_ > list_constants_max)
            return fail(token().offset, ErrorKind::too_long,
                        "A list has at most " + std::to_string(list_constants_max) + " constants");
        TRY(SyntaxNode element, list_element());
        made.height = std::max(made.height, element.height + 1);
        made.operands.push_back(std::move(element));
        if (take(Symbol::comma)) {
            if (token().is(Symbol::close_bracket)) return expected("a constant");
        } else if (!token().is(Symbol::close_bracket)) {
            return expected("',' or ']' in the list");
        }
    }
    advance();
    return made;
}

Checked<SyntaxNode> Parser::list_element() {
    if (token().is(Symbol::open_bracket)) return list();
    SyntaxNode made;
    made.offset = token().offset;
    if (token().is(Symbol::minus) && ahead().kind == TokenKind::number) {
        advance();
        made.constant = token().number == 0 ? 0.0 : -token().number;
        advance();
        return made;
    }
    if (token().kind == TokenKind::word || token().kind == TokenKind::escaped ||
        token().is(Symbol::open))
        return expected("a constant", "lists hold constants only");
    return primary();
}

Checked<SyntaxNode> Parser::call() {
    const Token name = token();
    const std::string written(name.text);
    if (aggregate_of(written) != Aggregate::none)
        return fail(name.offset, ErrorKind::invalid_aggregate,
                    written + " is an aggregate: it belongs into SELECT",
                    "conditions look at one row at a time");
    const FunctionInfo* function = find_function(written);
    if (!function || (!function->azure && !extended())) {
        const std::string better(suggestion(written));
        const FunctionInfo* other = better.empty() ? nullptr : find_function(better);
        std::string hint;
        if (other && (other->azure || extended())) {
            hint = "use " + better;
        } else if (function || other) {
            hint = "it is part of the extended dialect";
        }
        return fail(name.offset, ErrorKind::unsupported_function,
                    function ? written + " is not part of the azure dialect"
                             : "There is no function " + written,
                    std::move(hint));
    }
    const Nested nested(nesting_);
    if (nested.too_deep()) return fail(name.offset, ErrorKind::syntax, std::string(too_deep));
    advance();
    advance();  // the parenthesis
    std::vector<SyntaxNode> arguments;
    while (!token().is(Symbol::close)) {
        if (!arguments.empty() && !take(Symbol::comma)) return expected("',' or ')'");
        TRY(SyntaxNode argument, expression());
        if (arguments.size() == function->arguments_max || arguments.size() == arguments_max)
            return fail(argument.offset, ErrorKind::arity,
                        std::string(function->name) + " takes " + arguments_of(*function));
        arguments.push_back(std::move(argument));
    }
    if (arguments.size() < function->arguments_min)
        return fail(token().offset, ErrorKind::arity,
                    std::string(function->name) + " takes " + arguments_of(*function));
    advance();
    TRY(SyntaxNode made, node(Op::call, name.offset, std::move(arguments)));
    made.function = function;
    return made;
}

std::string Parser::arguments_of(const FunctionInfo& function) {
    const int least = function.arguments_min, most = function.arguments_max;
    if (most == 0) return "no argument";
    std::string text = std::to_string(least);
    if (most != least) text += (most == least + 1 ? " or " : " to ") + std::to_string(most);
    return text + (most == 1 ? " argument" : " arguments");
}

Checked<SyntaxPath> Parser::path() {
    SyntaxPath path;
    path.offset = token().offset;
    if (token().kind != TokenKind::word && token().kind != TokenKind::escaped)
        return expected("a path");
    while (true) {
        if (path.segments.size() == path_segments_max)
            return fail(token().offset, ErrorKind::too_long,
                        "A path has at most " + std::to_string(path_segments_max) + " steps");
        if (token().kind == TokenKind::word) {
            path.segments.emplace_back(std::string(token().text));
            advance();
        } else if (token().kind == TokenKind::escaped) {
            path.segments.emplace_back(token().value);
            advance();
        } else if (token().is(Symbol::open_bracket)) {
            TRY_VOID(bracket(path));
        } else if (token().kind == TokenKind::number) {
            return expected("a name", "write [[" + std::string(token().text) + "]]");
        } else {
            return expected("a name");
        }
        if (token().is(Symbol::open_bracket) || token().kind == TokenKind::escaped) continue;
        if (!take(Symbol::dot)) return path;
        if (token().is(Symbol::open_bracket)) return expected("a name");
    }
}

Checked<> Parser::bracket(SyntaxPath& path) {
    advance();
    if (token().kind == TokenKind::string) {
        path.segments.emplace_back(token().value);
    } else if (token().kind == TokenKind::number && token().digits) {
        if (!token().integer || *token().integer > std::numeric_limits<std::uint32_t>::max())
            return fail(token().offset, ErrorKind::invalid_literal, "This index is too large");
        path.segments.emplace_back(static_cast<std::uint32_t>(*token().integer));
    } else {
        return expected("an index or a key in quotes");
    }
    advance();
    if (!take(Symbol::close_bracket)) return expected("]");
    return {};
}

}  // namespace twinhub::query
