#include "store/rocksdb/log_check.h"

#include "store/crc32c.h"
#include "store/rocksdb/status.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/wal_filter.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <vector>

namespace twinhub::store {
namespace {

constexpr std::size_t header_bytes = 7;
constexpr std::size_t head_bytes = 12;  // of a write: first operation and count
constexpr std::size_t read_bytes = 32 * LogReader::block_bytes;

std::uint64_t little_endian(std::string_view bytes) {
    std::uint64_t number = 0;
    for (std::size_t i = bytes.size(); i-- > 0;)
        number = (number << 8) | static_cast<unsigned char>(bytes[i]);
    return number;
}

std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

// The data of the record that begins at `at`, if a whole one does.
std::optional<std::string_view> record_at(std::string_view block, std::size_t at) {
    if (block.size() - at < header_bytes) return std::nullopt;
    const auto type = static_cast<unsigned char>(block[at + 6]);
    const std::uint64_t length = little_endian(block.substr(at + 4, 2));
    if (type < 1 || type > 4 || block.size() - at - header_bytes < length) return std::nullopt;
    const std::string_view covered = block.substr(at + 6, 1 + length);
    if (masked(crc32c(0, covered)) != little_endian(block.substr(at, 4))) return std::nullopt;
    return covered.substr(1);
}

bool only_zeros(std::string_view bytes) {
    return std::ranges::all_of(bytes, [](char byte) { return byte == 0; });
}

// The numbers of the logs of a folder, rising.
std::vector<std::uint64_t> log_numbers(const std::filesystem::path& folder) {
    std::vector<std::uint64_t> numbers;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        if (entry.path().extension() != ".log") continue;
        const std::string stem = entry.path().stem().string();
        std::uint64_t number = 0;
        const auto [stop, wrong] = std::from_chars(stem.data(), stem.data() + stem.size(), number);
        if (wrong == std::errc() && stop == stem.data() + stem.size()) numbers.push_back(number);
    }
    std::ranges::sort(numbers);
    return numbers;
}

std::string log_name(std::uint64_t number) {
    std::string digits = std::to_string(number);
    return std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0') + digits + ".log";
}

Result<LogReader> read_log(rocksdb::Env& env, const std::filesystem::path& path) {
    LogReader reader;
    std::unique_ptr<rocksdb::SequentialFile> file;
    const auto failed = [&path](const rocksdb::Status& status) {
        return std::unexpected(error_of(status, "Reading the log " + path.string()));
    };
    if (const auto status = env.NewSequentialFile(path, &file, rocksdb::EnvOptions()); !status.ok())
        return failed(status);
    std::string buffer(read_bytes, '\0');
    while (true) {
        rocksdb::Slice bytes;
        if (const auto status = file->Read(buffer.size(), &bytes, buffer.data()); !status.ok())
            return failed(status);
        std::string_view left(bytes.data(), bytes.size());
        for (; !left.empty(); left.remove_prefix(std::min(left.size(), LogReader::block_bytes)))
            reader.read(left.substr(0, LogReader::block_bytes));
        if (bytes.size() < buffer.size()) break;
    }
    reader.end();
    return reader;
}

// Learns which logs a replay would read, and has none replayed.
class Needed final : public rocksdb::WalFilter {
public:
    std::uint64_t first = 0;

    const char* Name() const override { return "needed"; }
    void ColumnFamilyLogNumberMap(const std::map<std::uint32_t, std::uint64_t>& logs,
                                  const std::map<std::string, std::uint32_t>&) override {
        first = std::numeric_limits<std::uint64_t>::max();
        for (const auto& [family, log] : logs) first = std::min(first, log);
    }
    WalProcessingOption LogRecordFound(unsigned long long, const std::string&,
                                       const rocksdb::WriteBatch&, rocksdb::WriteBatch*,
                                       bool*) override {
        return WalProcessingOption::kStopReplay;
    }
};

// The first log whose changes are not all in sorted files; 0 when that cannot be learned.
std::uint64_t first_needed(rocksdb::Env& env, const std::filesystem::path& folder) {
    Needed needed;
    rocksdb::DBOptions options;
    options.env = &env;
    options.track_and_verify_wals_in_manifest = true;  // or it asserts that it may forget them
    options.wal_filter = &needed;
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
    std::vector<std::string> names;
    if (!rocksdb::DB::ListColumnFamilies(options, folder, &names).ok()) return 0;
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const std::string& name : names)
        families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* opened = nullptr;
    rocksdb::DB::OpenForReadOnly(options, folder, families, &handles, &opened)
        .PermitUncheckedError();
    const std::unique_ptr<rocksdb::DB> db(opened);
    if (db)
        for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
    return needed.first;
}

}  // namespace

void LogReader::read(std::string_view block) {
    for (std::size_t at = 0; at < block.size();) {
        if (block_bytes - at < header_bytes) break;  // too little for a record: filled with zeros
        if (!in_write_ && !damaged_at_ && only_zeros(block.substr(at))) {
            if (!zeros_at_) zeros_at_ = offset_ + at;
            break;
        }
        if (const auto data = record_at(block, at)) {
            take(static_cast<Type>(block[at + 6]), *data, offset_ + at);
            at += header_bytes + data->size();
            continue;
        }
        // The length may be what is wrong: look for the next record byte by byte.
        damaged(in_write_ ? write_at_ : offset_ + at);
        ++at;
    }
    offset_ += block.size();
}

void LogReader::end() {
    if (in_write_) damaged(write_at_);
}

void LogReader::take(Type type, std::string_view data, std::uint64_t at) {
    const bool begins = type == Type::full || type == Type::first;
    if (zeros_at_) damaged(*zeros_at_);           // they were no end: something stood there
    if (in_write_ && begins) damaged(write_at_);  // the write before it has no end
    if (!in_write_ && !begins) damaged(at);       // nor this one a beginning
    if (damaged_at_) {
        resumed_ = resumed_ || begins;
        return;
    }
    if (begins) begin_write(at);
    write_head_.append(data.substr(0, head_bytes - write_head_.size()));
    if (type == Type::full || type == Type::last) end_write();
}

void LogReader::begin_write(std::uint64_t at) {
    in_write_ = true;
    write_at_ = at;
    write_head_.clear();
}

void LogReader::end_write() {
    in_write_ = false;
    if (write_head_.size() < head_bytes) return damaged(write_at_);
    const std::uint64_t first = little_endian(std::string_view(write_head_).substr(0, 8));
    if (!first_operation_) first_operation_ = first;
    next_operation_ = first + little_endian(std::string_view(write_head_).substr(8));
}

void LogReader::damaged(std::uint64_t at) {
    if (!damaged_at_) damaged_at_ = at;
    in_write_ = false;
}

Result<> check_log(rocksdb::Env& env, const std::filesystem::path& folder) {
    struct Damage {
        std::uint64_t log = 0;
        std::uint64_t at = 0;
    };
    std::vector<Damage> losses;             // with commits behind them
    std::optional<Damage> open;             // so far nothing behind it
    std::optional<std::uint64_t> expected;  // the operation that would continue what is whole
    for (const std::uint64_t number : log_numbers(folder)) {
        TRY(const LogReader log, read_log(env, folder / log_name(number)));
        const bool continues = log.first_operation() && log.first_operation() == expected;
        // A log that goes on exactly where a torn one ends was written after a recovery from it.
        if (open && (log.first_operation() || log.resumed()) && !continues) losses.push_back(*open);
        if (log.first_operation()) open.reset();
        if (log.next_operation()) expected = log.next_operation();
        if (log.damaged_at() && log.resumed()) losses.push_back({number, *log.damaged_at()});
        else if (log.damaged_at()) open = Damage{number, *log.damaged_at()};
    }
    if (losses.empty()) return {};
    const std::uint64_t needed = first_needed(env, folder);
    for (const Damage& loss : losses) {
        if (loss.log < needed) continue;
        return failure(Code::corrupted,
                       "The log of the store in " + folder.string() +
                           " is damaged, with acknowledged changes behind the damage: restore the "
                           "store from a copy, or see src/store/README.md",
                       log_name(loss.log) + ", byte " + std::to_string(loss.at));
    }
    return {};
}

}  // namespace twinhub::store
