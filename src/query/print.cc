#include "query/print.h"

#include "base/encoding.h"
#include "query/functions.h"
#include "query/lexer.h"
#include "query/names.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace twinhub::query {
namespace {

// How tightly an operator binds.
enum class Binding : std::uint8_t {
    any,
    disjunction,
    conjunction,
    negation,
    comparison,
    sum,
    product,
    unary,
    primary
};

Binding binding_of(const Expr& expr) {
    switch (expr.op) {
        case Op::logical_or: return Binding::disjunction;
        case Op::logical_and: return Binding::conjunction;
        case Op::logical_not: return Binding::negation;
        case Op::equal:
        case Op::not_equal:
        case Op::less:
        case Op::less_equal:
        case Op::greater:
        case Op::greater_equal:
        case Op::in:
        case Op::not_in: return Binding::comparison;
        case Op::add:
        case Op::subtract: return Binding::sum;
        case Op::multiply:
        case Op::divide:
        case Op::modulo: return Binding::product;
        case Op::negate: return Binding::unary;
        case Op::constant:
            return expr.constant.is_double() && expr.constant.get_double() < 0 ? Binding::unary
                                                                               : Binding::primary;
        case Op::path:
        case Op::call: return Binding::primary;
    }
    std::unreachable();
}

std::string_view symbol_of(Op op) {
    switch (op) {
        case Op::equal: return " = ";
        case Op::not_equal: return " != ";
        case Op::less: return " < ";
        case Op::less_equal: return " <= ";
        case Op::greater: return " > ";
        case Op::greater_equal: return " >= ";
        case Op::in: return " IN ";
        case Op::not_in: return " NIN ";
        case Op::logical_and: return " AND ";
        case Op::logical_or: return " OR ";
        case Op::logical_not: return "NOT ";
        case Op::negate: return "-";
        case Op::add: return " + ";
        case Op::subtract: return " - ";
        case Op::multiply: return " * ";
        case Op::divide: return " / ";
        case Op::modulo: return " % ";
        default: return "";
    }
}

void append_string(std::string& out, std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += '\'';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\'' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20) {
            out += "\\u00";
            out += digits[byte >> 4];
            out += digits[byte & 15];
        } else {
            out += c;
        }
    }
    out += '\'';
}

void append_constant(std::string& out, const json::value& constant) {
    if (const auto* text = constant.if_string()) {
        append_string(out, *text);
    } else if (const double* number = constant.if_double()) {
        char digits[32];
        const auto end = std::to_chars(std::begin(digits), std::end(digits), *number).ptr;
        out.append(digits, end);
    } else if (const auto* list = constant.if_array()) {
        out += '[';
        // [[ would begin an escaped name.
        if (!list->empty() && list->front().is_array()) out += ' ';
        for (std::size_t i = 0; i < list->size(); ++i) {
            if (i > 0) out += ", ";
            append_constant(out, (*list)[i]);
        }
        out += ']';
    } else if (const bool* flag = constant.if_bool()) {
        out += *flag ? "true" : "false";
    } else {
        out += "null";
    }
}

// A name that needs no brackets: ASCII alone, and not reserved.
bool is_plain(std::string_view name) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '$';
    };
    return std::ranges::all_of(name, fits) && tokenize(name, nullptr)[0].kind == TokenKind::word;
}

class Printer {
public:
    explicit Printer(const Plan& plan) : plan_(plan) {}

    void expression(ExprIndex index, Binding least) {
        const Expr& expr = plan_.exprs[index];
        const bool wrap = binding_of(expr) < least;
        if (wrap) out += '(';
        bare(expr);
        if (wrap) out += ')';
    }

    void path(const Path& path) {
        const auto& way = path.segments;
        const auto* first = std::get_if<std::string>(&way[0]);
        const bool bracket_first =
            !first || first->empty() || first->find_first_of("[]") != std::string::npos;
        // What would be taken for a qualifier gets one to lose.
        const bool qualifier = first && way.size() > 1 && equals_ignoring_case(*first, "devices") &&
                               std::holds_alternative<std::string>(way[1]);
        if (bracket_first || qualifier) out += "devices";
        for (std::size_t i = 0; i < way.size(); ++i) segment(way[i], i == 0 && !qualifier);
    }

    std::string out;

private:
    void segment(const Segment& segment, bool first) {
        if (const auto* index = std::get_if<std::uint32_t>(&segment)) {
            out += '[' + std::to_string(*index) + ']';
            return;
        }
        const std::string& key = std::get<std::string>(segment);
        if (key.empty() || key.find_first_of("[]") != std::string::npos) {
            out += '[';
            append_string(out, key);
            out += ']';
            return;
        }
        if (!first) out += '.';
        out += is_plain(key) ? key : "[[" + key + "]]";
    }

    void bare(const Expr& expr) {
        const Binding own = binding_of(expr);
        const auto tighter = static_cast<Binding>(static_cast<int>(own) + 1);
        switch (expr.op) {
            case Op::constant:
                if (expr.undefined) {
                    out += "undefined";
                } else {
                    append_constant(out, expr.constant);
                }
                break;
            case Op::path: path(plan_.paths[expr.path]); break;
            case Op::call: call(expr); break;
            case Op::logical_not:
            case Op::negate:
                out += symbol_of(expr.op);
                expression(expr.operands[0], own);
                break;
            case Op::in:
            case Op::not_in: membership(expr); break;
            default:
                for (std::size_t i = 0; i < expr.operands.size(); ++i) {
                    if (i > 0) out += symbol_of(expr.op);
                    // Chains of sums and products lean to the left.
                    const bool leans = own == Binding::sum || own == Binding::product;
                    expression(expr.operands[i], i == 0 && leans ? own : tighter);
                }
        }
    }

    void membership(const Expr& expr) {
        expression(expr.operands[0], Binding::sum);
        out += symbol_of(expr.op);
        out += '[';
        bool first = true;
        for (const json::value& element : expr.list) {
            if (!std::exchange(first, false)) out += ", ";
            append_constant(out, element);
        }
        if (expr.undefined) out += first ? "undefined" : ", undefined";
        out += ']';
    }

    void call(const Expr& expr) {
        out += info_of(expr.function).name;
        out += '(';
        // As it is written, not as it is worked out.
        if (expr.function == Function::drift_state) {
            expression(expr.operands[1], Binding::any);
            out += ')';
            return;
        }
        if (expr.function == Function::drift_count) {
            const Path& count = plan_.paths[plan_.exprs[expr.operands[0]].path];
            const std::string* state = last_key(count);
            append_constant(out, json::value(state == nullptr ? "" : *state));
            out += ')';
            return;
        }
        for (std::size_t i = 0; i < expr.operands.size(); ++i) {
            if (i > 0) out += ", ";
            expression(expr.operands[i], Binding::any);
        }
        if (expr.function == Function::regex_match || expr.function == Function::geo_within) {
            out += ", ";
            append_constant(out, expr.constant);
        }
        out += ')';
    }

    const Plan& plan_;
};

}  // namespace

std::string to_text(const Plan& plan, ExprIndex expr) {
    Printer printer(plan);
    printer.expression(expr, Binding::any);
    return std::move(printer.out);
}

std::string to_text(const Plan& plan, const Path& path) {
    Printer printer(plan);
    printer.path(path);
    return std::move(printer.out);
}

}  // namespace twinhub::query
