#include "fleet/dictionary.h"

#include "fleet/canonical.h"

#include <absl/hash/hash.h>
#include <absl/strings/string_view.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

// A record, in units of four bytes:
//
//   cells   how many hold the value; of a removed record the next one of its size
//   head    type, and from bit 3 on the length of the text (of a boolean: 1 for true)
//   ...     a number: its bits; a text: its bytes, padded
namespace twinhub::fleet {
namespace {

using query::Type;

constexpr std::uint32_t free_flag = 0x8000'0000;
constexpr std::uint32_t header_units = 2;
constexpr std::uint32_t head_of(Type type, std::uint32_t length) {
    return static_cast<std::uint32_t>(type) | length << Dictionary::Key::type_bits;
}

constexpr Code linear_max = 8;              // values that are found faster without an index
constexpr std::uint32_t untidy_units = 64;  // waste that is not worth a thought
constexpr std::uint32_t no_record = 0xFFFF'FFFF;

// An eighth more than needed: doubling would cost a large dictionary half of its memory, for the
// sake of copies that are cheap.
std::size_t grown_size(std::size_t needed) { return needed < 16 ? needed : needed + needed / 8; }

}  // namespace

Dictionary::Dictionary() {
    static std::atomic<std::uint64_t> made = 0;
    revision_ = ++made << 32;
    offsets_.push_back(free_flag);
}

std::uint32_t Dictionary::Key::hash() const {
    const std::size_t hash = type() == Type::number
                                 ? absl::HashOf(bits)
                                 : absl::HashOf(absl::string_view(text.data(), text.size()));
    return std::max(HashIndex::folded(hash), 1u);
}

Dictionary::Key Dictionary::text_key(Type type, std::string_view text) {
    return {head_of(type, static_cast<std::uint32_t>(text.size())), 0, text};
}

Dictionary::Key Dictionary::key_of(const query::Value& value, std::string& canonical) {
    switch (value.type()) {
        case Type::boolean: return {head_of(Type::boolean, value.boolean()), 0, {}};
        case Type::number:
            return {head_of(Type::number, 0), Word::of_number(value.number()).bits(), {}};
        case Type::string: return text_key(Type::string, value.string());
        case Type::array:
            canonical.clear();
            append_canonical(canonical, *value.tree());
            return text_key(Type::array, canonical);
        case Type::undefined:
        case Type::null:
        case Type::object: return {head_of(value.type(), 0), 0, {}};
    }
    return {};
}

// Where the code of a value is kept that needs no search.
Code* Dictionary::only_code_of(const Key& key) {
    switch (key.type()) {
        case Type::null: return &only_codes_[0];
        case Type::boolean: return &only_codes_[1 + key.length()];
        case Type::object: return &only_codes_[3];
        default: return nullptr;
    }
}

std::uint32_t Dictionary::units_of(const Key& key) {
    if (key.type() == Type::number) return header_units + 2;
    return header_units + static_cast<std::uint32_t>((key.text.size() + 3) / 4);
}

bool Dictionary::is_free(Code code) const { return (offsets_[code] & free_flag) != 0; }

Type Dictionary::type(Code code) const {
    return is_free(code) ? Type::undefined : Key{records_[offsets_[code] + 1], 0, {}}.type();
}

Dictionary::Key Dictionary::key(Code code) const {
    const std::uint32_t* record = &records_[offsets_[code]];
    Key key{record[1], 0, {}};
    if (key.type() == Type::number) std::memcpy(&key.bits, record + header_units, sizeof key.bits);
    else if (key.has_text())
        key.text = {reinterpret_cast<const char*>(record + header_units), key.length()};
    return key;
}

bool Dictionary::holds(Code code, const Key& sought) const {
    const std::uint32_t* record = &records_[offsets_[code]];
    if (record[1] != sought.head) return false;
    const std::uint32_t* content = record + header_units;
    if (sought.type() == Type::number)
        return std::memcmp(content, &sought.bits, sizeof sought.bits) == 0;
    return sought.text.empty() || std::memcmp(content, sought.text.data(), sought.text.size()) == 0;
}

query::Value Dictionary::value(Code code, Scratch& scratch) const {
    if (is_free(code)) return {};
    const Key own = key(code);
    switch (own.type()) {
        case Type::undefined: return {};
        case Type::null: return query::Value::null();
        case Type::boolean: return query::Value::boolean(own.length() != 0);
        case Type::number: return query::Value::number(std::bit_cast<double>(own.bits));
        case Type::string: return query::Value::string(own.text);
        case Type::array: {
            auto tree = parse_json(own.text);
            CHECK(tree);
            scratch.tree = std::move(*tree);
            return query::Value::of(scratch.tree);
        }
        case Type::object: return query::Value::object_mark();
    }
    return {};
}

Code Dictionary::find(const Key& key) const { return find(key, index_ ? key.hash() : 0); }

Code Dictionary::find(const Key& key, std::uint32_t hash) const {
    if (const Code* code = const_cast<Dictionary*>(this)->only_code_of(key)) return *code;
    if (index_)
        return index_->find(hash, [&](Code code) { return holds(code, key); })
            .value_or(undefined_code);
    for (Code code = 1; code < size(); ++code)
        if (!is_free(code) && holds(code, key)) return code;
    return undefined_code;
}

std::optional<Code> Dictionary::find(const query::Value& value) const {
    if (value.is(Type::undefined)) return undefined_code;
    if (value.is(Type::array) && value.tree() == nullptr) return std::nullopt;
    std::string canonical;
    const Code code = find(key_of(value, canonical));
    if (code == undefined_code) return std::nullopt;
    return code;
}

Code Dictionary::add(const query::Value& value) {
    std::string canonical;
    return add(key_of(value, canonical), {}, 1);
}

Dictionary::Search Dictionary::begin(const Key& key) const {
    if (!index_) return {};
    const std::uint32_t hash = key.hash();
    index_->fetch(hash);
    return {hash, undefined_code};
}

void Dictionary::guess(Search& search) const {
    if (search.hash == 0 || !index_) return;
    search.guess = index_->first(search.hash).value_or(undefined_code);
    __builtin_prefetch(&offsets_[search.guess]);
}

void Dictionary::fetch(const Search& search) const {
    if (search.guess != undefined_code && !is_free(search.guess))
        __builtin_prefetch(&records_[offsets_[search.guess]]);
}

Code Dictionary::add(const Key& key, const Search& search, std::uint32_t cells) {
    Code code = search.guess;
    if (code == undefined_code || is_free(code) || !holds(code, key)) {
        // There may have been no index yet when the search began.
        const std::uint32_t hash = search.hash == 0 && index_ ? key.hash() : search.hash;
        code = find(key, hash);
        if (code == undefined_code) code = insert(key, hash);
    }
    records_[offsets_[code]] += cells;
    return code;
}

// `hash` is asked for only where there is an index.
Code Dictionary::insert(const Key& key, std::uint32_t hash) {
    const std::uint32_t units = units_of(key);
    const Offset at = take_space(units);
    std::uint32_t* record = &records_[at];
    record[0] = 0;
    record[1] = key.head;
    if (key.type() == Type::number) std::memcpy(record + header_units, &key.bits, sizeof key.bits);
    if (!key.text.empty()) {
        record[units - 1] = 0;
        std::memcpy(record + header_units, key.text.data(), key.text.size());
    }

    Code code = first_free_;
    if (code != undefined_code) {
        first_free_ = offsets_[code] & ~free_flag;
        offsets_[code] = at;
    } else {
        code = size();
        if (offsets_.size() == offsets_.capacity())
            offsets_.reserve(grown_size(offsets_.size() + 1));
        offsets_.push_back(at);
    }
    ++used_;
    numbers_ += key.type() == Type::number;
    ++revision_;
    if (Code* only = only_code_of(key)) *only = code;
    if (index_) index_->insert(hash, code);
    else if (used_ > linear_max) build_index();
    return code;
}

void Dictionary::release(Code code, std::uint32_t cells) {
    if (code == undefined_code || cells == 0) return;
    std::uint32_t& held = records_[offsets_[code]];
    held -= cells;
    if (held == 0) remove(code);
}

void Dictionary::remove(Code code) {
    const Key gone = key(code);
    if (index_) index_->erase(gone.hash(), code);
    if (Code* only = only_code_of(gone)) *only = undefined_code;
    const std::uint32_t units = units_of(gone);
    records_wasted_ += units;
    if (holes_ && units < holes_->size()) {
        records_[offsets_[code]] = std::exchange((*holes_)[units], offsets_[code]);
    }
    offsets_[code] = first_free_ | free_flag;
    first_free_ = code;
    --used_;
    numbers_ -= gone.type() == Type::number;
    ++revision_;
    if (records_wasted_ > untidy_units && records_wasted_ > records_end_ / 2) compact();
}

// From a removed record of the same size, or from the end.
Dictionary::Offset Dictionary::take_space(std::uint32_t units) {
    if (holes_ && units < holes_->size() && (*holes_)[units] != no_record) {
        const Offset at = (*holes_)[units];
        (*holes_)[units] = records_[at];
        records_wasted_ -= units;
        return at;
    }
    if (records_end_ + units > records_.size()) {
        records_.reallocate(grown_size(records_end_ + units));
        CHECK(records_.size() < free_flag);
        if (!holes_ && records_.size() > untidy_units) {
            holes_ = std::make_unique<Holes>();
            holes_->fill(no_record);
        }
    }
    return std::exchange(records_end_, records_end_ + units);
}

void Dictionary::compact() {
    Buffer<std::uint32_t> records;
    records.reallocate(records_end_ - records_wasted_);
    std::uint32_t end = 0;
    for (Code code = 1; code < size(); ++code) {
        if (is_free(code)) continue;
        const std::uint32_t units = units_of(key(code));
        std::memcpy(&records[end], &records_[offsets_[code]], units * sizeof(std::uint32_t));
        offsets_[code] = std::exchange(end, end + units);
    }
    records_ = std::move(records);
    records_end_ = end;
    records_wasted_ = 0;
    if (records_.size() <= untidy_units) holes_.reset();
    if (holes_) holes_->fill(no_record);
}

void Dictionary::build_index() {
    index_ = std::make_unique<HashIndex>();
    index_->reserve(used_);
    for (Code code = 1; code < size(); ++code)
        if (!is_free(code)) index_->insert(key(code).hash(), code);
}

std::vector<Code> Dictionary::renumber() {
    std::vector<Code> map(size(), undefined_code);
    std::vector<Offset> offsets{free_flag};
    offsets.reserve(used_ + 1);
    for (Code code = 1; code < size(); ++code) {
        if (is_free(code)) continue;
        map[code] = static_cast<Code>(offsets.size());
        offsets.push_back(offsets_[code]);
    }
    for (Code& code : only_codes_) code = map[code];
    index_.reset();
    offsets_ = std::move(offsets);
    first_free_ = undefined_code;
    ++revision_;
    compact();
    if (used_ > linear_max) build_index();
    return map;
}

std::size_t Dictionary::bytes() const {
    std::size_t bytes = offsets_.capacity() * sizeof(Offset) + records_.bytes();
    if (index_) bytes += sizeof(HashIndex) + index_->bytes();
    if (holes_) bytes += sizeof(Holes);
    return bytes;
}

}  // namespace twinhub::fleet
