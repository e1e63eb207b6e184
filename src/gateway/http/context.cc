#include "gateway/http/context.h"

#include "gateway/http/connection.h"

namespace twinhub::gateway::http {
namespace {

constexpr std::size_t spare_max = 64;
constexpr std::size_t kept_bytes_max = 64 * 1024;  // a spare buffer above this is let go

void trim(std::string& buffer) {
    if (buffer.capacity() > kept_bytes_max) std::string().swap(buffer);
}

}  // namespace

HttpContext::HttpContext(hub::Hub& hub, Deadlines& deadlines, HttpMetrics& metrics,
                         HttpSettings settings, DeviceDoor mqtt, DeviceGate gate,
                         provisioning::Provisioning* provisioning)
    : hub_(hub),
      deadlines_(deadlines),
      metrics_(metrics),
      settings_(settings),
      gate_(gate),
      mqtt_(std::move(mqtt)),
      provisioning_(provisioning) {
    hosts_.push_back(hub.settings().name);
    for (const std::string& alias : hub.settings().aliases) hosts_.push_back(alias);
}

HttpContext::~HttpContext() { CHECK(connections_.empty()); }

void HttpContext::stop() {
    stopping_ = true;
    // A connection leaves the list later, on its own.
    for (Connection* connection : connections_) connection->stop();
}

std::string_view HttpContext::date(Instant now) {
    const auto second = std::chrono::floor<std::chrono::seconds>(now);
    if (second != date_second_ || date_.empty()) {
        date_ = http_date(now);
        date_second_ = second;
    }
    return date_;
}

std::unique_ptr<Exchange> HttpContext::take_exchange() {
    std::unique_ptr<Exchange> exchange;
    if (spare_.empty()) {
        exchange = std::make_unique<Exchange>();
    } else {
        exchange = std::move(spare_.back());
        spare_.pop_back();
    }
    exchange->parser.begin(exchange->request, settings_.limits);
    exchange->reply.clear();
    exchange->out.clear();
    return exchange;
}

void HttpContext::give_back(std::unique_ptr<Exchange> exchange) {
    if (spare_.size() >= spare_max) return;
    trim(exchange->request.body);
    trim(exchange->reply.body);
    trim(exchange->out);
    spare_.push_back(std::move(exchange));
}

}  // namespace twinhub::gateway::http
