#include "query/lexer.h"

#include "base/encoding.h"
#include "query/text_functions.h"

#include <charconv>
#include <cmath>

namespace twinhub::query {
namespace {

struct ReservedWord {
    std::string_view text;
    Word word;
};
constexpr ReservedWord reserved_words[] = {
    {"select", Word::select}, {"top", Word::top},
    {"from", Word::from},     {"where", Word::where},
    {"group", Word::group},   {"by", Word::by},
    {"as", Word::as},         {"and", Word::logical_and},
    {"or", Word::logical_or}, {"not", Word::logical_not},
    {"in", Word::in},         {"nin", Word::nin},
    {"true", Word::true_},    {"false", Word::false_},
    {"null", Word::null},     {"undefined", Word::undefined},
};

struct SymbolText {
    std::string_view text;
    Symbol symbol;
};
// Longer ones first.
constexpr SymbolText symbols[] = {
    {"!=", Symbol::not_equal},     {"<>", Symbol::not_equal}, {"<=", Symbol::less_equal},
    {">=", Symbol::greater_equal}, {"=", Symbol::equal},      {"<", Symbol::less},
    {">", Symbol::greater},        {"+", Symbol::plus},       {"-", Symbol::minus},
    {"*", Symbol::star},           {"/", Symbol::slash},      {"%", Symbol::percent},
    {"(", Symbol::open},           {")", Symbol::close},      {"[", Symbol::open_bracket},
    {"]", Symbol::close_bracket},  {",", Symbol::comma},      {".", Symbol::dot},
};

// What other languages write, and what it is here.
struct Foreign {
    std::string_view text;
    std::string_view hint;
};
constexpr Foreign foreign[] = {
    {"==", "write ="},
    {"&&", "write AND"},
    {"||", "write OR; CONCAT joins strings"},
    {"!", "write NOT"},
    {";", "a query ends without a semicolon"},
    {"`", "write [[name]]"},
    {"{", "an object cannot be written as a constant"},
    {"@", "there are no parameters; write the value"},
    {"?", "there are no parameters; write the value"},
    {"\xE2\x80\x98", "use straight quotes"},  // typographic quotes: single
    {"\xE2\x80\x99", "use straight quotes"},
    {"\xE2\x80\x9C", "use straight quotes"},  // double
    {"\xE2\x80\x9D", "use straight quotes"},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// How many bytes the character there takes; the text is valid UTF-8.
std::size_t character_bytes(std::string_view text) {
    const auto first = static_cast<unsigned char>(text.front());
    return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

// Letters of all scripts count as letters; controls, spaces and punctuation beyond ASCII do not.
bool is_other_letter(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    if (byte(0) < 0x80) return false;
    if (byte(0) == 0xC2) return byte(1) >= 0xAA && byte(1) != 0xAB && byte(1) != 0xBB;
    if (byte(0) == 0xE2 && byte(1) <= 0x81) return false;            // U+2000 .. U+207F
    if (byte(0) == 0xE3 && byte(1) == 0x80) return byte(2) > 0x83;   // U+3000 .. U+3003
    if (byte(0) == 0xEF && byte(1) >= 0xBB) return byte(1) == 0xBD;  // U+FEFF and the like
    return true;
}

void append_utf8(std::string& out, std::uint32_t code) {
    const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0 | code >> 6);
        put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        put(0xE0 | code >> 12);
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    } else {
        put(0xF0 | code >> 18);
        put(0x80 | (code >> 12 & 0x3F));
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    }
}

class Lexer {
public:
    Lexer(std::string_view text, Budget* hints) : text_(text), hints_(hints) {}

    std::vector<Token> run() {
        while (!failed_) {
            skip_space_and_comments();
            if (failed_) break;
            start_ = at_;
            if (at_ == text_.size()) {
                add(TokenKind::end);
                break;
            }
            next();
        }
        return std::move(tokens_);
    }

private:
    std::string_view rest() const { return text_.substr(at_); }
    char peek(std::size_t ahead = 0) const {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }
    bool at_letter() const {
        const char c = peek();
        return is_ascii_letter(c) || c == '_' || c == '$' ||
               (at_ < text_.size() && is_other_letter(rest()));
    }

    Token& add(TokenKind kind) {
        Token token;
        token.kind = kind;
        token.offset = static_cast<std::uint32_t>(start_);
        token.text = text_.substr(start_, at_ - start_);
        return tokens_.emplace_back(std::move(token));
    }
    void fail(std::size_t where, ErrorKind kind, std::string message, std::string hint = {}) {
        failed_ = true;
        Token& token = add(TokenKind::bad);
        token.error = error_at(text_, where, kind, std::move(message), std::move(hint));
    }

    void skip_space_and_comments() {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v') {
                ++at_;
            } else if (rest().starts_with("\xC2\xA0") || rest().starts_with("\xE3\x80\x80")) {
                at_ += character_bytes(rest());  // spaces that come with text from a web page
            } else if (rest().starts_with("/*")) {
                const std::size_t end = text_.find("*/", at_ + 2);
                if (end == std::string_view::npos) {
                    start_ = at_;
                    return fail(at_, ErrorKind::syntax, "The comment does not end", "add */");
                }
                const std::string_view inside = text_.substr(at_ + 2, end - at_ - 2);
                if (hints_ && inside.starts_with('+')) read_hints(inside.substr(1), *hints_);
                at_ = end + 2;
            } else {
                return;
            }
        }
    }

    void next() {
        const char c = peek();
        if (at_letter()) return word();
        if (is_digit(c)) return number();
        if (c == '\'' || c == '"') return string(c);
        if (rest().starts_with("[[")) return escaped();
        for (const Foreign& row : foreign)
            if (rest().starts_with(row.text) && !rest().starts_with("!="))
                return fail(at_, ErrorKind::syntax,
                            "'" + std::string(row.text) + "' is not of this language",
                            std::string(row.hint));
        for (const SymbolText& row : symbols) {
            if (!rest().starts_with(row.text)) continue;
            at_ += row.text.size();
            add(TokenKind::symbol).symbol = row.symbol;
            return;
        }
        fail(at_, ErrorKind::syntax, "This character has no meaning here");
    }

    void word() {
        while (at_letter() || is_digit(peek())) at_ += character_bytes(rest());
        Token& token = add(TokenKind::word);
        for (const ReservedWord& row : reserved_words) {
            if (!equals_ignoring_case(row.text, token.text)) continue;
            token.kind = TokenKind::reserved;
            token.word = row.word;
        }
    }

    void number() {
        const bool hex = peek() == '0' && (peek(1) == 'x' || peek(1) == 'X');
        double value = 0;
        std::optional<std::uint64_t> integer;
        bool wrong = false;
        if (hex) {
            at_ += 2;
            const std::size_t first = at_;
            integer = 0;
            for (int digit = hex_value(peek()); digit >= 0; digit = hex_value(peek())) {
                value = value * 16 + digit;
                if (integer && (*integer >> 60) != 0) integer.reset();
                if (integer) integer = *integer * 16 + static_cast<std::uint64_t>(digit);
                ++at_;
            }
            wrong = at_ == first;
            if (integer) value = static_cast<double>(*integer);
        } else {
            wrong = !decimal(value, integer);
        }
        if (at_letter()) {
            while (at_letter() || is_digit(peek())) at_ += character_bytes(rest());
            const std::string written(text_.substr(start_, at_ - start_));
            // tags.1st: a name, not a number.
            if (!tokens_.empty() && tokens_.back().is(Symbol::dot))
                return fail(start_, ErrorKind::syntax, "A name cannot begin with a digit",
                            "write [[" + written + "]]");
            wrong = true;
        }
        if (wrong) return fail(start_, ErrorKind::invalid_literal, "This is not a number");
        if (!std::isfinite(value))
            return fail(start_, ErrorKind::invalid_literal, "This number is too large");
        Token& token = add(TokenKind::number);
        token.number = value;
        token.integer = integer;
        token.digits = token.text.find_first_not_of("0123456789") == std::string_view::npos;
    }

    bool decimal(double& value, std::optional<std::uint64_t>& integer) {
        const auto digits = [&] {
            const std::size_t first = at_;
            while (is_digit(peek())) ++at_;
            return at_ != first;
        };
        digits();
        bool whole = true;
        // A dot without digits belongs to what follows, where it will not fit.
        if (peek() == '.' && !is_ascii_letter(peek(1)) && peek(1) != '[') {
            whole = false;
            ++at_;
            if (!digits()) return false;
        }
        if (peek() == 'e' || peek() == 'E') {
            whole = false;
            ++at_;
            if (peek() == '+' || peek() == '-') ++at_;
            if (!digits()) return false;
        }
        const char* const first = text_.data() + start_;
        const char* const last = text_.data() + at_;
        if (whole) {
            std::uint64_t exact = 0;
            if (std::from_chars(first, last, exact).ec == std::errc()) integer = exact;
        }
        value = decimal_value({first, last});
        return true;
    }

    void string(char quote) {
        ++at_;
        std::string value;
        while (true) {
            if (at_ == text_.size())
                return fail(start_, ErrorKind::syntax, "The string does not end",
                            std::string("add ") + quote);
            const char c = text_[at_];
            if (c == quote) break;
            if (c != '\\') {
                value += c;
                ++at_;
            } else if (!escape(value)) {
                return;
            }
        }
        ++at_;
        if (peek() == quote)
            return fail(start_, ErrorKind::syntax, "A doubled quote is not an escape",
                        std::string("write \\") + quote);
        add(TokenKind::string).value = std::move(value);
    }

    bool escape(std::string& value) {
        const char c = peek(1);
        if (c == '\'' || c == '"' || c == '\\') {
            value += c;
            at_ += 2;
            return true;
        }
        if (c != 'u') {
            fail(at_, ErrorKind::syntax, "This escape is not known",
                 R"(there are \' \" \\ and \u with four hexadecimal digits)");
            return false;
        }
        auto code = code_unit();
        if (code && *code >= 0xD800 && *code < 0xDC00 && rest().starts_with("\\u")) {
            const std::uint32_t high = *code;
            const auto low = code_unit();
            code.reset();
            if (low && *low >= 0xDC00 && *low < 0xE000)
                code = 0x10000 + ((high - 0xD800) << 10) + (*low - 0xDC00);
        }
        if (!code || (*code >= 0xD800 && *code < 0xE000)) {
            fail(at_, ErrorKind::syntax, "This is not a Unicode character",
                 R"(\u takes four hexadecimal digits; characters beyond take two, a pair)");
            return false;
        }
        append_utf8(value, *code);
        return true;
    }

    // The four digits after \u.
    std::optional<std::uint32_t> code_unit() {
        std::uint32_t code = 0;
        for (std::size_t i = 2; i < 6; ++i) {
            const int digit = hex_value(peek(i));
            if (digit < 0) return {};
            code = code * 16 + static_cast<std::uint32_t>(digit);
        }
        at_ += 6;
        return code;
    }

    void escaped() {
        const std::size_t end = text_.find_first_of("[]", at_ + 2);
        if (end == std::string_view::npos || !text_.substr(end).starts_with("]]"))
            return fail(start_, ErrorKind::syntax, "The escaped name does not end with ]]",
                        "a list in a list is written with a space: [ [1] ]");
        std::string value(text_.substr(at_ + 2, end - at_ - 2));
        if (value.empty()) return fail(start_, ErrorKind::syntax, "The escaped name is empty");
        at_ = end + 2;
        add(TokenKind::escaped).value = std::move(value);
    }

    std::string_view text_;
    Budget* hints_;
    std::size_t at_ = 0;
    std::size_t start_ = 0;  // of the token being read
    bool failed_ = false;
    std::vector<Token> tokens_;
};

}  // namespace

bool Token::is_word(std::string_view contextual) const {
    return kind == TokenKind::word && equals_ignoring_case(text, contextual);
}

std::vector<Token> tokenize(std::string_view text, Budget* hints) {
    return Lexer(text, hints).run();
}

}  // namespace twinhub::query
