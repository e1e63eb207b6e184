#include "fleet/column.h"

#include "base/encoding.h"
#include "fleet/ids.h"
#include "twin/etag.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <array>
#include <functional>
#include <vector>

namespace twinhub::fleet {
namespace {

// What a form costs, in bytes: measured averages, of which only the order of size matters.
constexpr std::size_t sparse_cell_cost = 20;
constexpr std::size_t dictionary_number_cost = 28;
// More numbers than this in a dictionary slow down every write for little memory.
constexpr std::uint32_t dictionary_numbers_max = 65'535;
// Below these a narrower form is worth the renumbering; it comes back at twice as many.
constexpr Code narrow8_max = 128;
constexpr Code narrow16_max = 32'768;
constexpr Code untidy_min = 64;  // codes; gaps among fewer cost nothing

constexpr std::size_t width_of(Code codes) {
    return codes <= 0x100 ? 1 : codes <= 0x1'0000 ? 2 : 4;
}
constexpr Form form_of(std::size_t width) {
    return width == 1 ? Form::codes8 : width == 2 ? Form::codes16 : Form::codes32;
}

const Dictionary& empty_dictionary() {
    static const Dictionary empty;
    return empty;
}

std::optional<std::uint64_t> counter_of_etag(std::string_view text) {
    const auto bytes = base64_decode(text);
    if (!bytes || bytes->size() != 8) return std::nullopt;
    std::uint64_t counter = 0;
    for (const char byte : *bytes) counter = counter << 8 | static_cast<unsigned char>(byte);
    if (twin::etag_text(counter) != text) return std::nullopt;
    return counter;
}

}  // namespace

Column::Column(Content content, const std::uint32_t& capacity, Dictionary* dictionary)
    : capacity_(&capacity), dictionary_(dictionary), content_(content) {
    if (content == Content::counters || content == Content::etags) {
        cells_ = Buffer<Word>();
        form_ = Form::words;
    } else if (content == Content::times) {
        cells_ = Buffer<std::int64_t>();
        form_ = Form::ticks;
    }
    resize();
}

Column::Column(const Ids& ids, bool modules)
    : ids_(&ids), form_(Form::ids), content_(Content::ids), modules_(modules) {}

std::uint32_t Column::count() const {
    if (ids_ != nullptr) return modules_ ? ids_->modules() : ids_->size();
    return count_;
}

const Dictionary& Column::dictionary() const {
    return dictionary_ != nullptr ? *dictionary_ : empty_dictionary();
}

bool Column::has(Row row) const {
    switch (form_) {
        case Form::ids: return ids_->has(row) && (!modules_ || !ids_->key(row).module.empty());
        case Form::ticks: return row < *capacity_ && ticks()[row] != no_tick;
        default: return !word(row).is_undefined();
    }
}

Word Column::word(Row row) const {
    return std::visit(
        [row]<class C>(const C& cells) {
            if constexpr (std::is_same_v<C, SparseCells>) return cells.find(row);
            else if (row >= cells.size()) return Word();
            else if constexpr (std::is_same_v<C, Buffer<Word>>) return cells[row];
            else if constexpr (std::is_same_v<C, Buffer<std::int64_t>>) return Word();
            else return Word::of_code(cells[row]);
        },
        cells_);
}

std::optional<Instant> Column::instant(Row row) const {
    if (form_ != Form::ticks || row >= ticks().size() || ticks()[row] == no_tick)
        return std::nullopt;
    return Instant{Ticks{ticks()[row]}};
}

query::Value Column::value(Row row, Scratch& scratch) const {
    if (content_ == Content::ids) {
        if (!has(row)) return {};
        return query::Value::string(modules_ ? ids_->key(row).module : ids_->key(row).device);
    }
    if (content_ == Content::times) {
        const auto time = instant(row);
        if (!time) return {};
        scratch.text.clear();
        append_instant(scratch.text, *time);
        return query::Value::string(scratch.text);
    }
    const Word cell = word(row);
    if (content_ == Content::etags && cell.is_number()) {
        scratch.text = twin::etag_text(static_cast<std::uint64_t>(cell.number()));
        return query::Value::string(scratch.text);
    }
    if (cell.is_number()) return query::Value::number(cell.number());
    return dictionary().value(cell.code(), scratch);
}

std::optional<Word> Column::word_of(const query::Value& value) const {
    if (value.is(query::Type::undefined)) return Word();
    if (content_ == Content::etags) {
        if (!value.is(query::Type::string)) return std::nullopt;
        const auto counter = counter_of_etag(value.string());
        if (!counter) return std::nullopt;
        return Word::of_number(static_cast<double>(*counter));
    }
    if (value.is(query::Type::number) && !is_coded()) return Word::of_number(value.number());
    const auto code = dictionary().find(value);
    if (!code) return std::nullopt;
    return Word::of_code(*code);
}

// Puts the word where the row's was, and returns that.
Word Column::exchange(Row row, Word word) {
    const Word before = std::visit(
        [&]<class C>(C& cells) {
            if constexpr (std::is_same_v<C, SparseCells>) return cells.set(row, word);
            else if constexpr (std::is_same_v<C, Buffer<Word>>)
                return std::exchange(cells[row], word);
            else if constexpr (std::is_same_v<C, Buffer<std::int64_t>>) return Word();
            else {
                using Cell = std::remove_cvref_t<decltype(cells[row])>;
                return Word::of_code(std::exchange(cells[row], static_cast<Cell>(word.code())));
            }
        },
        cells_);
    count_ += before.is_undefined();
    count_ -= word.is_undefined();
    return before;
}

// The word of a value in this column, which it will be put in: its dictionary counts it.
// `notable` becomes true when it may speak for another form.
Word Column::word_for(const Dictionary::Key& key, const Dictionary::Search& search,
                      std::uint32_t rows, bool& notable) {
    const bool is_number = key.type() == query::Type::number;
    if (is_number && !is_coded()) {
        notable = true;
        return Word::from_bits(key.bits);
    }
    const Code known = dictionary_->used();
    const Code code = dictionary_->add(key, search, rows);
    notable = form_ == Form::sparse || dictionary_->used() != known;
    if (is_coded() && !fits(code)) {
        // Before the cells become wider: perhaps they are numbers, better kept as such.
        reconsider();
        if (!is_coded() && is_number) {
            dictionary_->release(code, rows);
            return Word::from_bits(key.bits);
        }
        if (is_coded() && !fits(code))
            move_cells(form_of(width_of(dictionary_->size())), std::identity());
    }
    return Word::of_code(code);
}

bool Column::set(Row row, const query::Value& value) {
    Word word;
    bool notable = true;
    if (!value.is(query::Type::undefined)) {
        std::string canonical;
        word = word_for(Dictionary::key_of(value, canonical), {}, 1, notable);
    }
    const Word before = exchange(row, word);
    if (!before.is_number() && !before.is_undefined()) dictionary_->release(before.code());
    if (notable && content_ == Content::values && --patience_ == 0) reconsider();
    return !before.is_undefined();
}

// Some at a time: what their searches need comes from memory together.
void Column::load(std::span<const StagedCell> cells) {
    constexpr std::size_t batch = 32;
    std::array<Dictionary::Search, batch> searches;
    for (std::size_t done = 0; done < cells.size(); done += batch) {
        const auto some = cells.subspan(done, std::min(batch, cells.size() - done));
        const std::span mine = std::span(searches).first(some.size());
        for (std::size_t i = 0; i < some.size(); ++i) {
            const Dictionary::Key key = some[i].key();
            const bool is_inline = key.type() == query::Type::number && !is_coded();
            mine[i] = is_inline ? Dictionary::Search() : dictionary_->begin(key);
        }
        if (dictionary_ != nullptr) {
            for (Dictionary::Search& search : mine) dictionary_->guess(search);
            for (const Dictionary::Search& search : mine) dictionary_->fetch(search);
        }
        for (std::size_t i = 0; i < some.size(); ++i) load(some[i], mine[i]);
    }
}

void Column::load(const StagedCell& cell, const Dictionary::Search& search) {
    bool notable = true;
    const Word word = word_for(cell.key(), search, cell.rows(), notable);
    for (std::uint32_t i = 0; i < cell.rows(); ++i)
        CHECK(exchange(cell.row() + i, word).is_undefined());
    if (!notable || content_ != Content::values) return;
    patience_ -= std::min(patience_, cell.rows());
    if (patience_ == 0) reconsider();
}

void Column::set(Row row, Instant instant) {
    std::int64_t& cell = std::get<Buffer<std::int64_t>>(cells_)[row];
    count_ += cell == no_tick;
    cell = instant.time_since_epoch().count();
}

void Column::clear(Row row) {
    if (form_ != Form::ticks) {
        set(row, query::Value());
        return;
    }
    std::int64_t& cell = std::get<Buffer<std::int64_t>>(cells_)[row];
    count_ -= cell != no_tick;
    cell = no_tick;
}

void Column::resize() {
    std::visit(
        [this]<class C>(C& cells) {
            if constexpr (std::is_same_v<C, Buffer<Word>>) cells.resize(*capacity_, Word());
            else if constexpr (std::is_same_v<C, Buffer<std::int64_t>>)
                cells.resize(*capacity_, no_tick);
            else if constexpr (!std::is_same_v<C, SparseCells>)
                cells.resize(*capacity_, undefined_code);
        },
        cells_);
    if (content_ == Content::values && form_ != Form::sparse) reconsider();
}

bool Column::fits(Code code) const {
    return form_ == Form::codes32 || code < (form_ == Form::codes8 ? 0x100u : 0x1'0000u);
}

// How many there are, or any number above the limit when there are more.
std::uint32_t Column::distinct_numbers(std::uint32_t limit) const {
    absl::flat_hash_set<std::uint64_t> seen;
    const auto look = [&](Row, Word word) {
        if (word.is_number() && seen.size() <= limit) seen.insert(word.bits());
    };
    for_each(look);
    return static_cast<std::uint32_t>(seen.size());
}

// Chooses the form that costs least, if it costs clearly less than the present one.
void Column::reconsider() {
    patience_ = std::max<std::uint32_t>(count_ / 2, 4);
    const std::size_t capacity = *capacity_;
    const std::size_t sparse = count_ * sparse_cell_cost;
    const std::size_t words = capacity * sizeof(Word);

    const std::size_t other = std::min(sparse, words);
    const auto worth_counting = static_cast<std::uint32_t>(
        std::min<std::size_t>(other / dictionary_number_cost, dictionary_numbers_max));
    const std::uint32_t numbers =
        is_coded() ? dictionary_->numbers() : distinct_numbers(worth_counting);
    const Code values = dictionary_->used() + 1 + (is_coded() ? 0 : numbers);
    const std::size_t width = width_of(values);
    std::size_t codes = capacity * width + numbers * dictionary_number_cost;
    if (numbers > dictionary_numbers_max) codes = std::numeric_limits<std::size_t>::max() / 2;

    const std::size_t present = form_ == Form::sparse  ? sparse
                                : form_ == Form::words ? words
                                                       : codes;
    const std::size_t least = std::min(other, codes);
    if (least + least / 2 + sparse_cell_cost * 2 >= present) return;
    if (least == codes) become_codes();
    else if (is_coded()) become_inline(least == words ? Form::words : Form::sparse);
    else move_cells(least == words ? Form::words : Form::sparse, std::identity());
}

// Moves every cell to the new form; `translate` gives its word there.
template <class Translate>
void Column::move_cells(Form form, Translate&& translate) {
    const Cells old = std::exchange(cells_, Cells());
    form_ = form;
    if (form == Form::codes8) cells_ = Buffer<std::uint8_t>(*capacity_, undefined_code);
    if (form == Form::codes16) cells_ = Buffer<std::uint16_t>(*capacity_, undefined_code);
    if (form == Form::codes32) cells_ = Buffer<std::uint32_t>(*capacity_, undefined_code);
    if (form == Form::words) cells_ = Buffer<Word>(*capacity_, Word());
    std::visit(
        [&]<class C>(C& cells) {
            visit_cells(old, [&](Row row, Word word) {
                const Word moved = translate(word);
                if constexpr (std::is_same_v<C, SparseCells>) cells.set(row, moved);
                else if constexpr (std::is_same_v<C, Buffer<Word>>) cells[row] = moved;
                else {
                    using Cell = std::remove_cvref_t<decltype(cells[row])>;
                    cells[row] = static_cast<Cell>(moved.code());
                }
            });
        },
        cells_);
}

void Column::become_codes() {
    const auto coded = [this](Word word) {
        if (!word.is_number()) return word;
        return Word::of_code(dictionary_->add(query::Value::number(word.number())));
    };
    // In place first: how wide the codes are is known only then.
    if (auto* sparse = std::get_if<SparseCells>(&cells_)) sparse->update_each(coded);
    else
        for (Word& word : std::get<Buffer<Word>>(cells_)) word = coded(word);
    move_cells(form_of(width_of(dictionary_->size())), std::identity());
}

// From codes: numbers leave the dictionary.
void Column::become_inline(Form form) {
    std::vector<Word> words(dictionary_->size());
    std::vector<std::uint32_t> cells(words.size(), 0);
    Scratch unused;
    for (Code code = 1; code < words.size(); ++code)
        words[code] = dictionary_->type(code) == query::Type::number
                          ? Word::of_number(dictionary_->value(code, unused).number())
                          : Word::of_code(code);
    move_cells(form, [&](Word word) {
        ++cells[word.code()];
        return words[word.code()];
    });
    for (Code code = 1; code < words.size(); ++code)
        if (words[code].is_number()) dictionary_->release(code, cells[code]);
}

bool Column::wants_renumbering() const {
    if (dictionary_ == nullptr) return false;
    const Code used = dictionary_->used();
    const Code size = dictionary_->size();
    return (size > untidy_min && used < size / 4) ||
           (form_ == Form::codes16 && used <= narrow8_max) ||
           (form_ == Form::codes32 && used <= narrow16_max);
}

void Column::recode(std::span<const Code> map) {
    std::visit(
        [&]<class C>(C& cells) {
            const auto recoded = [&](Word word) {
                return word.is_number() ? word : Word::of_code(map[word.code()]);
            };
            if constexpr (std::is_same_v<C, SparseCells>) {
                cells.update_each(recoded);
            } else if constexpr (std::is_same_v<C, Buffer<Word>>) {
                for (Word& word : cells) word = recoded(word);
            } else if constexpr (!std::is_same_v<C, Buffer<std::int64_t>>) {
                using Cell = std::remove_cvref_t<decltype(cells[0])>;
                for (auto& code : cells) code = static_cast<Cell>(map[code]);
            }
        },
        cells_);
    if (!is_coded()) return;
    const Form form = form_of(width_of(dictionary_->size()));
    if (form < form_) move_cells(form, std::identity());
}

std::size_t Column::bytes() const {
    return std::visit([](const auto& cells) { return cells.bytes(); }, cells_);
}

}  // namespace twinhub::fleet
