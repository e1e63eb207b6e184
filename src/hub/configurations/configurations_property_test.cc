// Any history of twins and configurations, with lost commits and crashes: when all is settled, each
// twin is what a naive reading of all configurations makes of it.
#include "hub/configurations/configurations.h"
#include "hub/configurations/leaves.h"
#include "hub/testing/histories.h"
#include "hub/testing/test_hub.h"

#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

namespace twinhub::hub {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using Fault = store::MemoryEngine::Fault;

json::value any_value(int depth) {
    switch (below(depth > 0 ? 6 : 4)) {
        case 0:
        case 1: return static_cast<std::int64_t>(below(3));
        case 2: return nullptr;
        case 3: return json::object{};
        default: {
            json::object made;
            for (const char* key : {"a", "b"})
                if (below(2) == 0) made[key] = any_value(depth - 1);
            return made;
        }
    }
}

json::object any_content() {
    json::object content;
    for (std::size_t count = 1 + below(3); count > 0; --count) {
        std::string place = "properties.desired";
        for (std::size_t depth = 1 + below(2); depth > 0; --depth)
            place += below(2) == 0 ? ".a" : ".b";
        content[place] = any_value(2);
    }
    return content;
}

std::string any_condition() {
    static const std::vector<std::string> conditions{"",
                                                     "*",
                                                     "tags.t = 0",
                                                     "tags.t > 0",
                                                     "properties.reported.r = 1",
                                                     "tags.t = 1 AND NOT properties.reported.r = 1",
                                                     "deviceId = 'd1'"};
    return conditions[below(conditions.size())];
}

class ConfigurationHistory {
public:
    ConfigurationHistory() : hub(settings()) {}

    void step() {
        const TwinId id = id_of("d" + std::to_string(below(4)));
        const std::string name = "c" + std::to_string(below(4));
        switch (below(12)) {
            case 0: return start(hub.registry().create(spec_of(id.device.text()), author_of()));
            case 1:
                if (below(4) != 0) return;
                return start(hub.registry().remove(id, twin::Match::any(), author_of()));
            case 2:
            case 3:
                return start(hub.twins().update(
                    id, patch_of(R"({"tags":{"t":)" + std::to_string(below(3)) + "}}"), {},
                    author_of()));
            case 4:
                return start(hub.twins().update(id,
                                                patch_of(R"({"properties":{"desired":{"own":)" +
                                                         std::to_string(below(3)) + "}}}"),
                                                {}, author_of()));
            case 5:
                hub.begin_report(id, R"({"r":)" + std::to_string(below(3)) + "}");
                return turns();
            case 6:
            case 7: return put(name);
            case 8: {
                auto gone = hub.begin(
                    hub.hub().configurations().remove(name, twin::Match::any(), author_of()));
                return turns();
            }
            case 9: return hub.tick(std::chrono::seconds(below(3)));
            case 10:
                if (below(3) == 0) hub.engine().fail_commits(1 + below(3), Fault::refused);
                return;
            default: return turns();
        }
    }

    void crash() { RC_ASSERT(hub.crash(1 + below(3)).has_value()); }

    void check() {
        hub.engine().fail_commits(0, Fault::refused);
        hub.settle();
        hub.tick_for(5s);
        RC_ASSERT(wrong_with(hub) == "");
        std::vector<ConfigurationPtr> ranked = hub.hub().configurations().list();
        std::ranges::sort(ranked, [](const auto& a, const auto& b) { return outranks(*a, *b); });
        for (int i = 0; i < 4; ++i) {
            const TwinId id = id_of("d" + std::to_string(i));
            const auto view = hub.run(hub.twins().get(id));
            if (!view) continue;
            check(*view, ranked);
        }
    }

private:
    static Settings settings() {
        Settings chosen;
        chosen.configurations.remove_on_delete = true;
        return chosen;
    }

    template <class T>
    void start(Task<T> task) {
        auto answer = hub.begin(std::move(task));
        turns();
    }
    void turns() {
        if (below(2) == 0) return hub.settle();
        for (std::size_t count = below(4); count > 0; --count) hub.turn();
    }

    void put(const std::string& name) {
        Configuration wanted;
        wanted.id = name;
        wanted.content = parse_content(json::object{{"deviceContent", any_content()}}).value();
        wanted.target_condition = any_condition();
        wanted.priority = static_cast<std::int32_t>(below(3));
        const bool known = hub.hub().configurations().get(name).has_value();
        auto made = hub.begin(hub.hub().configurations().put(
            std::move(wanted), known ? twin::Match::any() : twin::Match{}, author_of()));
        turns();
    }

    // Spec service-api 9.5 word for word.
    static void check(const TwinView& view, const std::vector<ConfigurationPtr>& ranked) {
        std::vector<const Configuration*> targeting;
        std::map<std::string, std::string> statuses;
        for (const ConfigurationPtr& each : ranked)
            if (matches(view, each->target_condition)) targeting.push_back(each.get());
        std::map<Keys, std::pair<json::value, std::string>> leaves;
        for (std::size_t i = targeting.size(); i-- > 0;)
            for (const Setting& setting : targeting[i]->content.settings) {
                std::erase_if(leaves,
                              [&](const auto& leaf) { return overlap(leaf.first, setting.keys); });
                Keys keys = setting.keys;
                enter(leaves, keys, setting.value, targeting[i]->id);
            }
        json::object expected;
        for (const auto& [keys, leaf] : leaves) {
            if (leaf.first.is_null()) continue;
            json::object* parent = &expected;
            for (std::size_t i = 0; i + 1 < keys.size(); ++i) {
                json::value& below_it = (*parent)[keys[i]];
                if (!below_it.is_object()) below_it.emplace_object();
                parent = &below_it.get_object();
            }
            (*parent)[keys.back()] = leaf.first;
        }
        for (const Configuration* each : targeting) {
            const bool applied = std::ranges::any_of(
                leaves, [&](const auto& leaf) { return leaf.second.second == each->id; });
            statuses[each->id] = applied ? "Applied" : "Targeted";
        }
        json::value desired = view.twin.desired.to_json();
        desired.get_object().erase("own");
        RC_LOG() << view.identity->id.text() << "\n";
        RC_ASSERT(desired == json::value(expected));
        std::map<std::string, std::string> shown;
        if (view.presence.configurations)
            for (const twin::Member& each : view.presence.configurations->members)
                shown[each.key] = each.node.find("status")->leaf().as_string();
        RC_ASSERT(shown == statuses);
    }

    static void enter(std::map<Keys, std::pair<json::value, std::string>>& leaves, Keys& keys,
                      const json::value& value, const std::string& id) {
        if (!value.is_object() || value.get_object().empty()) {
            leaves[keys] = {value, id};
            return;
        }
        for (const auto& [key, member] : value.get_object()) {
            keys.emplace_back(key);
            enter(leaves, keys, member, id);
            keys.pop_back();
        }
    }

    static bool matches(const TwinView& view, const std::string& condition) {
        const twin::Node* t = view.twin.tags.find("t");
        const twin::Node* r = view.twin.reported.find("r");
        const auto is = [](const twin::Node* node, std::int64_t value) {
            return node != nullptr && node->leaf() == value;
        };
        if (condition == "*") return true;
        if (condition == "tags.t = 0") return is(t, 0);
        if (condition == "tags.t > 0") return is(t, 1) || is(t, 2);
        if (condition == "properties.reported.r = 1") return is(r, 1);
        if (condition == "tags.t = 1 AND NOT properties.reported.r = 1")
            return is(t, 1) && r != nullptr && !is(r, 1);
        if (condition == "deviceId = 'd1'") return view.identity->id.device.text() == "d1";
        return false;
    }

    TestHub hub;
};

RC_GTEST_PROP(ConfigurationHistories, EndWithEachTwinAsANaiveReadingHasIt, ()) {
    ConfigurationHistory history;
    for (std::size_t lives = 1 + below(3); lives > 0; --lives) {
        for (std::size_t steps = below(40); steps > 0; --steps) history.step();
        if (lives > 1) history.crash();
    }
    history.check();
}

}  // namespace
}  // namespace twinhub::hub
