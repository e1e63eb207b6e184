#include "hub/rollouts/waves.h"

#include <algorithm>
#include <cmath>

namespace twinhub::hub {
namespace {

std::uint64_t place_of(std::string_view rollout, const TwinId& id) {
    std::string text(rollout);
    text += '\0';
    text += id.text();
    return stable_hash(text);
}

}  // namespace

std::vector<Assigned> deal(const RolloutDocument& document, std::vector<TwinId> devices,
                           const std::vector<std::unordered_set<TwinId>>& members) {
    struct Placed {
        std::uint64_t place = 0;
        TwinId id;
    };
    std::vector<Placed> order;
    order.reserve(devices.size());
    for (TwinId& id : devices) {
        const std::uint64_t place = place_of(document.name, id);
        order.push_back({place, std::move(id)});
    }
    std::ranges::sort(order, [](const Placed& a, const Placed& b) {
        return a.place != b.place ? a.place < b.place : a.id < b.id;
    });

    const std::size_t total = order.size();
    std::vector<std::uint32_t> wave_of(total, no_wave);
    std::size_t taken = 0;
    std::size_t next = 0;  // all before it are taken
    const auto take = [&](std::uint32_t wave, std::size_t count) {
        for (; count > 0 && next < total; ++next) {
            if (wave_of[next] != no_wave) continue;
            wave_of[next] = wave;
            ++taken;
            --count;
        }
    };
    for (std::uint32_t wave = 0; wave < document.waves.size(); ++wave) {
        const Wave& one = document.waves[wave];
        switch (one.kind) {
            case Wave::Kind::to_percent: {
                const auto wanted = static_cast<std::size_t>(
                    std::floor(one.percent / 100 * static_cast<double>(total) + 1e-9));
                take(wave, wanted > taken ? wanted - taken : 1);
                break;
            }
            case Wave::Kind::count: take(wave, one.count); break;
            case Wave::Kind::rest: take(wave, total); break;
            case Wave::Kind::where:
                for (std::size_t i = next; i < total; ++i) {
                    if (wave_of[i] != no_wave || !members.at(wave).contains(order[i].id)) continue;
                    wave_of[i] = wave;
                    ++taken;
                }
                break;
        }
    }
    std::vector<std::size_t> begins(document.waves.size() + 2);
    const auto place_in = [&](std::uint32_t wave) {
        return std::min<std::size_t>(wave, document.waves.size());
    };
    for (const std::uint32_t wave : wave_of) ++begins[place_in(wave) + 1];
    for (std::size_t i = 1; i < begins.size(); ++i) begins[i] += begins[i - 1];
    std::vector<Assigned> dealt(total);
    for (std::size_t i = 0; i < total; ++i)
        dealt[begins[place_in(wave_of[i])]++] = {std::move(order[i].id), wave_of[i]};
    return dealt;
}

std::vector<std::uint64_t> wave_sizes(const std::vector<Assigned>& dealt, std::size_t waves) {
    std::vector<std::uint64_t> sizes(waves);
    for (const Assigned& one : dealt)
        if (one.wave < waves) ++sizes[one.wave];
    return sizes;
}

}  // namespace twinhub::hub
