#include "store/rocksdb/cursor.h"

#include "store/rocksdb/status.h"

#include <rocksdb/db.h>
#include <rocksdb/iterator.h>
#include <rocksdb/options.h>

namespace twinhub::store {
namespace {

rocksdb::Slice slice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }
std::string_view view(const rocksdb::Slice& bytes) { return {bytes.data(), bytes.size()}; }

class RocksCursor final : public Cursor {
public:
    RocksCursor(std::shared_ptr<const void> keep_alive, rocksdb::DB& db,
                rocksdb::ColumnFamilyHandle& handle, const rocksdb::Snapshot& snapshot,
                Family family, Range range)
        : keep_alive_(std::move(keep_alive)),
          family_(family),
          range_(std::move(range)),
          from_(slice(range_.from)),
          to_(slice(range_.to)),
          empty_(!range_.to.empty() && range_.to <= range_.from) {
        rocksdb::ReadOptions options;
        options.snapshot = &snapshot;
        options.fill_cache = false;  // a scan must not push out what single reads keep warm
        options.iterate_lower_bound = &from_;
        if (!range_.to.empty()) options.iterate_upper_bound = &to_;
        iterator_.reset(db.NewIterator(options, &handle));
    }

    void seek_first() override {
        go([&] { iterator_->SeekToFirst(); });
    }
    void seek_last() override {
        go([&] { iterator_->SeekToLast(); });
    }
    void seek(std::string_view key) override {
        go([&] { iterator_->Seek(slice(std::max<std::string_view>(key, range_.from))); });
    }
    void seek_backward(std::string_view key) override {
        if (!range_.to.empty() && key >= range_.to) return seek_last();
        placed_ = !empty_ && key >= range_.from;
        if (placed_) iterator_->SeekForPrev(slice(key));
    }
    void next() override { iterator_->Next(); }
    void previous() override { iterator_->Prev(); }
    bool valid() const override { return placed_ && iterator_->Valid(); }
    std::string_view key() const override { return view(iterator_->key()); }
    std::string_view value() const override { return view(iterator_->value()); }
    Result<> status() const override {
        if (const rocksdb::Status status = iterator_->status(); !status.ok())
            return std::unexpected(error_of(status, "Reading " + std::string(name_of(family_))));
        return {};
    }

private:
    template <class Move>
    void go(Move move) {
        placed_ = !empty_;
        if (placed_) move();
    }

    std::shared_ptr<const void> keep_alive_;
    Family family_;
    Range range_;
    rocksdb::Slice from_;  // the iterator keeps pointers to both bounds
    rocksdb::Slice to_;
    bool empty_;
    bool placed_ = false;
    std::unique_ptr<rocksdb::Iterator> iterator_;
};

}  // namespace

std::unique_ptr<Cursor> make_cursor(std::shared_ptr<const void> keep_alive, rocksdb::DB& db,
                                    rocksdb::ColumnFamilyHandle& handle,
                                    const rocksdb::Snapshot& snapshot, Family family, Range range) {
    return std::make_unique<RocksCursor>(std::move(keep_alive), db, handle, snapshot, family,
                                         std::move(range));
}

}  // namespace twinhub::store
