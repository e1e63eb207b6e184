#pragma once

#include "fleet/scan/paths.h"
#include "query/plan.h"

#include <string>

namespace twinhub::fleet {

// Some value of the answer needs the document: SELECT *, $metadata, a whole section.
bool answer_needs_document(const query::Plan& plan, const Paths& answer);

// The row of the answer as a JSON object (spec query-language 7): keys in the order of the SELECT
// list, undefined ones left out. Not of SELECT *.
void append_row(std::string& out, const query::Plan& plan, query::RowSource& row);

// The same from a whole document; of SELECT * the document itself. Cuts what the plan hides.
void append_row(std::string& out, const query::Plan& plan, json::object document);

}  // namespace twinhub::fleet
