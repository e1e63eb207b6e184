#include "apps/simulate/amqp_device.h"

#include "apps/simulate/login.h"
#include "protocol/amqp/cbs.h"

#include <fmt/format.h>

#include <chrono>

namespace twinhub::apps {
namespace {

namespace amqp = protocol::amqp;

constexpr std::size_t read_bytes = 8192;
constexpr int sender_settled = 1;
constexpr std::string_view subscription = "subscribe";  // its correlation id

std::unexpected<Error> ended(const amqp::Client& client) {
    return failure(Code::unavailable, "the hub ended the connection: " + client.error());
}

}  // namespace

AmqpDevice::AmqpDevice(Executor executor, std::unique_ptr<gateway::ClientStream> stream,
                       DeviceEvents events)
    : stream_(std::move(stream)),
      sender_(std::move(executor), *stream_),
      events_(std::move(events)),
      reading_(read_bytes, '\0') {}

Task<Result<>> AmqpDevice::open(gateway::ServerEndpoint endpoint, DeviceLogin login,
                                std::uint64_t token_expiry) {
    const auto self = shared_from_this();
    CO_TRY_VOID(co_await stream_->connect(std::move(endpoint)));
    client_ = std::make_unique<Client>("twinhub-simulate", login.host);
    CO_TRY_VOID(co_await put_token(login, token_expiry));
    CO_TRY_VOID(co_await attach_twin(login));
    co_return Result<>{};
}

Task<Result<>> AmqpDevice::put_token(const DeviceLogin& login, std::uint64_t token_expiry) {
    Client::Link& requests = client_->sender("$cbs");
    Client::Link& answers = client_->receiver("$cbs");
    CO_TRY_VOID(co_await await_credit(requests));
    client_->send(requests, amqp::put_token_request({.audience = resource_of(login),
                                                     .token = device_token(login, token_expiry)}));
    send();
    while (answers.got.empty()) CO_TRY_VOID(co_await read_once());
    Client::Got& answer = answers.got.front();
    client_->accept(answer);
    const amqp::Value* status = amqp::find(answer.message.application_properties, "status-code");
    const auto code = status ? amqp::integer_of(*status) : std::nullopt;
    if (code != 200)
        co_return failure(Code::unauthorized, fmt::format("the hub refused {} with status {}",
                                                          login.id.text(), code.value_or(0)));
    co_return Result<>{};
}

Task<Result<>> AmqpDevice::await_credit(const Client::Link& link) {
    send();
    while (!client_->can_send(link)) {
        CO_TRY_VOID(co_await read_once());
        if (link.detached)
            co_return failure(Code::unauthorized, "the hub refused a link: " + link.error);
    }
    co_return Result<>{};
}

Task<Result<>> AmqpDevice::attach_twin(const DeviceLogin& login) {
    std::string address = "/devices/" + login.id.device.text();
    if (login.id.is_module()) address += "/modules/" + login.id.module.text();
    address += "/twin";
    Client::Options options;
    options.snd_settle_mode = sender_settled;
    options.properties = {
        {"com.microsoft:channel-correlation-id", amqp::Value::of_string("twin:simulate")},
        {"com.microsoft:api-version", amqp::Value::of_string("2021-04-12")},
        {"com.microsoft:client-version", amqp::Value::of_string("twinhub-simulate")}};
    twin_requests_ = &client_->sender(address, options);
    twin_answers_ = &client_->receiver(address, options);
    CO_TRY_VOID(co_await await_credit(*twin_requests_));
    ask("PUT", "/notifications/twin/properties/desired", subscription, " ");
    co_return Result<>{};
}

Task<Result<>> AmqpDevice::run() {
    const auto self = shared_from_this();
    while (true) {
        CO_TRY_VOID(co_await read_once());
        take_twin_messages();
        if (twin_requests_->detached || twin_answers_->detached)
            co_return failure(Code::unavailable,
                              "the hub detached the twin: " + twin_requests_->error);
    }
}

Task<Result<>> AmqpDevice::read_once() {
    CO_TRY(const std::size_t count, co_await stream_->read_some(reading_));
    client_->receive(std::string_view(reading_).substr(0, count));
    send();
    if (client_->closed()) co_return ended(*client_);
    co_return Result<>{};
}

void AmqpDevice::take_twin_messages() {
    for (Client::Got& got : std::exchange(twin_answers_->got, {})) {
        client_->accept(got);
        const std::string body = got.message.body();
        const auto id = amqp::text_of(got.message.correlation_id);
        if (!id) {
            const auto patch = parse_json(body);
            if (patch && patch->is_object()) events_.desired(patch->get_object());
        } else if (*id != subscription) {
            const amqp::Value* status = amqp::find(got.message.annotations, "status");
            const auto code = status ? amqp::integer_of(*status) : std::nullopt;
            events_.answer(static_cast<int>(code.value_or(500)), *id, body);
        }
    }
    send();
}

void AmqpDevice::ask(std::string_view operation, std::string_view resource, std::string_view id,
                     std::string body) {
    amqp::Message message;
    message.annotations = {{"operation", amqp::Value::of_string(operation)}};
    if (!resource.empty())
        message.annotations.emplace_back("resource", amqp::Value::of_string(resource));
    message.correlation_id = amqp::Value::of_string(id);
    message.data.push_back(std::move(body));
    client_->send(*twin_requests_, message);
    send();
}

void AmqpDevice::get_twin(std::string_view rid) { ask("GET", {}, rid, " "); }

void AmqpDevice::report(std::string_view rid, const json::object& patch) {
    ask("PATCH", "/properties/reported", rid, to_text(patch));
}

void AmqpDevice::ping() {
    client_->tick(std::chrono::steady_clock::now());
    send();
}

void AmqpDevice::goodbye() {
    client_->close();
    sender_.close_after();
    send();
}

void AmqpDevice::close() { sender_.close(); }

void AmqpDevice::send() { sender_.send(client_->take_output(), shared_from_this()); }

}  // namespace twinhub::apps
