#include "store/memory/tables.h"

#include <utility>

namespace twinhub::store::memory {
namespace {

class TableCursor final : public Cursor {
public:
    TableCursor(std::shared_ptr<const void> keep_alive, const Table& table, Range range,
                std::function<Result<>()> readable)
        : keep_alive_(std::move(keep_alive)),
          first_(table.lower_bound(range.from)),
          end_(range.to.empty() ? table.end() : table.lower_bound(range.to)),
          range_(std::move(range)),
          table_(table),
          readable_(std::move(readable)) {
        if (!range_.to.empty() && range_.to <= range_.from) end_ = first_;
        at_ = end_;
    }

    void seek_first() override { stand(first_); }
    void seek_last() override { stand(end_ == first_ ? end_ : std::prev(end_)); }
    void seek(std::string_view key) override {
        if (key <= range_.from) return seek_first();
        stand(range_.holds(key) ? table_.lower_bound(key) : end_);
    }
    void seek_backward(std::string_view key) override {
        if (!range_.to.empty() && key >= range_.to) return seek_last();
        const auto behind = table_.upper_bound(key);
        stand(key < range_.from || behind == first_ || first_ == end_ ? end_ : std::prev(behind));
    }
    void next() override { stand(std::next(at_)); }
    void previous() override { stand(at_ == first_ ? end_ : std::prev(at_)); }
    bool valid() const override { return at_ != end_; }
    std::string_view key() const override { return at_->first; }
    std::string_view value() const override { return at_->second; }
    Result<> status() const override { return status_; }

private:
    void stand(Table::const_iterator at) {
        status_ = readable_();
        at_ = status_ ? at : end_;
    }

    std::shared_ptr<const void> keep_alive_;
    Table::const_iterator first_;
    Table::const_iterator end_;
    Table::const_iterator at_;
    Range range_;
    const Table& table_;
    std::function<Result<>()> readable_;
    Result<> status_;
};

}  // namespace

void Tables::apply(const Batch& batch) {
    for (const Operation& operation : batch) {
        Table& table = of(operation.family);
        switch (operation.kind) {
            case Operation::Kind::put:
                table.insert_or_assign(std::string(operation.key), std::string(operation.value));
                break;
            case Operation::Kind::remove:
                if (const auto found = table.find(operation.key); found != table.end())
                    table.erase(found);
                break;
            case Operation::Kind::remove_range:
                table.erase(table.lower_bound(operation.key), table.lower_bound(operation.value));
                break;
        }
    }
}

std::unique_ptr<Cursor> make_cursor(std::shared_ptr<const void> keep_alive, const Table& table,
                                    Range range, std::function<Result<>()> readable) {
    return std::make_unique<TableCursor>(std::move(keep_alive), table, std::move(range),
                                         std::move(readable));
}

}  // namespace twinhub::store::memory
