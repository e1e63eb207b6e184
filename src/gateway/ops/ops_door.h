#pragma once

#include "base/clock.h"
#include "gateway/deadlines.h"
#include "gateway/transport.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

namespace twinhub::gateway {

// What the operations door says.
struct OpsAnswer {
    unsigned status = 404;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
};

// Answers one GET of `path` ("/metrics", "/healthz", "/readyz").
using OpsAnswers = std::function<OpsAnswer(std::string_view path)>;

// The operations listener of one loop: plain HTTP, one small request a connection, one answer.
// Meant for a trusted network; says nothing of any device.
class OpsDoor {
public:
    OpsDoor(OpsAnswers answers, Deadlines& deadlines, const Clock& clock);
    ~OpsDoor();
    OpsDoor(const OpsDoor&) = delete;
    OpsDoor& operator=(const OpsDoor&) = delete;

    void serve(std::unique_ptr<Transport> transport);
    void stop();  // ends all that are here, and all that come

private:
    friend class OpsConnection;
    OpsAnswers answers_;
    Deadlines& deadlines_;
    const Clock& clock_;
    std::unordered_set<std::shared_ptr<class OpsConnection>> connections_;
    bool stopping_ = false;
};

}  // namespace twinhub::gateway
