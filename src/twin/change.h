#pragma once

#include "base/result.h"
#include "twin/update.h"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace twinhub::twin {

// What one accepted write did, and how to take it back: the part of the commit record that belongs
// to the twin (design, idea 5). Small: it holds what the write touched, not the document.

struct Undo;
struct UndoMember;

struct Absent {  // the key was not there
    friend bool operator==(const Absent&, const Absent&) = default;
};
struct Nested {                       // it was an object, and some members of it changed
    Stamp stamp;                      // of the object itself, before
    std::vector<UndoMember> members;  // in the order of their keys

    friend bool operator==(const Nested&, const Nested&);
};

// What a place held before the write. A Node is a whole old value with its metadata.
struct Undo {
    std::variant<Absent, Nested, Node> was;
    friend bool operator==(const Undo&, const Undo&);
};
struct UndoMember {
    std::string key;
    Undo undo;
    friend bool operator==(const UndoMember&, const UndoMember&);
};
inline bool operator==(const Nested& a, const Nested& b) {
    return a.stamp == b.stamp && a.members == b.members;
}
inline bool operator==(const Undo& a, const Undo& b) { return a.was == b.was; }
inline bool operator==(const UndoMember& a, const UndoMember& b) {
    return a.key == b.key && a.undo == b.undo;
}

struct PartChange {
    Patch forward;  // what was written
    Undo inverse;   // Nested (merge) or Node (replace)

    friend bool operator==(const PartChange&, const PartChange&) = default;
};

// Which operation: decides the kind of event (updateTwin or replaceTwin, spec twin-document 12).
enum class Operation : std::uint8_t { patch, replace, report };

struct Change {
    Operation operation = Operation::patch;
    Instant at{};
    Versions before;
    Versions after;
    std::optional<PartChange> tags;
    std::optional<PartChange> desired;
    std::optional<PartChange> reported;

    // An empty PATCH: nothing was written, no version rose and there is nothing to commit.
    bool empty() const { return before == after; }
    const std::optional<PartChange>& part(Part which) const;
    std::optional<PartChange>& part(Part which);

    friend bool operator==(const Change&, const Change&) = default;
};

// The twin after the change, from the one before: values, metadata and versions exactly.
// Errors: corrupted when the change does not continue this twin.
Result<Twin> redo(const Twin& before, const Change& change);

// The twin before the change, from the one after: values, metadata and versions exactly.
// Errors: corrupted when the change did not lead to this twin.
Result<Twin> undo(const Twin& after, const Change& change);

// A leaf that a write named, whether or not its value changed. Leaves are scalars, arrays and empty
// objects; the pointers live as long as the twins they came from, nullptr where there is none.
struct TouchedLeaf {
    Part part = Part::tags;
    std::string path;  // below the part, keys joined by dots (a key holds none): "fan.speed"
    const json::value* before = nullptr;
    const json::value* after = nullptr;
};

// The leaves that a write touched, in the order of their paths within each part (seam "touch set").
std::vector<TouchedLeaf> touched_leaves(const Twin& before, const Twin& after,
                                        const Change& change);

}  // namespace twinhub::twin
