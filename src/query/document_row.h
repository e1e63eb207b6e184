#pragma once

#include "query/evaluate.h"

namespace twinhub::query {

// What the path leads to in a document; undefined past its end, out of range and through scalars.
Value find(const json::object& document, const Path& path);

// A row that is a whole document in memory: a row of devices.jobs, a twin as services see it.
class DocumentRow final : public RowSource {
public:
    // Both must outlive it.
    DocumentRow(const Plan& plan, const json::object& document)
        : plan_(plan), document_(&document) {}

    void move_to(const json::object& document) { document_ = &document; }
    Value get(PathIndex path) override { return find(*document_, plan_.paths[path]); }

private:
    const Plan& plan_;
    const json::object* document_;
};

}  // namespace twinhub::query
