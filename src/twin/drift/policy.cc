#include "twin/drift/policy.h"

#include "twin/drift/paths.h"

#include <algorithm>

namespace twinhub::twin::drift {
namespace {

// Rises when the same documents would be judged otherwise than by an earlier release.
constexpr std::uint64_t rules_version = 1;

bool is_of_twin(const Override& one) {
    return one.fresh_for || one.settle || one.strict || one.edge || one.status_sibling ||
           one.document_ack;
}

bool counts_for(const Override& one, const Node& tags) {
    if (!one.tag) return true;
    const Node* tag = node_at(tags, keys_of(one.tag->path));
    return tag != nullptr && !tag->is_object() && tag->leaf() == one.tag->value;
}

// FNV-1a: the same on every machine and in every run.
class Fingerprint {
public:
    void add(std::string_view text) {
        for (const char c : text) step(static_cast<unsigned char>(c));
        step(0xff);
    }
    void add(std::uint64_t number) {
        for (int shift = 0; shift < 64; shift += 8) step(number >> shift & 0xff);
    }
    void add(Ticks ticks) { add(static_cast<std::uint64_t>(ticks.count())); }
    void add(const Tolerance& tolerance) {
        add(to_text(tolerance.absolute));
        add(to_text(tolerance.relative));
    }
    void add(bool flag) { step(flag ? 1 : 2); }
    template <class T>
    void add(const std::optional<T>& value) {
        add(value.has_value());
        if (value) add(*value);
    }
    std::uint64_t value() const { return hash_; }

private:
    void step(std::uint64_t byte) { hash_ = (hash_ ^ byte) * 0x100000001b3U; }
    std::uint64_t hash_ = 0xcbf29ce484222325U;
};

}  // namespace

Result<> Policy::check() const {
    const auto refuse = [](std::string message, std::string where) {
        return failure(Code::argument_invalid, std::move(message), std::move(where));
    };
    const auto is_bad = [](const std::optional<Ticks>& span) {
        return span && (*span < Ticks{} || *span > std::chrono::years{100});
    };
    const auto is_wrong = [](const Tolerance& tolerance) {
        return !(tolerance.absolute >= 0) || !(tolerance.relative >= 0);
    };
    if (is_bad(property.pending_timeout) || is_bad(twin.fresh_for) || is_bad(twin.settle))
        return refuse("A time of the drift policy is negative or beyond a hundred years", "drift");
    if (is_wrong(property.tolerance))
        return refuse("A tolerance of the drift policy is negative", "drift.tolerance");
    for (std::size_t i = 0; i < overrides.size(); ++i) {
        const Override& one = overrides[i];
        const std::string where = "drift.overrides[" + std::to_string(i) + "]";
        if (is_bad(one.pending_timeout) || is_bad(one.fresh_for) || is_bad(one.settle))
            return refuse("A time of the drift policy is negative or beyond a hundred years",
                          where);
        if (one.tolerance && is_wrong(*one.tolerance))
            return refuse("A tolerance of the drift policy is negative", where + ".tolerance");
        if (is_of_twin(one) && !one.paths.text().empty())
            return refuse("Rules for whole twins stand in an override without paths", where);
    }
    return {};
}

bool Policy::reads_tags() const {
    return std::ranges::any_of(overrides, [](const Override& one) { return one.tag.has_value(); });
}

std::uint64_t Policy::fingerprint() const {
    Fingerprint print;
    print.add(rules_version);
    print.add(property.tracked);
    print.add(property.pending_timeout);
    print.add(property.tolerance);
    print.add(twin.strict);
    print.add(twin.edge);
    print.add(twin.status_sibling);
    print.add(std::string_view(twin.document_ack));
    for (const Override& one : overrides) {
        print.add(std::string_view(one.paths.text()));
        print.add(one.tag.has_value());
        if (one.tag) {
            print.add(std::string_view(one.tag->path));
            print.add(std::string_view(to_text(one.tag->value)));
        }
        print.add(one.tracked);
        print.add(one.pending_timeout);
        print.add(one.tolerance);
        print.add(one.strict);
        print.add(one.edge);
        print.add(one.status_sibling);
        print.add(one.document_ack.has_value());
        if (one.document_ack) print.add(std::string_view(*one.document_ack));
    }
    return print.value();
}

TwinPolicy::TwinPolicy(const Policy& policy, const Node& tags)
    : policy_(policy), twin_(policy.twin) {
    for (const Override& one : policy.overrides) {
        if (!counts_for(one, tags)) continue;
        twin_.fresh_for = one.fresh_for.value_or(twin_.fresh_for);
        twin_.settle = one.settle.value_or(twin_.settle);
        twin_.strict = one.strict.value_or(twin_.strict);
        twin_.edge = one.edge.value_or(twin_.edge);
        twin_.status_sibling = one.status_sibling.value_or(twin_.status_sibling);
        if (one.document_ack) twin_.document_ack = *one.document_ack;
        if (one.tracked || one.pending_timeout || one.tolerance) overrides_.push_back(&one);
    }
}

PropertyRules TwinPolicy::property(std::string_view path) const {
    PropertyRules rules = policy_.property;
    for (const Override* one : overrides_) {
        if (!one->paths.fits(path)) continue;
        rules.tracked = one->tracked.value_or(rules.tracked);
        rules.pending_timeout = one->pending_timeout.value_or(rules.pending_timeout);
        rules.tolerance = one->tolerance.value_or(rules.tolerance);
    }
    return rules;
}

}  // namespace twinhub::twin::drift
