#include "store/memory/log.h"

#include "store/crc32c.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace twinhub::store::memory {
namespace {

constexpr std::size_t head_bytes = 2 * sizeof(std::uint32_t);

void append_number(std::string& out, std::size_t value) {
    const auto number = static_cast<std::uint32_t>(value);
    out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

std::uint32_t take_number(std::string_view& bytes) {
    std::uint32_t number;
    std::memcpy(&number, bytes.data(), sizeof number);
    bytes.remove_prefix(sizeof number);
    return number;
}

std::string_view take_text(std::string_view& bytes, std::size_t size) {
    const std::string_view text = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return text;
}

Batch decode(std::string_view body) {
    Batch batch;
    while (!body.empty()) {
        const auto kind = static_cast<Operation::Kind>(take_number(body));
        const auto family = static_cast<Family>(take_number(body));
        const std::size_t key_bytes = take_number(body);
        const std::size_t value_bytes = take_number(body);
        const std::string_view key = take_text(body, key_bytes);
        const std::string_view value = take_text(body, value_bytes);
        switch (kind) {
            case Operation::Kind::put: batch.put(family, key, value); break;
            case Operation::Kind::remove: batch.remove(family, key); break;
            case Operation::Kind::remove_range: batch.remove_range(family, key, value); break;
        }
    }
    return batch;
}

}  // namespace

void Log::append(std::span<const Batch* const> batches) {
    std::string body;
    for (const Batch* batch : batches) {
        for (const Operation& operation : *batch) {
            append_number(body, static_cast<std::size_t>(operation.kind));
            append_number(body, static_cast<std::size_t>(operation.family));
            append_number(body, operation.key.size());
            append_number(body, operation.value.size());
            body.append(operation.key).append(operation.value);
        }
    }
    append_number(bytes_, body.size());
    append_number(bytes_, crc32c(0, body));
    bytes_.append(body);
}

void Log::clear() {
    bytes_.clear();
    synced_ = 0;
}

Log Log::cut(std::size_t unsynced) const {
    Log rest;
    rest.bytes_ = bytes_.substr(0, synced_ + std::min(unsynced, unsynced_bytes()));
    rest.synced_ = std::min(synced_, rest.bytes_.size());
    return rest;
}

void Log::replay(const std::function<void(const Batch&)>& apply) {
    std::string_view rest = bytes_;
    std::size_t whole = 0;
    while (rest.size() >= head_bytes) {
        const std::size_t size = take_number(rest);
        const std::uint32_t checksum = take_number(rest);
        if (rest.size() < size || crc32c(0, rest.substr(0, size)) != checksum) break;
        apply(decode(take_text(rest, size)));
        whole = bytes_.size() - rest.size();
    }
    bytes_.resize(whole);
    sync();
}

}  // namespace twinhub::store::memory
