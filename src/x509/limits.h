#pragma once

#include <cstddef>

// What certificates may cost (spec device-protocols 6.4: absurd chains are refused).
namespace twinhub::x509 {

inline constexpr std::size_t certificate_bytes_max = 16 << 10;  // DER
inline constexpr std::size_t text_bytes_max = 256 << 10;  // PEM or base64, with all that surrounds
inline constexpr int extensions_max = 64;
inline constexpr int name_entries_max = 32;           // of a subject or an issuer
inline constexpr std::size_t presented_max = 10;      // intermediates that come with a leaf
inline constexpr int chain_depth_max = 8;             // certificates between leaf and authority
inline constexpr std::size_t authorities_max = 1000;  // trusted and known ones of one store

inline constexpr int rsa_bits_min = 2048;
inline constexpr int rsa_bits_max = 8192;  // beyond, one signature costs a loop too long
inline constexpr int rsa_exponent_bits_max = 64;
inline constexpr int elliptic_bits_min = 224;

inline constexpr std::size_t revocation_list_bytes_max = 1 << 20;  // DER; about 25,000 serials
inline constexpr std::size_t revoked_max = 50'000;

}  // namespace twinhub::x509
