#pragma once

#include "base/result.h"
#include "twin/twin.h"
#include "twin/wire.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

// How nodes and values lie in the stored bytes; the layout is drawn in codec.cc.
namespace twinhub::twin {

enum class NodeKind : std::uint8_t {
    object = 0,
    array,
    string,
    integer,
    floating,
    yes,
    no,
    null,
    absent = 14,
    nested = 15
};
inline constexpr std::uint8_t kind_mask = 0x0f;
inline constexpr std::uint8_t same_time = 0x10;
inline constexpr std::uint8_t same_version = 0x20;
inline constexpr std::uint8_t reserved = 0xc0;
inline constexpr std::size_t nesting_max =
    32;  // wider than the rules: a limit for the stack, not for users
inline constexpr std::size_t reserve_max = 64;  // a claimed count is not believed further than this
inline constexpr Instant time_min = never;
inline constexpr Instant time_max{
    std::chrono::sys_days{std::chrono::year{9999} / 12 / 31}.time_since_epoch()};

inline json::value json_of(std::string_view text) {
    return json::string(json::string_view(text.data(), text.size()));
}
template <class Content>
json::value json_of(Content content) {
    return content;
}

// Reads what twins and changes are made of, and says what is damage: the only place that does.
// What becomes of a node its caller's `Builder` decides, which has
//
//   Node, Object                      what it makes, and what it needs for an object under way
//   Object object(count)              an object begins; the count is a claim
//   add(Object&, key, Node)           in key order; `key` lies in the bytes
//   Node finish(Object, stamp)
//   Node leaf(content, stamp)         bool, int64, double, string_view (in the bytes), json::array
//
// and may be asked for more than the bytes turn out to hold: look at `failed` at the end.
class NodeReader {
public:
    explicit NodeReader(std::string_view bytes) : in_(bytes) {}

    bool failed() const { return in_.failed(); }
    std::unexpected<Error> damaged(std::string_view what) const;

protected:
    using enum NodeKind;
    struct Head {
        NodeKind kind = null;
        Stamp stamp;
    };

    void expect_format(unsigned char format) {
        if (in_.byte() != format) in_.fail();
    }
    void expect_end() {
        if (!in_.at_end()) in_.fail();
    }
    // Times that cannot be shown are damage; keeping to this range also keeps arithmetic from
    // overflowing.
    Instant in_range(Instant instant) {
        if (instant < time_min || instant > time_max) return in_.fail(), Instant{};
        return instant;
    }

    Versions versions() {
        Versions versions;
        for (std::uint64_t* number :
             {&versions.version, &versions.etag, &versions.desired, &versions.reported})
            *number = in_.unsigned_integer();
        return versions;
    }

    Head head(const Stamp& parent) { return head(in_.byte(), parent); }
    Head head(std::uint8_t bits, const Stamp& parent) {
        Head head{static_cast<NodeKind>(bits & kind_mask), parent};
        if (bits & reserved) in_.fail();
        if (!(bits & same_time)) {
            const auto back = static_cast<std::uint64_t>(in_.signed_integer());
            const auto ticks =
                static_cast<std::uint64_t>(parent.updated.time_since_epoch().count()) - back;
            head.stamp.updated = in_range(Instant{Ticks{static_cast<std::int64_t>(ticks)}});
            if (back == 0) in_.fail();
        }
        if (!(bits & same_version)) {
            const auto back = static_cast<std::uint64_t>(in_.signed_integer());
            head.stamp.version -= back;
            if (back == 0) in_.fail();
        }
        return head;
    }

    template <class Builder>
    Builder::Node root(Builder& build) {
        const Head head = this->head(Stamp{});
        if (head.kind != object) in_.fail();
        return node(build, head, 0);
    }

    template <class Builder>
    Builder::Node node(Builder& build, const Head& head, std::size_t depth) {
        if (head.kind != object) {
            if (head.kind == null) in_.fail();
            return content(head.kind, depth, [&](auto&& content) {
                return build.leaf(std::forward<decltype(content)>(content), head.stamp);
            });
        }
        if (depth > nesting_max) in_.fail();
        std::size_t count = in_.count();
        typename Builder::Object made = build.object(count);
        std::string_view before;
        for (bool first = true; count > 0 && !failed(); --count, first = false) {
            const std::string_view key = in_.text();
            if (!first && key <= before) in_.fail();
            const Head member = this->head(head.stamp);
            build.add(made, key, node(build, member, depth + 1));
            before = key;
        }
        return build.finish(std::move(made), head.stamp);
    }

    json::object plain_members(std::size_t depth);

    WireReader in_;

private:
    // What follows the head of a leaf, given to `take` as what it is.
    template <class Take>
    auto content(NodeKind kind, std::size_t depth, Take&& take) {
        switch (kind) {
            case yes: return take(true);
            case no: return take(false);
            case integer: return take(in_.signed_integer());
            case floating: {
                const double number = in_.floating();
                if (!std::isfinite(number)) in_.fail();
                return take(number);
            }
            case string: return take(in_.text());
            case array: return take(elements(depth));
            case object:
            case null:
            case absent:
            case nested: break;
        }
        in_.fail();
        return take(false);
    }

    // A value without stamps.
    json::value plain(std::size_t depth);
    json::array elements(std::size_t depth);
};

}  // namespace twinhub::twin
