// One edge device brought to one content at once (spec service-api 9.6).
#include "hub/configurations/configurations.h"
#include "hub/configurations/leaves.h"
#include "hub/hub.h"

#include <algorithm>
#include <set>

namespace twinhub::hub {
namespace {

Result<twin::ServiceUpdate> update_of(const TwinSettings& settings, twin::Patch::Mode mode) {
    twin::ServiceUpdate update;
    TRY(update.desired, twin::Patch::check(document_of(settings), twin::Part::desired, mode));
    return update;
}

// Whose work goes on; nobody's any more when it ends, however it ends.
class Busy {
public:
    Busy(std::shared_ptr<std::set<DeviceId>> all, DeviceId device)
        : all_(std::move(all)),
          device_(std::move(device)),
          entered_(all_->insert(device_).second) {}
    ~Busy() {
        if (entered_) all_->erase(device_);
    }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;
    bool entered() const { return entered_; }

private:
    std::shared_ptr<std::set<DeviceId>> all_;
    DeviceId device_;
    bool entered_;
};

}  // namespace

Task<Result<>> Configurations::apply_content(DeviceId device, Content content, Author author) {
    auto work = [this, &device, &content, &author] {
        return apply_here(std::move(device), std::move(content), std::move(author));
    };
    co_return co_await Shards::on(hub_.shards().at(0), std::move(work));
}

Task<Result<>> Configurations::apply_here(DeviceId device, Content content, Author author) {
    CO_TRY_VOID(check_content(content));
    const Busy busy(busy_, device);
    if (!busy.entered())
        co_return failure(Code::configuration_being_applied,
                          "Another content is being applied to device '" + device.text() + "'");
    const TwinId id{device, {}};
    CO_TRY(const IdentityView view, co_await hub_.registry().get(id));
    if (!view.identity->iot_edge)
        co_return failure(Code::argument_invalid,
                          "Device '" + device.text() + "' is not an edge device");
    if (content.kind == ContentKind::module)
        co_return failure(Code::configuration_content_invalid,
                          "A moduleContent does not say which module it is for",
                          "content.moduleContent");
    if (content.kind == ContentKind::edge)
        co_return co_await apply_modules(std::move(device), std::move(content), std::move(author));
    CO_TRY(twin::ServiceUpdate update, update_of(content.settings, twin::Patch::Mode::merge));
    CO_TRY_VOID(co_await hub_.twins().update(id, std::move(update), {}, std::move(author)));
    co_return Result<>{};
}

Task<Result<>> Configurations::apply_modules(DeviceId device, Content content, Author author) {
    CO_TRY(const std::vector<IdentityView> modules, co_await hub_.registry().modules(device));
    std::set<std::string> there;
    for (const IdentityView& module : modules) there.insert(module.identity->id.module.text());
    const std::vector<std::string> wanted = content.module_ids();
    for (const std::string& name : wanted) {
        if (there.contains(name)) continue;
        IdentitySpec spec;
        spec.id = TwinId{device, *ModuleId::parse(name)};
        CO_TRY_VOID(co_await hub_.registry().create(std::move(spec), author));
    }
    for (const auto& [name, settings] : content.modules) {
        CO_TRY(twin::ServiceUpdate update, update_of(settings, twin::Patch::Mode::replace));
        CO_TRY_VOID(co_await hub_.twins().update(TwinId{device, *ModuleId::parse(name)},
                                                 std::move(update), {}, author));
    }
    for (const std::string& name : there) {
        const ModuleId module = *ModuleId::parse(name);
        if (module.is_system() || std::ranges::binary_search(wanted, name)) continue;
        CO_TRY_VOID(
            co_await hub_.registry().remove(TwinId{device, module}, twin::Match::any(), author));
    }
    co_return Result<>{};
}

}  // namespace twinhub::hub
