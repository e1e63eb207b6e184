#include "x509/asn1.h"

#include "base/encoding.h"
#include "x509/handles.h"

#include <openssl/err.h>

#include <algorithm>
#include <ctime>

namespace twinhub::x509 {

std::string upper_hex(std::string_view bytes) {
    std::string hex = hex_encode(bytes);
    std::ranges::transform(hex, hex.begin(), [](char c) {
        return c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return hex;
}

std::string text_of(BIO* memory) {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(memory, &bytes);
    return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
}

std::string name_text(const X509_NAME* name) {
    // RFC 2253 with a space behind each comma, and UTF-8 as it is.
    constexpr unsigned long form =
        (XN_FLAG_RFC2253 & ~static_cast<unsigned long>(XN_FLAG_SEP_MASK) &
         ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB)) |
        XN_FLAG_SEP_CPLUS_SPC;
    const Owned<BIO> memory(BIO_new(BIO_s_mem()));
    if (!memory || X509_NAME_print_ex(memory.get(), name, 0, form) < 0) {
        ERR_clear_error();
        return {};
    }
    std::string text = text_of(memory.get());
    // Names go into JSON: what is no UTF-8 is shown as it was coded.
    return is_valid_utf8(text) ? text : percent_encode(text);
}

std::string serial_text(const ASN1_INTEGER* serial) {
    const auto size = static_cast<std::size_t>(std::max(ASN1_STRING_length(serial), 0));
    const std::string_view bytes(reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)),
                                 size);
    std::string text = (ASN1_STRING_type(serial) & V_ASN1_NEG) != 0 ? "-" : "";
    return text + (bytes.empty() ? "00" : upper_hex(bytes));
}

Instant instant_of(const ASN1_TIME* time) {
    std::tm parts{};
    // Without a time, OpenSSL would say what time it is.
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) {
        ERR_clear_error();
        return never;
    }
    return Instant{std::chrono::seconds{::timegm(&parts)}};
}

}  // namespace twinhub::x509
