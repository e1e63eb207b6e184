#include "gateway/routes/kafka_sink.h"

#include "gateway/routes/cloud_event.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>

namespace twinhub::gateway {
namespace {

constexpr std::uint64_t one_event = 1;

struct ConfFree {
    void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, ConfFree>;

// The same message would be refused for ever.
bool is_refused_by_broker(rd_kafka_resp_err_t error) {
    switch (error) {
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_INVALID_MSG:
        case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
        case RD_KAFKA_RESP_ERR_INVALID_RECORD: return true;
        default: return false;
    }
}

Handed failed(rd_kafka_resp_err_t error, const std::string& trouble) {
    std::string what = fmt::format("Kafka: {}", rd_kafka_err2str(error));
    if (is_refused_by_broker(error)) return Handed::refused(std::move(what));
    if (!trouble.empty()) what += fmt::format(" ({})", trouble);
    return Handed::again(std::move(what));
}

std::string_view protocol_of(const KafkaOptions& options) {
    if (options.user_name.empty()) return options.tls ? "ssl" : "plaintext";
    return options.tls ? "sasl_ssl" : "sasl_plaintext";
}

std::vector<std::pair<std::string, std::string>> settings_of(const KafkaOptions& options) {
    std::vector<std::pair<std::string, std::string>> settings{
        {"bootstrap.servers", options.brokers},
        {"client.id", options.client_id},
        {"enable.idempotence", "true"},  // with it acks=all, and order is kept through retries
        {"message.timeout.ms", std::to_string(options.patience.count())},
        {"linger.ms", "5"},
        {"security.protocol", std::string(protocol_of(options))}};
    if (options.tls && !options.ca_file.empty())
        settings.emplace_back("ssl.ca.location", options.ca_file);
    if (!options.user_name.empty()) {
        settings.emplace_back("sasl.mechanisms", options.sasl);
        settings.emplace_back("sasl.username", options.user_name);
        settings.emplace_back("sasl.password", options.password);
    }
    settings.insert(settings.end(), options.more.begin(), options.more.end());
    return settings;
}

}  // namespace

// The library's client, which has threads of its own. It never calls us: its events wait in a
// queue, and it writes to a descriptor when there are some.
struct KafkaSink::Producer {
    explicit Producer(rd_kafka_t* made) : client(made), queue(rd_kafka_queue_get_main(made)) {}
    ~Producer() {
        rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_queue_destroy(queue);
        rd_kafka_destroy(client);
    }
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;
    rd_kafka_t* client;
    rd_kafka_queue_t* queue;
};

KafkaSink::KafkaSink(KafkaOptions options, Executor executor)
    : options_(std::move(options)), executor_(std::move(executor)), news_(executor_) {}

// The library writes to the descriptor: it goes first.
KafkaSink::~KafkaSink() { producer_.reset(); }

Result<std::shared_ptr<KafkaSink>> KafkaSink::open(KafkaOptions options, Executor executor) {
    std::shared_ptr<KafkaSink> sink(new KafkaSink(std::move(options), std::move(executor)));
    const int descriptor = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (descriptor < 0) return failure(Code::internal, "No descriptor is left for Kafka");
    sink->news_.assign(descriptor);
    TRY_VOID(sink->make_producer());
    return sink;
}

Result<> KafkaSink::make_producer() {
    producer_.reset();
    Conf conf(rd_kafka_conf_new());
    std::array<char, 512> words{};
    for (const auto& [name, value] : settings_of(options_)) {
        if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), words.data(),
                              words.size()) == RD_KAFKA_CONF_OK)
            continue;
        // The library repeats the value, which may be a password.
        return failure(Code::argument_invalid,
                       fmt::format("Kafka does not take the setting {}", name));
    }
    rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    rd_kafka_conf_set_log_cb(conf.get(), nullptr);
    rd_kafka_t* const client =
        rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), words.data(), words.size());
    if (client == nullptr) return failure(Code::argument_invalid, std::string(words.data()));
    (void)conf.release();  // the client has it
    producer_ = std::make_unique<Producer>(client);
    rd_kafka_queue_io_event_enable(producer_->queue, news_.native_handle(), &one_event,
                                   sizeof one_event);
    return {};
}

void KafkaSink::watch() {
    if (watching_ || stopped_) return;
    watching_ = true;
    news_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [weak = weak_from_this()](const boost::system::error_code& error) {
                         const auto self = weak.lock();
                         if (!self) return;
                         self->watching_ = false;
                         if (error || self->stopped_) return;
                         std::uint64_t count = 0;
                         (void)!::read(self->news_.native_handle(), &count, sizeof count);
                         self->serve_events();
                         if (!self->pending_.empty()) self->watch();
                     });
}

void KafkaSink::serve_events() {
    while (producer_) {
        rd_kafka_event_t* const event = rd_kafka_queue_poll(producer_->queue, 0);
        if (event == nullptr) return;
        bool is_fatal = false;
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR) {
            while (const rd_kafka_message_t* const message = rd_kafka_event_message_next(event)) {
                const auto batch = reinterpret_cast<std::uintptr_t>(message->_private);
                settle(batch, message->err ? failed(message->err, trouble_) : Handed{});
            }
        } else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR) {
            is_fatal = rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__FATAL;
            trouble_ = rd_kafka_event_error_string(event);
        }
        rd_kafka_event_destroy(event);
        if (!is_fatal) continue;
        // The producer has lost its place: what it holds may or may not have arrived.
        for (auto& [number, pending] : pending_) {
            pending.handed = Handed::again("Kafka: " + trouble_);
            pending.left = 0;
            if (pending.resume) asio::post(executor_, std::move(pending.resume));
        }
        producer_.reset();
    }
}

void KafkaSink::settle(std::uint64_t batch, const Handed& handed) {
    const auto found = pending_.find(batch);
    if (found == pending_.end() || found->second.left == 0) return;
    Pending& pending = found->second;
    // What may still arrive is asked for again before anything is put aside.
    const bool is_worse =
        pending.handed.outcome == Handed::Outcome::done || handed.outcome == Handed::Outcome::again;
    if (handed.outcome != Handed::Outcome::done && is_worse) pending.handed = handed;
    if (--pending.left == 0 && pending.resume) asio::post(executor_, std::move(pending.resume));
}

Handed KafkaSink::produce(const hub::HubEvent& event, std::uint64_t batch) {
    const bool is_binary = options_.format == EventFormat::binary;
    std::string value;
    if (is_binary) value = cloud_event_data(event);
    else append_cloud_event(value, event, options_.hub);
    rd_kafka_headers_t* headers = rd_kafka_headers_new(12);
    const auto add = [headers](const std::string& name, std::string_view text) {
        rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), text.data(),
                            static_cast<ssize_t>(text.size()));
    };
    add("content-type",
        is_binary ? "application/json" : "application/cloudevents+json; charset=UTF-8");
    if (is_binary)
        for (const auto& [name, text] : cloud_event_attributes(event, options_.hub, "ce_"))
            add(name, text);
    const std::string key = hub::partition_of(event);
    std::array<rd_kafka_vu_t, 6> parts{};
    parts[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    parts[0].u.cstr = options_.topic.c_str();
    parts[1].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    parts[1].u.i = RD_KAFKA_MSG_F_COPY;
    parts[2].vtype = RD_KAFKA_VTYPE_KEY;
    parts[2].u.mem = {.ptr = const_cast<char*>(key.data()), .size = key.size()};
    parts[3].vtype = RD_KAFKA_VTYPE_VALUE;
    parts[3].u.mem = {.ptr = value.data(), .size = value.size()};
    parts[4].vtype = RD_KAFKA_VTYPE_HEADERS;
    parts[4].u.headers = headers;
    parts[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
    parts[5].u.ptr = reinterpret_cast<void*>(static_cast<std::uintptr_t>(batch));
    rd_kafka_error_t* const refusal =
        rd_kafka_produceva(producer_->client, parts.data(), parts.size());
    if (refusal == nullptr) return {};
    const rd_kafka_resp_err_t error = rd_kafka_error_code(refusal);
    rd_kafka_error_destroy(refusal);
    rd_kafka_headers_destroy(headers);
    return failed(error, trouble_);
}

Task<> KafkaSink::settled(Pending& pending) {
    if (pending.left == 0) co_return;
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [&pending](auto handler) {
            pending.resume = [handler = std::move(handler)]() mutable { std::move(handler)(); };
        },
        asio::use_awaitable);
}

Task<Handed> KafkaSink::deliver(EventBatch events) {
    const auto self = shared_from_this();
    if (stopped_) co_return Handed::again("the server stopped");
    if (!producer_)
        if (const auto made = make_producer(); !made) co_return Handed::again(made.error().message);
    const std::uint64_t number = ++last_batch_;
    Pending& pending = pending_[number];
    for (const hub::HubEvent& event : *events) {
        const Handed handed = produce(event, number);
        if (handed.outcome != Handed::Outcome::done) {
            pending.handed = handed;
            break;
        }
        ++pending.left;
    }
    watch();
    co_await settled(pending);
    Handed handed = std::move(pending.handed);
    pending_.erase(number);
    if (handed.outcome == Handed::Outcome::done) trouble_.clear();
    co_return handed;
}

void KafkaSink::stop() {
    if (std::exchange(stopped_, true)) return;
    boost::system::error_code ignored;
    news_.cancel(ignored);
    for (auto& [number, pending] : pending_) {
        pending.handed = Handed::again("the server stopped");
        pending.left = 0;
        if (pending.resume) asio::post(executor_, std::move(pending.resume));
    }
}

}  // namespace twinhub::gateway
