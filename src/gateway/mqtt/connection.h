#pragma once

#include "base/task.h"
#include "gateway/deadlines.h"
#include "gateway/device_credentials.h"
#include "gateway/mqtt/answers.h"
#include "gateway/mqtt/context.h"
#include "gateway/mqtt/failing_reads.h"
#include "hub/device_door.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace twinhub::gateway::mqtt {

// A device's MQTT connection: joins the transport, the session and the shard. It starts on the loop
// that accepted it and moves to the loop of its twin's shard as soon as the CONNECT names the
// device; from then on all of it happens there.
class MqttConnection final : public hub::DeviceLink,
                             private Deadline,
                             public std::enable_shared_from_this<MqttConnection> {
public:
    MqttConnection(std::unique_ptr<Transport> transport, MqttContext& context);
    ~MqttConnection() override;

    void start();
    void stop();  // closes: the server shuts down

private:
    using CloseReason = protocol::mqtt::CloseReason;

    // hub::DeviceLink
    void desired_changed(std::uint64_t version, std::string_view body) override;
    void invoke(std::uint64_t number, std::string_view name, std::string_view payload) override;
    void deliver(const hub::LockedMessage& message) override;
    void end(hub::LinkEnd reason) override;

    void expired(Moment now) override;
    void wait_readable();
    void read();
    void handle_events();
    void hand_over(protocol::mqtt::Provision asked);
    void flush();
    void watch();

    void authenticate();
    Task<> check_credentials(std::shared_ptr<MqttConnection> self);
    Task<Result<>> admit();
    void accept(const hub::IdentityView& known, const Admission& admission);

    void subscribed();
    void want_messages();
    void wait_sent();
    void method_answered(const protocol::mqtt::MethodResponse& response);
    void acknowledged(std::uint64_t sequence);
    void get_twin(std::string_view rid);
    void report(const protocol::mqtt::Report& report);
    void answer_report(std::uint64_t number, Result<std::uint64_t> result);
    void answer(std::uint64_t number, Answer answer);
    std::string error_body(const Error& error);
    void publish(protocol::mqtt::Properties properties, std::string_view payload);
    void close(CloseReason reason, const protocol::mqtt::Will* will);

    std::unique_ptr<Transport> transport_;
    MqttContext* context_;
    protocol::mqtt::Session session_;
    Answers answers_;
    FailingReads failing_reads_;
    std::unique_ptr<protocol::mqtt::Authenticate> request_;  // while the credential is checked
    // Of messages that the device has not acknowledged: sequence and lock token.
    std::vector<std::pair<std::uint64_t, std::string>> unacknowledged_;
    bool attached_ = false;
    bool clean_session_ = false;
    bool closed_ = false;
    bool in_turn_ = false;  // output gathers until the turn's end
    bool paused_ = false;   // reading waits until the device took its answers
    bool waiting_ = false;
};

}  // namespace twinhub::gateway::mqtt
