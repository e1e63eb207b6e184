#include "apps/sinks.h"

#include "apps/keys/secret_file.h"
#include "gateway/sinks/file_sink.h"
#include "gateway/sinks/webhook_sink.h"

#include <fmt/format.h>

namespace twinhub::apps {
namespace {

constexpr std::size_t secret_bytes_min = 16;

}  // namespace

Result<std::string> read_secret(const SinkConfig& config) {
    if (config.secret_file.empty()) return std::string();
    TRY(std::string secret, read_secret_file(config.secret_file));
    while (secret.ends_with('\n') || secret.ends_with('\r')) secret.pop_back();
    if (secret.size() < secret_bytes_min)
        return failure(Code::argument_invalid,
                       fmt::format("The secret in '{}' must have {} bytes at least",
                                   config.secret_file, secret_bytes_min));
    return secret;
}

Result<std::shared_ptr<gateway::Sink>> make_sink(const SinkConfig& config,
                                                 const std::string& hub_name,
                                                 gateway::Outgoing& outgoing,
                                                 const gateway::SinkSeams& seams) {
    if (config.kind == SinkKind::file)
        return std::make_shared<gateway::FileSink>(
            gateway::FileSinkOptions{
                .name = config.name,
                .path = config.path,
                .limits = {.bytes_max = config.file_bytes_max,
                           .age_max = config.file_age_max,
                           .files_max = static_cast<std::uint32_t>(config.files_max)},
                .buffer_bytes_max = config.buffer_bytes_max},
            seams);
    gateway::WebhookSinkOptions options{.name = config.name,
                                        .url = {},
                                        .secret = {},
                                        .hub = hub_name,
                                        .batch_messages_max = config.batch_messages_max,
                                        .batch_bytes_max = config.batch_bytes_max,
                                        .delay = config.delay,
                                        .retry_for = config.retry_for,
                                        .buffer_bytes_max = config.buffer_bytes_max};
    TRY(options.url, gateway::parse_https_url(config.url));
    TRY(options.secret, read_secret(config));
    const auto post = [&outgoing](gateway::Url url, gateway::OutgoingHeaders headers,
                                  std::string body) {
        return outgoing.post(std::move(url), std::move(headers), std::move(body));
    };
    return std::make_shared<gateway::WebhookSink>(std::move(options), post, seams);
}

}  // namespace twinhub::apps
