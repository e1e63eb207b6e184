#pragma once

#include "base/clock.h"
#include "base/loop.h"
#include "gateway/amqp/context.h"
#include "gateway/http/context.h"
#include "gateway/listener.h"
#include "gateway/mqtt/context.h"
#include "gateway/outgoing/outgoing.h"
#include "gateway/pause.h"
#include "gateway/routes/routes.h"
#include "gateway/sinks/sink.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>

#include <list>
#include <memory>
#include <vector>

// The loops of the server.
namespace twinhub::apps {

// One event loop with what every door needs. What is declared first goes last.
struct DoorLoop : Loop {
    explicit DoorLoop(Moment now) : work(get_executor()), ticker(*this), deadlines(now) {}

    void stop_accepting() {
        for (const auto& acceptor : acceptors) acceptor->stop();
    }

    asio::executor_work_guard<executor_type> work;
    asio::steady_timer ticker;
    gateway::Deadlines deadlines;
    std::vector<std::unique_ptr<gateway::Acceptor>> acceptors;
};

// The loop of a shard, with everything that lives on it.
struct ServingLoop : DoorLoop {
    using DoorLoop::DoorLoop;

    void stop_doors() {
        stop_accepting();
        if (http) http->stop();
        if (mqtt) mqtt->stop();
        if (amqp) amqp->stop();
    }

    void stop_sinks() {
        for (const auto& sink : sinks) sink->stop();
        if (routes) routes->stop();
        if (outgoing) outgoing->stop();
        if (to_hubs) to_hubs->stop();
        is_ending = true;
        for (gateway::Pause& pause : pauses) pause.wake();
    }

    // For requests of our own, to servers that `trust` believes.
    void open_ways_out(const gateway::ClientTrust& trust, const Clock& clock);

    std::unique_ptr<gateway::mqtt::MqttContext> mqtt;
    std::unique_ptr<gateway::amqp::AmqpContext> amqp;
    std::unique_ptr<gateway::http::HttpContext> http;
    std::unique_ptr<gateway::Outgoing> outgoing;
    std::unique_ptr<gateway::Outgoing> to_hubs;  // a silent one keeps nobody else waiting
    std::list<gateway::Pause> pauses;            // of registrations
    bool is_ending = false;
    std::vector<std::shared_ptr<gateway::Sink>> sinks;
    std::unique_ptr<gateway::Routes> routes;  // on the last loop alone
};

}  // namespace twinhub::apps
