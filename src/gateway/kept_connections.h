#pragma once

#include <cstddef>
#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

namespace twinhub::gateway {

// The connections of one loop: owns them until they let go of themselves. `Connection` has stop().
template <class Connection>
class KeptConnections {
public:
    // A new one, or one that came from another loop. When the server began to stop meanwhile, it is
    // stopped.
    void adopt(std::shared_ptr<Connection> connection) {
        const std::shared_ptr<Connection> adopted = *kept_.insert(std::move(connection)).first;
        if (stopping_) adopted->stop();
    }
    void release(const std::shared_ptr<Connection>& connection) { kept_.erase(connection); }
    // Stops all that are here, and all that come.
    void stop() {
        stopping_ = true;
        // They may go while they are stopped.
        const std::vector<std::shared_ptr<Connection>> all(kept_.begin(), kept_.end());
        for (const auto& connection : all) connection->stop();
    }
    bool is_stopping() const { return stopping_; }
    std::size_t size() const { return kept_.size(); }

private:
    std::unordered_set<std::shared_ptr<Connection>> kept_;
    bool stopping_ = false;
};

}  // namespace twinhub::gateway
