#pragma once

#include "query/plan.h"

// How access rules bound a query without touching its text. Hide first, then narrow: an added
// condition may read what the asker may not.
namespace twinhub::query {

// Only rows that also meet the condition of `condition`: a plan over the same collection with the
// same reading of missing keys, from compile_condition. Executors cannot tell that it was added.
void narrow(Plan& plan, const Plan& condition);

// What is at or below the path (canonical, keys only) reads as undefined, in conditions and in the
// answer; the $metadata of a property with it. Executors cut `Plan::hidden` from the objects and
// documents that they hand out or group by (`cut_hidden`); all else is done here.
void hide(Plan& plan, const Path& path);

// Removes the hidden members from a whole document, or from the value that `path` leads to.
void cut_hidden(const Plan& plan, json::object& document);
void cut_hidden(const Plan& plan, PathIndex path, json::value& value);

}  // namespace twinhub::query
