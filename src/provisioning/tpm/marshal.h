#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// How a TPM writes things down (TPM 2.0 Library, part 2, section 4): numbers are big endian, and a
// structure whose name begins with TPM2B is led by its length in two bytes.
namespace twinhub::provisioning::tpm {

void append_u16(std::string& out, std::uint16_t number);
void append_u32(std::string& out, std::uint32_t number);
void append_sized(std::string& out, std::string_view bytes);  // below 64 KiB
std::string sized(std::string_view bytes);

// Reads them back from any bytes. The first fault sticks: later reads give zeros and nothing.
class Unmarshal {
public:
    explicit Unmarshal(std::string_view bytes) : rest_(bytes) {}

    std::uint16_t u16();
    std::uint32_t u32();
    std::string_view sized();  // a view into the bytes

    bool failed() const { return failed_; }
    bool finished() const { return !failed_ && rest_.empty(); }

private:
    std::string_view take(std::size_t count);

    std::string_view rest_;
    bool failed_ = false;
};

}  // namespace twinhub::provisioning::tpm
