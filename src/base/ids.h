#pragma once

#include "base/result.h"

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace twinhub {

// A value that cannot be mixed up with another of the same shape. Costs what T costs.
template <class Tag, class T>
class Strong {
public:
    Strong() = default;
    explicit Strong(T value) : value_(std::move(value)) {}
    const T& value() const { return value_; }
    friend auto operator<=>(const Strong&, const Strong&) = default;

private:
    T value_{};
};

inline constexpr std::size_t id_bytes_max = 128;  // spec service-api 4.3

// The name of a device. Case-sensitive; 1 to 128 of the characters of spec service-api 4.3.
class DeviceId {
public:
    DeviceId() = default;
    static Result<DeviceId> parse(std::string_view text);
    const std::string& text() const { return text_; }
    bool empty() const { return text_.empty(); }
    friend auto operator<=>(const DeviceId&, const DeviceId&) = default;

private:
    explicit DeviceId(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

// The name of a module on its device: the same characters.
class ModuleId {
public:
    ModuleId() = default;
    static Result<ModuleId> parse(std::string_view text);
    const std::string& text() const { return text_; }
    bool empty() const { return text_.empty(); }
    bool is_system() const { return text_.starts_with('$'); }  // $edgeAgent, $edgeHub
    friend auto operator<=>(const ModuleId&, const ModuleId&) = default;

private:
    explicit ModuleId(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

// Whose identity and twin: a device, or a module of it when `module` is not empty.
struct TwinId {
    DeviceId device;
    ModuleId module;

    bool is_module() const { return !module.empty(); }
    std::string text() const;  // "dev" or "dev/mod", for messages and logs
    friend auto operator<=>(const TwinId&, const TwinId&) = default;
};

// Where a device lives: a stable hash of its id. Part of the disk format (tested by vectors), the
// same whatever the number of cores; loops own sets of slots.
inline constexpr std::uint32_t slot_count = 256;
using Slot = std::uint16_t;
Slot slot_of(const DeviceId& id);
std::uint64_t stable_hash(std::string_view text);  // FNV-1a 64 with a final mix; never to change

}  // namespace twinhub

template <>
struct std::hash<twinhub::TwinId> {
    std::size_t operator()(const twinhub::TwinId& id) const noexcept {
        const std::size_t device = std::hash<std::string>{}(id.device.text());
        return id.module.empty() ? device
                                 : device * 31 + std::hash<std::string>{}(id.module.text());
    }
};
