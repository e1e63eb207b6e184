#include "hub/jobs/job_record.h"

#include "base/bytes.h"
#include "store/keys.h"
#include "store/record.h"

namespace twinhub::hub {
namespace {

using store::Area;
using store::Kind;

std::string with_nul(std::string_view id) {
    std::string text(id);
    text.push_back('\0');
    return text;
}

std::unexpected<Error> damaged(const char* what) { return failure(Code::corrupted, what); }

// Names the record of what is wrong with it.
template <class T>
Result<T> placed(Result<T> result, std::string_view key) {
    if (!result && result.error().where.empty())
        return failure(result.error().code, result.error().message,
                       "metadata/" + store::printable(key));
    return result;
}

}  // namespace

std::string job_key(std::string_view id) { return store::metadata_key(Area::job, id); }

std::string job_state_key(std::string_view id) {
    return store::metadata_key(Area::job, with_nul(id));
}

std::string job_group_key(std::string_view id, const TwinId& first) {
    return store::metadata_key(Area::job_device, with_nul(id) + store::twin_key(first));
}

store::Range job_groups_range(std::string_view id) {
    return store::prefix_range(store::metadata_key(Area::job_device, with_nul(id)));
}

std::optional<TwinId> first_of_group(std::string_view id, std::string_view key) {
    const std::string prefix = store::metadata_key(Area::job_device, with_nul(id));
    if (!key.starts_with(prefix)) return std::nullopt;
    return store::parse_twin_key(key.substr(prefix.size()));
}

void append_encoded(std::string& out, const JobSpec& spec) {
    out.push_back(static_cast<char>(spec.type));
    append_text(out, spec.condition);
    append_text(out, spec.task);
    append_signed(out, spec.created.time_since_epoch().count());
    append_signed(out, (spec.start - spec.created).count());
    append_varint(out, static_cast<std::uint64_t>(spec.time_max.count()));
    out.push_back(static_cast<char>(spec.author.cause));
    for (const std::string* text :
         {&spec.author.principal, &spec.author.on_behalf_of, &spec.author.change,
          &spec.author.reason, &spec.author.request_id, &spec.author.client})
        append_text(out, *text);
}

Result<JobSpec> decode_job(std::string_view id, std::string_view bytes) {
    ByteReader reader(bytes);
    JobSpec spec{.id = std::string(id)};
    spec.type = static_cast<JobType>(reader.byte());
    spec.condition = reader.text();
    spec.task = reader.text();
    spec.created = Instant{Ticks{reader.signed_number()}};
    spec.start = spec.created + Ticks{reader.signed_number()};
    spec.time_max = std::chrono::seconds(reader.varint());
    spec.author.cause = static_cast<Cause>(reader.byte());
    for (std::string* text :
         {&spec.author.principal, &spec.author.on_behalf_of, &spec.author.change,
          &spec.author.reason, &spec.author.request_id, &spec.author.client})
        *text = reader.text();
    if (reader.failed() || spec.type > JobType::method || spec.author.cause > last_cause)
        return damaged("A job cannot be read");
    return spec;
}

void append_encoded(std::string& out, const JobState& state) {
    out.push_back(static_cast<char>(state.status));
    out.push_back(state.resolved ? '\1' : '\0');
    append_signed(out, state.started.time_since_epoch().count());
    append_signed(out, state.ended.time_since_epoch().count());
    append_varint(out, state.devices);
    append_varint(out, state.succeeded);
    append_varint(out, state.failed);
    append_text(out, state.failure_reason);
}

Result<JobState> decode_job_state(std::string_view bytes) {
    ByteReader reader(bytes);
    JobState state;
    state.status = static_cast<JobStatus>(reader.byte());
    state.resolved = reader.byte() != 0;
    state.started = Instant{Ticks{reader.signed_number()}};
    state.ended = Instant{Ticks{reader.signed_number()}};
    state.devices = reader.varint();
    state.succeeded = reader.varint();
    state.failed = reader.varint();
    state.failure_reason = reader.text();
    if (reader.failed() || state.status > JobStatus::cancelled)
        return damaged("The state of a job cannot be read");
    return state;
}

void append_encoded(std::string& out, const JobGroup& group) {
    out.push_back(group.done ? '\1' : '\0');
    append_varint(out, group.devices.size());
    Instant before{};
    for (const JobDevice& device : group.devices) {
        append_text(out, device.id.device.text());
        append_text(out, device.id.module.text());
        append_text(out, device.generation);
        out.push_back(static_cast<char>(device.status));
        if (device.status == DeviceJobStatus::pending) continue;
        append_signed(out, (device.updated - before).count());
        before = device.updated;
        if (device.status == DeviceJobStatus::failed) {
            append_text(out, device.error.code);
            append_text(out, device.error.description);
        } else if (device.status == DeviceJobStatus::completed) {
            append_signed(out, device.method_status);
            append_text(out, device.method_payload);
        }
    }
}

Result<JobGroup> decode_job_group(std::string_view key, std::string_view bytes) {
    ByteReader reader(bytes);
    JobGroup group{.key = std::string(key)};
    group.done = reader.byte() != 0;
    const std::uint64_t count = reader.varint();
    if (count > bytes.size()) return damaged("The devices of a job cannot be read");
    group.devices.reserve(count);
    Instant before{};
    for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
        JobDevice device;
        auto id = DeviceId::parse(reader.text());
        const std::string_view module_text = reader.text();
        if (!id) return damaged("The devices of a job cannot be read");
        device.id.device = std::move(*id);
        if (!module_text.empty()) {
            auto module_id = ModuleId::parse(module_text);
            if (!module_id) return damaged("The devices of a job cannot be read");
            device.id.module = std::move(*module_id);
        }
        device.generation = reader.text();
        device.status = static_cast<DeviceJobStatus>(reader.byte());
        if (device.status > DeviceJobStatus::canceled)
            return damaged("The devices of a job cannot be read");
        if (device.status != DeviceJobStatus::pending) {
            device.updated = before + Ticks{reader.signed_number()};
            before = device.updated;
        }
        if (device.status == DeviceJobStatus::failed) {
            device.error.code = reader.text();
            device.error.description = reader.text();
        } else if (device.status == DeviceJobStatus::completed) {
            device.method_status = static_cast<int>(reader.signed_number());
            device.method_payload = reader.text();
        }
        group.devices.push_back(std::move(device));
    }
    if (reader.failed()) return damaged("The devices of a job cannot be read");
    return group;
}

Result<bool> is_done_group(std::string_view bytes) {
    ByteReader reader(bytes);
    const bool done = reader.byte() != 0;
    if (reader.failed()) return damaged("The devices of a job cannot be read");
    return done;
}

std::string stored_job(const JobSpec& spec) {
    std::string body;
    append_encoded(body, spec);
    return store::sealed(Kind::job, job_format, job_key(spec.id), body);
}

std::string stored_state(const JobSpec& spec, const JobState& state) {
    std::string body;
    append_encoded(body, state);
    return store::sealed(Kind::job_state, job_state_format, job_state_key(spec.id), body);
}

std::string stored_group(const JobGroup& group) {
    std::string body;
    append_encoded(body, group);
    return store::sealed(Kind::job_devices, job_devices_format, group.key, body);
}

Result<JobGroup> open_group(std::string_view key, std::string_view value) {
    TRY(const store::Opened opened,
        store::open(Kind::job_devices, job_devices_format, "metadata", key, value));
    return placed(decode_job_group(key, opened.body), key);
}

}  // namespace twinhub::hub
