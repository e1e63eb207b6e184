#pragma once

#include "query/compile.h"
#include "query/syntax.h"
#include "query/token.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::query {

// The grammar of spec query-language 2, by recursive descent: clauses in parser.cc, expressions in
// parser_expression.cc. One text each; the tokens must be those of the text.
class Parser {
public:
    Parser(std::string_view text, std::vector<Token> tokens, Dialect dialect)
        : text_(text), tokens_(std::move(tokens)), dialect_(dialect) {}

    // The whole text as a query; as a bare condition, with its collection.
    Checked<SyntaxQuery> query();
    Checked<SyntaxQuery> condition();

private:
    const Token& token() const { return tokens_[at_]; }
    const Token& ahead(std::size_t count = 1) const {
        return tokens_[std::min(at_ + count, tokens_.size() - 1)];
    }
    void advance() {
        if (at_ + 1 < tokens_.size()) ++at_;
    }
    bool take(Symbol symbol);
    bool take(Word word);
    bool take_word(std::string_view contextual);
    bool extended() const { return dialect_ == Dialect::extended; }

    std::unexpected<QueryError> fail(std::uint32_t offset, ErrorKind kind, std::string message,
                                     std::string hint = {}) const;
    // The token is not what the grammar wants: `wanted` completes "Expected ...".
    std::unexpected<QueryError> expected(std::string_view wanted, std::string hint = {}) const;
    // The query should end or go on with a clause here.
    std::unexpected<QueryError> unexpected_clause() const;
    std::unexpected<QueryError> extended_only(const Token& at, std::string_view what) const;

    Checked<> explain(SyntaxQuery& query);
    Checked<> select(SyntaxQuery& query);
    Checked<SyntaxItem> item();
    Checked<SyntaxItem> aggregate(Aggregate which);
    Checked<std::string> alias();
    Checked<> from(SyntaxQuery& query);
    Checked<> as_of(SyntaxQuery& query);
    Checked<> clauses(SyntaxQuery& query);
    Checked<> group_by(SyntaxQuery& query);
    Checked<> order_by(SyntaxQuery& query);
    Checked<std::uint64_t> whole_number(std::string_view clause, std::uint64_t least);

    Checked<SyntaxNode> expression();  // OR
    Checked<SyntaxNode> conjunction();
    Checked<SyntaxNode> negation();
    Checked<SyntaxNode> predicate();
    Checked<SyntaxNode> membership(SyntaxNode operand, Op op);
    Checked<SyntaxNode> sum();
    Checked<SyntaxNode> product();
    Checked<SyntaxNode> unary();
    Checked<SyntaxNode> primary();
    Checked<SyntaxNode> list();
    Checked<SyntaxNode> list_element();
    Checked<SyntaxNode> call();
    static std::string arguments_of(const FunctionInfo& function);  // "1 or 2 arguments"
    Checked<SyntaxPath> path();
    Checked<> bracket(SyntaxPath& path);
    Checked<SyntaxNode> node(Op op, std::uint32_t offset, std::vector<SyntaxNode> operands) const;

    std::string_view text_;
    std::vector<Token> tokens_;
    Dialect dialect_;
    std::size_t at_ = 0;
    int nesting_ = 0;
    int lists_ = 0;              // open ones
    std::size_t constants_ = 0;  // of the outermost of them
};

// COUNT, AVG, ...: the aggregate of a name that stands before a parenthesis.
Aggregate aggregate_of(std::string_view name);

}  // namespace twinhub::query
