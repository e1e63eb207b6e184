#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace twinhub {

// SHA-256 of a text that comes in pieces.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;

    void update(std::string_view piece);
    std::string digest();  // 32 bytes; then nothing more can be added

private:
    struct State;
    std::unique_ptr<State> state_;
};

std::string sha256(std::string_view text);  // 32 bytes

}  // namespace twinhub
