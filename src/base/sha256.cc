#include "base/sha256.h"

#include <openssl/evp.h>

#include <new>

namespace twinhub {

struct Sha256::State {
    State() : context(EVP_MD_CTX_new()) {}
    ~State() { EVP_MD_CTX_free(context); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    EVP_MD_CTX* context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
    if (EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) != 1)
        throw std::bad_alloc();  // the only way in which it fails
}

Sha256::~Sha256() = default;

void Sha256::update(std::string_view piece) {
    EVP_DigestUpdate(state_->context, piece.data(), piece.size());
}

std::string Sha256::digest() {
    std::string bytes(32, '\0');
    EVP_DigestFinal_ex(state_->context, reinterpret_cast<unsigned char*>(bytes.data()), nullptr);
    return bytes;
}

std::string sha256(std::string_view text) {
    Sha256 hash;
    hash.update(text);
    return hash.digest();
}

}  // namespace twinhub
