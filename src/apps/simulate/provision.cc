#include "apps/simulate/provision.h"

#include "apps/simulate/mqtt_link.h"
#include "base/encoding.h"
#include "base/json.h"
#include "base/json_members.h"
#include "protocol/sas/token.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <optional>

namespace twinhub::apps {
namespace {

namespace mqtt = protocol::mqtt;

constexpr std::string_view answers = "$dps/registrations/res/";
constexpr int questions_max = 100;  // then something is wrong

struct Answer {
    int status = 0;
    std::chrono::seconds retry_after{2};  // as the SDKs do when none is named
    std::string body;
};

std::optional<Answer> parse_answer(std::string_view topic, std::string_view payload) {
    if (!topic.starts_with(answers)) return std::nullopt;
    Answer answer;
    answer.body = payload;
    const std::string_view rest = topic.substr(answers.size());
    std::from_chars(rest.data(), rest.data() + rest.size(), answer.status);
    constexpr std::string_view item = "&retry-after=";
    if (const auto at = topic.find(item); at != topic.npos) {
        int seconds = 2;
        std::from_chars(topic.data() + at + item.size(), topic.data() + topic.size(), seconds);
        answer.retry_after = std::chrono::seconds{seconds};
    }
    return answer;
}

Result<Assignment> assignment_of(const json::value& body) {
    const json::value* state =
        body.is_object() ? body.get_object().if_contains("registrationState") : nullptr;
    if (!state) return failure(Code::format_invalid, "the provisioning service told no state");
    if (const std::string status = text_in(body, "status"); status != "assigned")
        return failure(Code::operation_invalid,
                       fmt::format("the registration ended as {}: {}", status,
                                   text_in(*state, "errorMessage")));
    Assignment assignment{text_in(*state, "assignedHub"), {}};
    TRY(assignment.device, DeviceId::parse(text_in(*state, "deviceId")));
    return assignment;
}

}  // namespace

Task<Result<Assignment>> provision(Executor executor, std::unique_ptr<gateway::ClientStream> stream,
                                   gateway::ServerEndpoint endpoint, Registration registration,
                                   std::uint64_t token_expiry) {
    std::optional<Answer> answer;
    const auto link = std::make_shared<MqttLink>(
        executor, std::move(stream), [&answer](std::string_view topic, std::string_view payload) {
            if (auto parsed = parse_answer(topic, payload)) answer = std::move(parsed);
        });
    const std::string resource =
        fmt::format("{}/registrations/{}", registration.id_scope, registration.id);
    const std::string key = base64_decode(registration.key).value_or("");
    CO_TRY_VOID(co_await link->open(
        std::move(endpoint), registration.id, resource + "/api-version=2019-03-31",
        protocol::sas::make_token(
            {.resource = resource, .key = key, .expiry = token_expiry, .policy = "registration"})));
    link->send(mqtt::Subscribe{
        .packet_id = 1, .filters = {{"$dps/registrations/res/#", mqtt::Qos::at_least_once}}});

    std::string operation;
    for (int question = 1; question <= questions_max; ++question) {
        const std::string topic =
            operation.empty()
                ? fmt::format("$dps/registrations/PUT/iotdps-register/?$rid={}", question)
                : fmt::format(
                      "$dps/registrations/GET/iotdps-get-operationstatus/"
                      "?$rid={}&operationId={}",
                      question, operation);
        link->send(mqtt::Publish{.topic = topic,
                                 .payload = {},
                                 .qos = mqtt::Qos::at_least_once,
                                 .packet_id = static_cast<std::uint16_t>(question + 1)});
        answer.reset();
        while (!answer) CO_TRY_VOID(co_await link->read_once());
        CO_TRY(const json::value body, parse_json(answer->body));
        if (answer->status == 200) {
            link->goodbye();
            co_return assignment_of(body);
        }
        if (answer->status != 202 && answer->status != 429)
            co_return failure(
                Code::unauthorized,
                fmt::format("the provisioning service refused {} with {}: {}", registration.id,
                            answer->status, text_in(body, "message")));
        if (answer->status == 202) operation = text_in(body, "operationId");
        asio::steady_timer timer(executor, answer->retry_after);
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    co_return failure(Code::unavailable, "the provisioning service does not come to an end");
}

}  // namespace twinhub::apps
