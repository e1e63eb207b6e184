#pragma once

#include "base/task.h"
#include "hub/changes/change_cursor.h"
#include "hub/hub.h"

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace twinhub::hub {

class CommitQueue;

// How far each route has delivered, kept through restarts by its name. On one loop.
class RouteCursors {
public:
    // Reads what is stored; may wait for the disk. Errors: corrupted, which names the record.
    static Result<std::shared_ptr<RouteCursors>> open(Hub& hub, Executor loop);
    ~RouteCursors();

    // Nothing: there is no such route, or it was one of another store.
    std::optional<ChangeCursor> find(const std::string& route) const;
    // Comes back when it is durable. Errors: unavailable.
    Task<Result<>> save(std::string route, ChangeCursor cursor);

private:
    RouteCursors(Hub& hub, Executor loop);
    Hub& hub_;
    std::unique_ptr<CommitQueue> queue_;
    std::map<std::string, ChangeCursor> cursors_;
};

}  // namespace twinhub::hub
