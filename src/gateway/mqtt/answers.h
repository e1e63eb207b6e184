#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace twinhub::gateway::mqtt {

// The answer to a twin request of a device.
struct Answer {
    int status = 0;
    std::optional<std::uint64_t> version;
    std::string body;
};

// Keeps the answers of one connection in the order of its requests (spec device-protocols 2.5):
// a refusal is known at once, but goes out behind the commits that came before it.
class Answers {
public:
    // A request came; its number is for give().
    std::uint64_t expect(std::string_view rid);
    void give(std::uint64_t number, Answer answer);

    // The next answer whose turn it is, with its rid; nothing while the oldest request waits.
    struct Next {
        std::string rid;
        Answer answer;
    };
    std::optional<Next> take();
    bool empty() const { return slots_.empty(); }

private:
    struct Slot {
        std::string rid;
        std::optional<Answer> answer;
    };
    std::vector<Slot> slots_;
    std::size_t first_ = 0;  // of slots_: those before it are taken
    std::uint64_t first_number_ = 0;
};

}  // namespace twinhub::gateway::mqtt
