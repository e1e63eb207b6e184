#include "store/rocksdb/background_errors.h"

#include <rocksdb/listener.h>

namespace twinhub::store {
namespace {

class Listener final : public rocksdb::EventListener {
public:
    explicit Listener(std::shared_ptr<BackgroundErrors> errors) : errors_(std::move(errors)) {}

    void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status*) override {
        using Reason = rocksdb::BackgroundErrorReason;
        const bool files = reason == Reason::kFlush || reason == Reason::kCompaction ||
                           reason == Reason::kFlushNoWAL;
        (files ? errors_->files_failed : errors_->log_failed) = true;
    }
    void OnErrorRecoveryEnd(const rocksdb::BackgroundErrorRecoveryInfo& info) override {
        if (info.new_bg_error.ok()) errors_->files_failed = false;
    }

private:
    std::shared_ptr<BackgroundErrors> errors_;
};

}  // namespace

std::shared_ptr<rocksdb::EventListener> make_listener(std::shared_ptr<BackgroundErrors> errors) {
    return std::make_shared<Listener>(std::move(errors));
}

}  // namespace twinhub::store
