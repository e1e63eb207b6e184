#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace twinhub {

// The primitives of every stored form: numbers as base-128 varints, texts led by their length.
void append_varint(std::string& out, std::uint64_t number);
void append_signed(std::string& out, std::int64_t number);  // zigzag
void append_text(std::string& out, std::string_view text);

// Reads them back from any bytes. The first fault sticks: later reads give zeros and empty texts,
// so that a decoder checks once, at its end.
class ByteReader {
public:
    explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

    std::uint8_t byte();
    std::uint64_t varint();
    std::int64_t signed_number();
    std::string_view text();  // a view into the bytes
    std::string_view rest();  // all that is left

    bool failed() const { return failed_; }
    bool finished() const { return !failed_ && at_ == bytes_.size(); }
    std::size_t offset() const { return at_; }

private:
    std::string_view bytes_;
    std::size_t at_ = 0;
    bool failed_ = false;
};

}  // namespace twinhub
