#pragma once

#include "base/json.h"

#include <cstdint>
#include <string_view>

namespace twinhub::query {

// What a path or an expression has in one row (spec query-language 5). Undefined is not null.
// The order is that of ORDER BY (section 11).
enum class Type : std::uint8_t { undefined, null, boolean, number, string, array, object };

// A value of the language, borrowed: text and trees live in the row, the plan or the evaluation's
// scratch memory. Trivially copyable.
class Value {
public:
    Value() : number_(0) {}  // undefined
    static Value null() { return Value(Type::null); }
    static Value boolean(bool flag) {
        Value value(Type::boolean);
        value.boolean_ = flag;
        return value;
    }
    static Value number(double number) {
        Value value(Type::number);
        value.number_ = number;
        return value;
    }
    static Value string(std::string_view text) {
        Value value(Type::string);
        value.text_ = text.data();
        value.text_size_ = static_cast<std::uint32_t>(text.size());
        return value;
    }
    // An array or object of the document; other kinds become the matching scalar.
    static Value of(const json::value& tree);
    // An object whose content nobody will look at: a mark that the path exists as one.
    static Value object_mark() {
        Value value(Type::object);
        value.tree_ = nullptr;
        return value;
    }

    Type type() const { return type_; }
    bool is(Type type) const { return type_ == type; }
    bool boolean() const { return boolean_; }                        // only of a boolean
    double number() const { return number_; }                        // only of a number
    std::string_view string() const { return {text_, text_size_}; }  // only of a string
    // Only of an array or object; nullptr when all that is known is that there is one.
    const json::value* tree() const { return tree_; }

private:
    explicit Value(Type type) : type_(type), number_(0) {}

    Type type_ = Type::undefined;
    std::uint32_t text_size_ = 0;
    union {
        bool boolean_;
        double number_;
        const char* text_;
        const json::value* tree_;
    };
};

// The three truths of a condition (spec query-language 5): a row passes on `yes` alone.
enum class Truth : std::uint8_t { no, yes, undefined };

}  // namespace twinhub::query
