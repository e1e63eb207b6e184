#pragma once

#include "base/ids.h"
#include "hub/author.h"
#include "hub/rollouts/gates.h"
#include "hub/rollouts/touch.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What is stored of rollouts. Formats only grow.
namespace twinhub::hub {

inline constexpr std::size_t rollout_log_max = 500;

// One line of the log of decisions: what happened, why, and who decided if it was a person.
struct LogLine {
    Instant at{};
    std::string what;  // "started", "wave", "passed", "held", ...
    std::optional<std::uint32_t> wave;
    std::string reason;
    std::string by;

    friend bool operator==(const LogLine&, const LogLine&) = default;
};

// A rollout as stored, under its name.
struct RolloutRecord {
    RolloutDocument document;
    RolloutState state = RolloutState::draft;
    Author author;  // who put it, and then who started it: in whose name devices are changed
    Instant created{};
    std::optional<Instant> started, ended;
    std::string planned;  // how its devices looked when it was planned (plan_token.h)
    std::uint64_t devices = 0;
    std::uint32_t wave = 0;  // the one that is told
    std::vector<WaveProgress> waves;
    std::vector<LogLine> log;
    std::vector<WaveCounts> counts;  // of each wave, as they were when this was written

    // Drops the oldest lines beyond the limit.
    void tell(LogLine line);
    friend bool operator==(const RolloutRecord&, const RolloutRecord&) = default;
};

std::string rollout_key(std::string_view name);
// Errors: corrupted, which names the record.
void seal_rollout(const RolloutRecord& record, std::string& out);
Result<RolloutRecord> open_rollout(std::string_view key, std::string_view value);

// What a rollout did to one device: written in the same commit as what it did, so that the one is
// never without the other.
struct DeviceRecord {
    std::string generation_id;
    std::uint32_t wave = 0;
    DeviceStep step = DeviceStep::waiting;
    Instant at{};
    std::vector<ChangedLeaf> leaves;  // told: what it changed, with the earlier values
    std::string message;              // failed, kept: why

    friend bool operator==(const DeviceRecord&, const DeviceRecord&) = default;
};

std::string rollout_device_key(std::string_view name, const TwinId& id);
// Where the devices of a rollout are stored; all keys begin with it.
std::string rollout_devices_prefix(std::string_view name);
// Of a key with that prefix. Nothing for another one.
std::optional<TwinId> rollout_device_of(std::string_view name, std::string_view key);

void append_encoded(std::string& out, const DeviceRecord& record);
Result<DeviceRecord> decode_device_record(std::string_view bytes);
void seal_device(const DeviceRecord& record, std::string_view key, std::string& out);
Result<DeviceRecord> open_device(std::string_view key, std::string_view value);

}  // namespace twinhub::hub
