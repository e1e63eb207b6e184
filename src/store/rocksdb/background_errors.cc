#include "store/rocksdb/background_errors.h"

#include <rocksdb/listener.h>

namespace twinhub::store {
namespace {

class Listener final : public rocksdb::EventListener {
public:
    explicit Listener(std::shared_ptr<BackgroundErrors> errors) : errors_(std::move(errors)) {}

    void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* status) override {
        if (errors_->committing.load() == std::this_thread::get_id()) errors_->met_by_commit = true;
        if (status->severity() >= rocksdb::Status::Severity::kFatalError) errors_->for_good = true;
    }
    void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status status,
                              bool* recover) override {
        if (status.severity() >= rocksdb::Status::Severity::kHardError) *recover = false;
    }

private:
    std::shared_ptr<BackgroundErrors> errors_;
};

}  // namespace

std::shared_ptr<rocksdb::EventListener> make_listener(std::shared_ptr<BackgroundErrors> errors) {
    return std::make_shared<Listener>(std::move(errors));
}

}  // namespace twinhub::store
