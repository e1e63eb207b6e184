#pragma once

#include "base/task.h"
#include "gateway/deadlines.h"
#include "gateway/transport.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace twinhub::gateway {

// What the operations door says.
struct OpsAnswer {
    unsigned status = 404;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
};

// Answers one GET of `path` ("/metrics", "/healthz", "/readyz").
using OpsAnswers = std::function<OpsAnswer(std::string_view path)>;

// Serves one connection of the operations listener: plain HTTP, one small request, one answer. Meant
// for a trusted network; says nothing of any device. `answers` and `deadlines` outlive it.
void serve_ops(std::unique_ptr<Transport> transport, const OpsAnswers& answers, Deadlines& deadlines, Moment now);

}  // namespace twinhub::gateway
