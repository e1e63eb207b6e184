#pragma once

#include "fleet/canonical.h"
#include "fleet/table.h"

#include <optional>
#include <string>
#include <vector>

// The law of the columns: they say of each row what its service view says.
namespace twinhub::fleet::testing {

// Two values as the query language sees them; of objects only that they are.
inline bool same(const query::Value& value, const json::value& expected) {
    const query::Value wanted = query::Value::of(expected);
    if (value.type() != wanted.type()) return false;
    switch (value.type()) {
        case query::Type::boolean: return value.boolean() == wanted.boolean();
        case query::Type::number: return value.number() == wanted.number();
        case query::Type::string: return value.string() == wanted.string();
        case query::Type::array: {
            std::string a;
            std::string b;
            append_canonical(a, *value.tree());
            append_canonical(b, *wanted.tree());
            return a == b;
        }
        default: return true;
    }
}

class NaiveReading {
public:
    explicit NaiveReading(const Table& table) : table_(table) {}

    // The first thing that differs; nothing when all is well.
    std::optional<std::string> difference(const twin::IdentityFacts& facts,
                                          const twin::Twin& twin) {
        const auto row = table_.find({facts.device_id, facts.module_id});
        if (!row || !table_.is_live(*row)) return "the row is missing";
        row_ = *row;
        std::string view;
        twin::append_service_view(view, facts, twin);
        const json::value document = parse_json(view).value();
        found_.reset();
        path_.clear();
        read_members(document);
        if (!found_) read_columns(&document);
        return found_;
    }

    // The same for a row that is nobody's.
    std::optional<std::string> difference(Row dead) {
        row_ = dead;
        found_.reset();
        path_.clear();
        read_columns(nullptr);
        return found_;
    }

private:
    void fail(const std::string& what) {
        if (found_) return;
        found_ = what + " at";
        for (const query::Segment& segment : path_) *found_ += ' ' + std::get<std::string>(segment);
    }

    // Every value of the document is in its column.
    void read_members(const json::value& object) {
        for (const json::key_value_pair& member : object.get_object()) {
            path_.emplace_back(std::string(member.key()));
            if (Table::is_metadata(path_)) {
                if (table_.column(path_) != nullptr) fail("metadata");
            } else {
                const Column* column = table_.column(path_);
                Scratch scratch;
                if (column == nullptr) fail("no column");
                else if (!column->has(row_)) fail("the column lacks the row");
                else if (!same(column->value(row_, scratch), member.value())) fail("another value");
                else check_word(*column);
                if (member.value().is_object()) read_members(member.value());
            }
            path_.pop_back();
        }
    }

    void check_word(const Column& column) {
        if (column.content() == Content::times || column.content() == Content::ids) return;
        Scratch scratch;
        if (column.word_of(column.value(row_, scratch)) != column.word(row_)) fail("another word");
    }

    // Every column that has the row has it by right.
    void read_columns(const json::value* document) {
        const std::vector<query::Segment> here = path_;
        table_.for_each_child(here, [&](std::string_view name, const Column& column) {
            path_.emplace_back(std::string(name));
            const json::value* member = nullptr;
            if (document != nullptr && document->is_object())
                member = document->get_object().if_contains({name.data(), name.size()});
            if (table_.column(path_) != &column) fail("another column");
            if (column.count() == 0) fail("an empty column");
            if (column.has(row_) != (member != nullptr)) fail("a value too much");
            read_columns(member);
            path_.pop_back();
        });
    }

    const Table& table_;
    Row row_ = 0;
    std::vector<query::Segment> path_;
    std::optional<std::string> found_;
};

}  // namespace twinhub::fleet::testing
