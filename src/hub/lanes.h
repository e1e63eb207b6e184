#pragma once

#include "base/task.h"

#include <memory>
#include <string>

namespace twinhub::hub {

// Lets operations on one name go one after the other on a loop, in the order they came, while other
// names go on. For work that waits in its middle (a read, a commit) and must not be overtaken.
class Lanes {
    struct State;

public:
    // Leaves the lane when it goes.
    class Guard {
    public:
        Guard() = default;
        Guard(std::shared_ptr<State> state, std::string name)
            : state_(std::move(state)), name_(std::move(name)) {}
        Guard(Guard&& other) noexcept
            : state_(std::move(other.state_)), name_(std::move(other.name_)) {
            other.state_.reset();
        }
        Guard& operator=(Guard&& other) noexcept;
        ~Guard() { leave(); }

    private:
        void leave();
        std::shared_ptr<State> state_;
        std::string name_;
    };

    explicit Lanes(Executor executor);
    Task<Guard> enter(std::string name);
    bool empty() const;

private:
    std::shared_ptr<State> state_;
};

}  // namespace twinhub::hub
