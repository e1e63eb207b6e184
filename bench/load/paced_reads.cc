#include "paced_reads.h"

#include <algorithm>

namespace twinhub::load {
namespace {

constexpr std::uint64_t turn_ns_max = 50'000'000;

}  // namespace

PacedReads::PacedReads(Reactor& reactor, const TlsContext& tls, unsigned connections, double rate,
                       Ask ask, Done done)
    : reactor_(reactor),
      ask_(std::move(ask)),
      done_(std::move(done)),
      interval_ns_(static_cast<std::uint64_t>(1e9 / rate)),
      next_ns_(now_ns()) {
    for (unsigned count = 0; count < connections; ++count) {
        clients_.push_back(std::make_unique<HttpClient>(reactor, tls, *this));
        clients_.back()->open();
    }
}

void PacedReads::run_until(std::uint64_t moment_ns) {
    while (now_ns() < moment_ns && losses_.size() < clients_.size()) {
        for (; next_ns_ <= now_ns(); next_ns_ += interval_ns_) due_.push_back(next_ns_);
        send_due();
        reactor_.turn(std::min({moment_ns, next_ns_, now_ns() + turn_ns_max}));
    }
}

void PacedReads::send_due() {
    while (!due_.empty() && !idle_.empty()) {
        HttpClient& client = *idle_.back();
        idle_.pop_back();
        client.since_ns = due_.front();
        due_.pop_front();
        ask_(client);
        client.flush();
    }
}

void PacedReads::connected(HttpClient& client) { idle_.push_back(&client); }

void PacedReads::answered(HttpClient& client, unsigned status, std::string_view) {
    done_(client, status);
    idle_.push_back(&client);
    send_due();
}

void PacedReads::lost(HttpClient& client, std::string_view why) {
    ++losses_[std::string(why)];
    std::erase(idle_, &client);
}

}  // namespace twinhub::load
