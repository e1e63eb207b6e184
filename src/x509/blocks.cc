#include "x509/blocks.h"

#include "base/encoding.h"
#include "x509/handles.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <algorithm>

namespace twinhub::x509 {
namespace {

constexpr std::string_view begins = "-----BEGIN ";

std::unexpected<Error> refused(std::string message) {
    ERR_clear_error();
    return failure(Code::argument_invalid, std::move(message));
}

std::string_view name_of(BlockKind kind) {
    return kind == BlockKind::certificate ? "certificate" : "revocation list";
}

bool is_of(std::string_view title, BlockKind kind) {
    if (kind == BlockKind::revocation_list) return title == PEM_STRING_X509_CRL;
    return title == PEM_STRING_X509 || title == PEM_STRING_X509_OLD ||
           title == PEM_STRING_X509_TRUSTED;
}

struct Block {
    std::string title;
    std::string bytes;
};

// The next block, or nothing at the end of the text. Errors: argument_invalid.
Result<std::optional<Block>> next_block(BIO* from) {
    char* title = nullptr;
    char* header = nullptr;
    unsigned char* bytes = nullptr;
    long size = 0;
    if (PEM_read_bio(from, &title, &header, &bytes, &size) != 1) {
        const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
        if (!at_end) return refused("The PEM text is damaged");
        ERR_clear_error();
        return std::optional<Block>{};
    }
    Block block{title, std::string(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size))};
    OPENSSL_free(title);
    OPENSSL_free(header);
    // It may have been a private key.
    OPENSSL_clear_free(bytes, static_cast<std::size_t>(size));
    return std::optional(std::move(block));
}

Result<std::vector<std::string>> pem_blocks(std::string_view text, BlockKind kind,
                                            std::size_t count_max) {
    const Owned<BIO> memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    std::vector<std::string> found;
    while (true) {
        TRY(std::optional<Block> block, next_block(memory.get()));
        if (!block) break;
        if (block->title.ends_with("PRIVATE KEY")) {
            OPENSSL_cleanse(block->bytes.data(), block->bytes.size());
            return refused("The text holds a private key: send the " + std::string(name_of(kind)) +
                           " alone, and consider the key known to others");
        }
        if (!is_of(block->title, kind))
            return refused("The text holds a PEM block that is no " + std::string(name_of(kind)));
        if (found.size() == count_max)
            return refused("The text holds more than " + std::to_string(count_max) + " " +
                           std::string(name_of(kind)) + (count_max == 1 ? "" : "s"));
        found.push_back(std::move(block->bytes));
    }
    if (found.empty()) return refused("The text holds no PEM " + std::string(name_of(kind)));
    return found;
}

}  // namespace

Result<std::vector<std::string>> blocks_of(std::string_view text, BlockKind kind,
                                           std::size_t count_max, std::size_t text_bytes_max) {
    if (text.size() > text_bytes_max)
        return refused("The text of a " + std::string(name_of(kind)) + " is longer than " +
                       std::to_string(text_bytes_max) + " bytes");
    if (text.find(begins) != std::string_view::npos) return pem_blocks(text, kind, count_max);
    std::string packed;
    packed.reserve(text.size());
    std::ranges::copy_if(text, std::back_inserter(packed),
                         [](char c) { return c != ' ' && c != '\t' && c != '\r' && c != '\n'; });
    auto bytes = base64_decode(packed);
    if (!bytes || bytes->empty())
        return refused("The text is neither a PEM " + std::string(name_of(kind)) +
                       " nor the base64 of one");
    if (bytes->find(begins) != std::string::npos) return pem_blocks(*bytes, kind, count_max);
    return std::vector<std::string>{std::move(*bytes)};
}

}  // namespace twinhub::x509
