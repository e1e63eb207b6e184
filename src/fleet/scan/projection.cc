#include "fleet/scan/projection.h"

#include "fleet/canonical.h"
#include "query/document_row.h"
#include "query/narrow.h"

#include <utility>

namespace twinhub::fleet {
namespace {

using query::Type;
using query::Value;

void append_value(std::string& out, const Value& value) {
    switch (value.type()) {
        case Type::undefined:
        case Type::null: out += "null"; return;
        case Type::boolean: out += value.boolean() ? "true" : "false"; return;
        case Type::number: return append_canonical(out, json::value(value.number()));
        case Type::string: return append_json_string(out, value.string());
        case Type::array:
        case Type::object: return append_json(out, *value.tree());
    }
    std::unreachable();
}

}  // namespace

bool answer_needs_document(const query::Plan& plan, const Paths& answer) {
    if (plan.star) return true;
    for (const query::Item& item : plan.items)
        if (item.aggregate == query::Aggregate::none && answer.needs_document(item.path))
            return true;
    return false;
}

void append_row(std::string& out, const query::Plan& plan, query::RowSource& row) {
    out += '{';
    const char* separator = "";
    for (const query::Item& item : plan.items) {
        const Value value = row.get(item.path);
        if (value.is(Type::undefined)) continue;
        out += std::exchange(separator, ",");
        append_json_string(out, item.name);
        out += ':';
        append_value(out, value);
    }
    out += '}';
}

void append_row(std::string& out, const query::Plan& plan, json::object document) {
    if (!plan.hidden.empty()) query::cut_hidden(plan, document);
    if (plan.star) {
        // Documents come with what is known beside them, for conditions.
        for (const char* pseudo : {"$drift", "$connection"}) document.erase(pseudo);
        return append_json(out, json::value(std::move(document)));
    }
    query::DocumentRow row(plan, document);
    append_row(out, plan, row);
}

}  // namespace twinhub::fleet
