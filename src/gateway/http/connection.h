#pragma once

#include "base/task.h"
#include "gateway/deadlines.h"
#include "gateway/http/context.h"
#include "gateway/http/line_stream.h"
#include "gateway/http/router.h"
#include "gateway/service_credentials.h"
#include "gateway/transport.h"

#include <list>
#include <memory>
#include <string>
#include <string_view>

namespace twinhub::gateway::http {

// Serves one accepted connection on the loop that calls it, until the peer or the context ends it.
Task<> serve_http(std::unique_ptr<Transport> transport, HttpContext& context);

// One HTTP/1.1 connection: requests are read and answered one after the other. While it is idle it
// holds no buffer, only what came of the next request.
class Connection final : private Deadline {
public:
    Connection(std::unique_ptr<Transport> transport, HttpContext& context);
    ~Connection() override;

    Task<> run();
    void stop();

    // After run(): the device's socket if that is what was asked for, else nothing.
    std::unique_ptr<Transport> take_device_socket() { return std::move(device_socket_); }
    bool speaks_amqp() const { return is_amqp_; }  // on it; else MQTT

private:
    enum class Wait : std::uint8_t { none, request, header, body, sent, linger };

    // Until a request is there whole, or is refused; false when there will be none.
    Task<bool> receive();
    // As soon as the header is there, before any of the body is taken.
    void look_at_header();
    // Address, credential, right, version, size. Errors: what the request is refused with.
    Result<> admit();
    // The same of a request of a device, whose credential is judged where its twin lives.
    Task<> admit_device();
    void invite_body();
    Task<> answer();
    // The lines behind the header of a streamed answer, until they end.
    Task<> stream_lines(std::unique_ptr<LineSource> lines);
    // Whether the credential of the request still gives the right, long after it was admitted.
    bool is_still_allowed();
    Task<> linger();
    void wait_for(Wait what);
    void expired(Moment now) override;

    HttpContext& context_;
    std::list<Connection*>::iterator place_;
    std::unique_ptr<Transport> transport_;
    std::unique_ptr<Transport> device_socket_;
    std::unique_ptr<Exchange> exchange_;  // while a request is read or answered
    std::string unread_;                  // bytes that came behind the last request
    std::shared_ptr<LineStream> stream_;  // while the answer goes on
    ServiceCredentials credentials_;
    const Route* route_ = nullptr;
    const hub::Principal* principal_ = nullptr;
    hub::Principal device_;
    TwinId object_;
    std::optional<Error> refusal_;
    Wait wait_ = Wait::none;
    bool served_one_ = false;
    bool looked_ = false;
    bool body_unread_ = false;
    bool closing_ = false;
    bool is_amqp_ = false;
    int answered_in_turn_ = 0;
};

}  // namespace twinhub::gateway::http
