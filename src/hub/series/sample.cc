#include "hub/series/sample.h"

#include "base/bytes.h"
#include "store/keys.h"
#include "store/record.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace twinhub::hub {
namespace {

constexpr std::size_t number_bytes = 8;

void append_number(std::string& out, std::int64_t number) {
    const auto bits = static_cast<std::uint64_t>(number);
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(bits >> shift & 0xFF);
}

void append_counts(std::string& out, const SeriesCounts& counts) {
    for (const std::uint64_t count : counts.states) append_varint(out, count);
    append_varint(out, counts.connected);
    append_varint(out, counts.connects);
}

SeriesCounts read_counts(ByteReader& reader) {
    SeriesCounts counts;
    for (std::uint64_t& count : counts.states) count = reader.varint();
    counts.connected = reader.varint();
    counts.connects = reader.varint();
    return counts;
}

std::unexpected<Error> damaged(std::string_view key) {
    return failure(Code::corrupted, "A part of the fleet's series cannot be read",
                   "metadata/" + store::printable(key));
}

}  // namespace

std::uint64_t SeriesCounts::devices() const {
    return std::accumulate(states.begin(), states.end(), std::uint64_t{0});
}

void SeriesCounts::add(const SeriesCounts& more) {
    for (std::size_t i = 0; i < states.size(); ++i) states[i] += more.states[i];
    connected += more.connected;
    connects += more.connects;
}

void SeriesCounts::follow(const SeriesCounts& next) {
    const std::uint64_t before = connects;
    *this = next;
    connects += before;
}

const SeriesCounts* SeriesSample::find(std::string_view key) const {
    const auto found = std::ranges::lower_bound(groups, key, {}, &Group::key);
    return found != groups.end() && found->key == key ? &found->counts : nullptr;
}

void SeriesSample::follow(const SeriesSample& next) {
    all.follow(next.all);
    rest.follow(next.rest);
    missing.follow(next.missing);
    std::vector<Group> merged;
    merged.reserve(std::max(groups.size(), next.groups.size()));
    auto is = next.groups.begin();
    for (Group& was : groups) {
        for (; is != next.groups.end() && is->key < was.key; ++is) merged.push_back(*is);
        SeriesCounts counts;
        if (is != next.groups.end() && is->key == was.key) counts = (is++)->counts;
        counts.connects += was.counts.connects;
        if (!counts.empty()) merged.push_back({std::move(was.key), counts});
    }
    merged.insert(merged.end(), is, next.groups.end());
    groups = std::move(merged);
}

std::chrono::minutes length_of(SeriesLevel level) {
    return level == SeriesLevel::minute ? std::chrono::minutes{1} : std::chrono::minutes{60};
}

std::int64_t series_number(SeriesLevel level, Instant at) {
    const std::int64_t minutes =
        std::chrono::floor<std::chrono::minutes>(at.time_since_epoch()).count();
    const std::int64_t length = length_of(level).count();
    return minutes >= 0 ? minutes / length : -((-minutes + length - 1) / length);
}

std::string series_key(SeriesLevel level, std::string_view by, std::int64_t number) {
    std::string text{static_cast<char>(level)};
    text += by;
    text += '\0';
    append_number(text, number);
    return store::metadata_key(store::Area::series, text);
}

store::Range series_range(SeriesLevel level, std::string_view by, std::int64_t first,
                          std::int64_t last) {
    return {series_key(level, by, first), series_key(level, by, last + 1)};
}

Result<SeriesKey> parse_series_key(std::string_view key) {
    // Area, level, path, NUL, number.
    if (key.size() < 3 + number_bytes || (key[1] != 'm' && key[1] != 'h') ||
        key[key.size() - number_bytes - 1] != '\0')
        return damaged(key);
    SeriesKey parsed{.level = static_cast<SeriesLevel>(key[1]),
                     .by = key.substr(2, key.size() - number_bytes - 3)};
    std::uint64_t bits = 0;
    for (const char c : key.substr(key.size() - number_bytes))
        bits = bits << 8 | static_cast<unsigned char>(c);
    parsed.number = static_cast<std::int64_t>(bits);
    return parsed;
}

std::string sealed_sample(std::string_view key, const SeriesSample& sample) {
    std::string body;
    append_counts(body, sample.all);
    append_counts(body, sample.rest);
    append_counts(body, sample.missing);
    append_varint(body, sample.groups.size());
    for (const auto& [name, counts] : sample.groups) {
        append_text(body, name);
        append_counts(body, counts);
    }
    return store::sealed(store::Kind::series, series_format, key, body);
}

Result<SeriesSample> open_sample(std::string_view key, std::string_view value) {
    TRY(const store::Opened opened,
        store::open(store::Kind::series, series_format, "metadata", key, value));
    ByteReader reader(opened.body);
    SeriesSample sample;
    sample.all = read_counts(reader);
    sample.rest = read_counts(reader);
    sample.missing = read_counts(reader);
    for (std::uint64_t left = reader.varint(); left != 0 && !reader.failed(); --left) {
        std::string name(reader.text());
        const SeriesCounts counts = read_counts(reader);
        const bool rises = sample.groups.empty() || sample.groups.back().key < name;
        if (!rises) return damaged(key);
        sample.groups.push_back({std::move(name), counts});
    }
    if (reader.failed()) return damaged(key);
    return sample;
}

}  // namespace twinhub::hub
