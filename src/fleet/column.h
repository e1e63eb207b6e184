#pragma once

#include "base/time.h"
#include "fleet/buffer.h"
#include "fleet/dictionary.h"
#include "fleet/sparse_cells.h"
#include "fleet/staged_cell.h"
#include "fleet/word.h"
#include "query/value.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <variant>

namespace twinhub::fleet {

class Ids;

// How the cells of a column are kept. It follows the content: few rows, few values, many numbers.
enum class Form : std::uint8_t {
    sparse,  // words, for the rows that have one
    codes8,  // a dictionary code for every row, 0 for undefined
    codes16,
    codes32,
    words,  // a Word for every row; a number is never a code
    ticks,  // a time for every row
    ids     // texts that the table keeps for itself: deviceId, moduleId
};

// What the cells mean.
enum class Content : std::uint8_t {
    values,
    counters,  // Form words: numbers that change with every write
    times,     // Form ticks. Their language value is the ISO text; they compare as instants
    etags,     // Form words: the number that the etag text is made of
    ids
};

// The values of one path in all rows of a table. Dense forms have `capacity()` cells of the table,
// and read undefined beyond its rows. Pointers and values taken from a column are good until its
// table changes; a column that no row has any more is gone.
class Column {
public:
    Column(Content content, const std::uint32_t& capacity, Dictionary* dictionary);
    Column(const Ids& ids, bool modules);  // deviceId, or moduleId

    Form form() const { return form_; }
    Content content() const { return content_; }
    std::uint32_t count() const;  // rows that have it

    // The cells of a dense form; only of the form named.
    std::span<const std::uint8_t> codes8() const { return cells<std::uint8_t>(); }
    std::span<const std::uint16_t> codes16() const { return cells<std::uint16_t>(); }
    std::span<const std::uint32_t> codes32() const { return cells<std::uint32_t>(); }
    std::span<const Word> words() const { return cells<Word>(); }
    // Of an Instant, or `no_tick` for undefined.
    std::span<const std::int64_t> ticks() const { return cells<std::int64_t>(); }
    static constexpr std::int64_t no_tick = std::numeric_limits<std::int64_t>::min();

    // What codes stand for; an empty one where there are none. The columns of desired and of
    // reported at the same path below have the same one: equal codes are equal values.
    const Dictionary& dictionary() const;

    bool has(Row row) const;
    // The cell as a word; in a form of codes also a number is one. Not of ticks and ids.
    Word word(Row row) const;
    // For times and etags the text that the service view shows.
    query::Value value(Row row, Scratch& scratch) const;
    std::optional<Instant> instant(Row row) const;  // only of times
    // The word of every row that has this value; nothing when no row can have it. Not for times
    // and ids.
    std::optional<Word> word_of(const query::Value& value) const;

    // visit(row, word) for every row that has it; in ascending order where dense. Not of ticks and
    // ids.
    template <class Visit>
    void for_each(Visit&& visit) const {
        visit_cells(cells_, visit);
    }

    // The table's side. `value` may be undefined. Returns whether the row had one before.
    bool set(Row row, const query::Value& value);
    void set(Row row, Instant instant);
    // Cells of rows that have none yet.
    void load(std::span<const StagedCell> cells);
    void clear(Row row);
    void resize();                           // the table's capacity has changed
    bool wants_renumbering() const;          // the dictionary has many gaps, or fits a smaller form
    void recode(std::span<const Code> map);  // after Dictionary::renumber
    std::size_t bytes() const;               // allocated, without this object and its dictionary

private:
    using Cells = std::variant<SparseCells, Buffer<std::uint8_t>, Buffer<std::uint16_t>,
                               Buffer<std::uint32_t>, Buffer<Word>, Buffer<std::int64_t>>;

    template <class T>
    std::span<const T> cells() const {
        const auto& buffer = std::get<Buffer<T>>(cells_);
        return {buffer.data(), buffer.size()};
    }
    bool is_coded() const { return form_ >= Form::codes8 && form_ <= Form::codes32; }
    bool fits(Code code) const;
    Word exchange(Row row, Word word);
    void load(const StagedCell& cell, const Dictionary::Search& search);
    Word word_for(const Dictionary::Key& key, const Dictionary::Search& search, std::uint32_t rows,
                  bool& notable);
    std::uint32_t distinct_numbers(std::uint32_t limit) const;
    void reconsider();
    void become_codes();
    void become_inline(Form form);
    template <class Translate>
    void move_cells(Form form, Translate&& translate);
    template <class Visit>
    static void visit_cells(const Cells& cells, Visit&& visit);

    Cells cells_;
    const std::uint32_t* capacity_ = nullptr;
    Dictionary* dictionary_ = nullptr;
    const Ids* ids_ = nullptr;
    std::uint32_t count_ = 0;
    std::uint32_t patience_ = 4;  // changes until the form is thought over
    Form form_ = Form::sparse;
    Content content_ = Content::values;
    bool modules_ = false;
};

template <class Visit>
void Column::visit_cells(const Cells& all, Visit&& visit) {
    std::visit(
        [&]<class C>(const C& cells) {
            if constexpr (std::is_same_v<C, SparseCells>) {
                cells.for_each(visit);
            } else if constexpr (std::is_same_v<C, Buffer<Word>>) {
                for (Row row = 0; row < cells.size(); ++row)
                    if (!cells[row].is_undefined()) visit(row, cells[row]);
            } else if constexpr (!std::is_same_v<C, Buffer<std::int64_t>>) {
                for (Row row = 0; row < cells.size(); ++row)
                    if (cells[row] != undefined_code) visit(row, Word::of_code(cells[row]));
            }
        },
        all);
}

}  // namespace twinhub::fleet
