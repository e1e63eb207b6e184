#pragma once

#include "fleet/buffer.h"
#include "fleet/hash_index.h"
#include "fleet/scratch.h"
#include "fleet/word.h"
#include "query/value.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twinhub::fleet {

// The distinct values of a column, or of the columns of desired and reported at one path: each has
// a code and a count of the cells that hold it. Numbers are here only where a column is kept as
// codes. An array is kept as its canonical text (keys in order). Of an object only the mark that
// there is one is kept: its members are columns of their own.
class Dictionary {
public:
    // A value as it is stored, borrowed.
    struct Key {
        std::uint32_t head = 0;  // type and length, as in the record
        std::uint64_t bits = 0;  // of a number
        std::string_view text;   // of a string or an array

        static constexpr std::uint32_t type_bits = 3;
        query::Type type() const {
            return static_cast<query::Type>(head & ((1u << type_bits) - 1));
        }
        std::uint32_t length() const { return head >> type_bits; }  // of a boolean: 1 for true
        bool has_text() const {
            return type() == query::Type::string || type() == query::Type::array;
        }
        std::uint32_t hash() const;
    };
    // `canonical` is where the text of an array is put. Of an undefined value there is none.
    static Key key_of(const query::Value& value, std::string& canonical);

    Dictionary();
    Dictionary(const Dictionary&) = delete;
    Dictionary& operator=(const Dictionary&) = delete;

    // Every code in use is below. Codes between may be free: they read as undefined.
    Code size() const { return static_cast<Code>(offsets_.size()); }
    Code used() const { return used_; }        // values, without undefined
    Code numbers() const { return numbers_; }  // of these
    // Rises whenever a code gets, loses or changes its value. Never that of another dictionary, so
    // that what one has learnt of a dictionary is not held for true of its successor in its place.
    std::uint64_t revision() const { return revision_; }

    query::Type type(Code code) const;
    // Borrows from the dictionary until it changes; an array is parsed into `scratch`. An object is
    // a mark without a tree.
    query::Value value(Code code, Scratch& scratch) const;
    // The code of exactly this value; nothing when no cell holds it. Of an object: of the mark.
    std::optional<Code> find(const query::Value& value) const;

    // The code of the value, which now has one cell more.
    Code add(const query::Value& value);
    // The same for a value that now has `cells` more, in steps, so that what a search needs of the
    // memory can be waited for together with that of other searches.
    struct Search {
        std::uint32_t hash = 0;  // 0: it needs none
        Code guess = undefined_code;
    };
    Search begin(const Key& key) const;
    void guess(Search& search) const;
    void fetch(const Search& search) const;
    Code add(const Key& key, const Search& search, std::uint32_t cells);
    // One cell less. A value without cells goes, and its code is given to another one.
    void release(Code code, std::uint32_t cells = 1);

    // Numbers the values anew, without gaps, in the order of their codes. The result has, for each
    // old code, the new one; who holds codes must translate them.
    std::vector<Code> renumber();

    std::size_t bytes() const;  // allocated, without this object

private:
    using Offset = std::uint32_t;  // into records_; of a free code the next free one, marked
    using Holes = std::array<Offset, 64>;  // by size in units: the first of a chain

    static Key text_key(query::Type type, std::string_view text);
    Code* only_code_of(const Key& key);
    static std::uint32_t units_of(const Key& key);
    bool is_free(Code code) const;
    Key key(Code code) const;
    bool holds(Code code, const Key& key) const;
    Code find(const Key& key) const;
    Code find(const Key& key, std::uint32_t hash) const;
    Code insert(const Key& key, std::uint32_t hash);
    Offset take_space(std::uint32_t units);
    void remove(Code code);
    void build_index();
    void compact();

    std::vector<Offset> offsets_;       // by code
    Buffer<std::uint32_t> records_;     // of the values, in units of four bytes
    std::uint32_t records_end_ = 0;     // what is used of it
    std::uint32_t records_wasted_ = 0;  // of this, by values that have gone
    Code used_ = 0;
    Code numbers_ = 0;
    Code first_free_ = undefined_code;
    std::uint64_t revision_ = 0;
    std::array<Code, 4> only_codes_{};  // of null, false, true and the object mark
    std::unique_ptr<HashIndex> index_;  // only for more than a few values
    std::unique_ptr<Holes> holes_;      // only for more than a few records
};

}  // namespace twinhub::fleet
