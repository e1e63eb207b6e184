#pragma once

#include "gateway/deadlines.h"
#include "gateway/mqtt/answers.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>

namespace twinhub::gateway::mqtt {

// Slows down a device that reads its twin again and again while that fails: the Python SDK asks
// anew as soon as it is answered (spec device-protocols 8.3). The first refusal goes out at once,
// those behind it a second late, until a read succeeds. For one connection.
class FailingReads final : private Deadline {
public:
    using Give = std::function<void(std::uint64_t number, Answer answer)>;

    // `give` gets each refusal when its time has come; it may call stop().
    explicit FailingReads(Give give) : give_(std::move(give)) {}

    void succeeded() { failed_before_ = false; }
    void failed(std::uint64_t number, Answer answer, Deadlines& deadlines, Moment now);

    // Forgets what it holds back: the connection ends.
    void stop();

private:
    static constexpr std::chrono::seconds delay{1};
    struct Held {
        std::uint64_t number;
        Answer answer;
        Moment due;
    };
    void expired(Moment now) override;

    Give give_;
    Deadlines* deadlines_ = nullptr;  // while something is held
    std::deque<Held> held_;           // bounded as the unanswered requests of a connection are
    bool failed_before_ = false;
};

}  // namespace twinhub::gateway::mqtt
