#include "provisioning/hubs/foreign_hub.h"

#include "provisioning/limits.h"

#include <fmt/format.h>

#include <algorithm>

namespace twinhub::provisioning {
namespace {

constexpr int tries = 4;  // against others who change the same identity in the same moment

bool is_overtaken(const Error& error) {
    return error.code == Code::precondition_failed || error.code == Code::device_not_found ||
           error.code == Code::device_already_exists;
}

// A request that was not answered is sent again: what it made the first time is there then.
bool was_there(const Error& error) {
    return error.code == Code::device_already_exists || error.code == Code::module_already_exists;
}

// What the operator can do about a hub that was not even heard.
Error unheard(const Error& error, const std::string& host) {
    if (error.code == Code::unauthorized)
        return {error.code, fmt::format("The certificate of the hub {} is not trusted", host), {}};
    if (may_pass(error)) return {error.code, fmt::format("The hub {} does not answer", host), {}};
    return {error.code, fmt::format("The hub {} cannot be asked: {}", host, error.message), {}};
}

}  // namespace

Task<Result<json::value>> ForeignHub::ask(Question question) {
    if (!seams_.ask) co_return failure(Code::internal, "This server asks no other hubs");
    auto answer = co_await seams_.ask(seams_.loop,
                                      request_to(*link_, std::move(question), seams_.clock.now()));
    if (!answer) co_return std::unexpected(unheard(answer.error(), link_->host));
    co_return read_answer(*answer, link_->host);
}

Task<Result<std::optional<json::value>>> ForeignHub::look_for(Question question) {
    auto answer = co_await ask(std::move(question));
    if (answer) co_return std::optional(*std::move(answer));
    if (answer.error().code == Code::device_not_found) co_return std::nullopt;
    co_return std::unexpected(std::move(answer).error());
}

Task<Result<bool>> ForeignHub::place(Placement placement) {
    const TwinId id{placement.device, {}};
    Result<json::value> done = failure(Code::internal, "");
    for (int i = 0; i < tries; ++i) {
        CO_TRY(const auto found, co_await look_for(ask_identity(id)));
        if (found) {
            if (!found->is_object())
                co_return failure(Code::format_invalid,
                                  fmt::format("The hub {} shows no device", link_->host));
            const json::object& identity = found->get_object();
            if (has_credentials(identity, placement) && is_edge(identity) == placement.iot_edge)
                co_return false;
            done = co_await ask(replace_credentials(identity, placement));
            if (done) co_return false;
        } else {
            done = co_await ask(create_device(placement, nullptr));
            if (done) co_return true;
        }
        if (!is_overtaken(done.error())) break;
    }
    co_return std::unexpected(std::move(done).error());
}

Task<Result<bool>> ForeignHub::place_afresh(Placement placement) {
    CO_TRY(const auto found, co_await look_for(ask_identity({placement.device, {}})));
    if (!found || !found->is_object()) co_return co_await place(std::move(placement));
    CO_TRY_VOID(co_await remove(placement.device, placement.author));
    const auto made = co_await ask(create_device(placement, &found->get_object()));
    if (!made && !was_there(made.error())) co_return std::unexpected(made.error());
    co_return false;
}

Task<Result<std::optional<Luggage>>> ForeignHub::pack(DeviceId device) {
    const TwinId id{device, {}};
    CO_TRY(const auto identity, co_await look_for(ask_identity(id)));
    if (!identity) co_return std::nullopt;
    CO_TRY(const auto twin, co_await look_for(ask_twin(id)));
    if (!twin) co_return std::nullopt;
    CO_TRY(Luggage luggage, read_luggage(*identity, *twin));
    CO_TRY(const json::value modules, co_await ask(ask_modules(device)));
    if (!modules.is_array())
        co_return failure(Code::format_invalid,
                          fmt::format("The hub {} lists no modules", link_->host));
    for (const json::value& module : modules.get_array()) {
        const json::value* name =
            module.is_object() ? module.get_object().if_contains("moduleId") : nullptr;
        CO_TRY(ModuleId module_id, ModuleId::parse(name != nullptr && name->is_string()
                                                       ? std::string_view(name->get_string())
                                                       : std::string_view()));
        CO_TRY(const auto its, co_await look_for(ask_twin({device, std::move(module_id)})));
        if (!its) continue;
        CO_TRY(Luggage::Module read, read_module(module, *its));
        luggage.modules.push_back(std::move(read));
    }
    std::ranges::sort(luggage.modules, {}, [](const auto& module) { return module.id.text(); });
    co_return luggage;
}

Task<Result<>> ForeignHub::unpack(Placement placement, Luggage luggage) {
    CO_TRY_VOID(co_await remove(placement.device, placement.author));
    const auto made = co_await ask(create_moved(placement, luggage));
    if (!made && !was_there(made.error())) co_return std::unexpected(made.error());
    for (const Luggage::Module& module : luggage.modules) {
        if (is_system_module(module.id)) {
            CO_TRY_VOID(co_await look_for(write_twin({placement.device, module.id}, module.twin)));
        } else {
            const auto its = co_await ask(create_module(placement.device, module));
            if (!its && !was_there(its.error())) co_return std::unexpected(its.error());
        }
    }
    co_return Result<>{};
}

Task<Result<>> ForeignHub::remove(DeviceId device, hub::Author) {
    CO_TRY_VOID(co_await look_for(remove_device(device)));
    co_return Result<>{};
}

Task<Result<std::uint64_t>> ForeignHub::load() {
    CO_TRY(const json::value statistics, co_await ask(ask_load()));
    co_return read_load(statistics);
}

}  // namespace twinhub::provisioning
