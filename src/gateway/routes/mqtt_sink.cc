#include "gateway/routes/mqtt_sink.h"

#include "base/encoding.h"
#include "gateway/routes/cloud_event.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>

namespace twinhub::gateway {
namespace {

constexpr int keep_alive_seconds = 30;
constexpr int qos = 1;

// Once for the process, as the library asks.
void use_library() {
    struct Library {
        Library() { mosquitto_lib_init(); }
        ~Library() { mosquitto_lib_cleanup(); }
        Library(const Library&) = delete;
        Library& operator=(const Library&) = delete;
    };
    static const Library library;
}

// The same message would be refused for ever.
bool is_refused_by_broker(int code) {
    return code == MQTT_RC_TOPIC_NAME_INVALID || code == MQTT_RC_PACKET_TOO_LARGE ||
           code == MQTT_RC_PAYLOAD_FORMAT_INVALID;
}
bool is_refused_by_library(int code) {
    return code == MOSQ_ERR_INVAL || code == MOSQ_ERR_PAYLOAD_SIZE ||
           code == MOSQ_ERR_MALFORMED_UTF8 || code == MOSQ_ERR_OVERSIZE_PACKET;
}

void append_level(std::string& out, std::string_view text) {
    for (const char c : text) {
        const bool plain = static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && c != '/' &&
                           c != '+' && c != '#' && c != '%';
        if (plain) out += c;
        else out += percent_encode(std::string_view(&c, 1));
    }
}

struct PropertiesFree {
    void operator()(mosquitto_property* list) const { mosquitto_property_free_all(&list); }
};

}  // namespace

std::string topic_of(std::string_view pattern, const hub::HubEvent& event, std::string_view hub) {
    const std::string_view device = event.twin.device.text();
    const std::pair<std::string_view, std::string_view> names[] = {
        {"{hub}", hub},
        {"{deviceId}", device.empty() ? "-" : device},
        {"{moduleId}", event.twin.is_module() ? event.twin.module.text() : std::string_view()},
        {"{source}", hub::name_of(event.source)},
        {"{opType}", event.kind}};
    std::string topic;
    while (!pattern.empty()) {
        const auto* const name = std::ranges::find_if(
            names, [&](const auto& entry) { return pattern.starts_with(entry.first); });
        if (name == std::end(names)) {
            topic += pattern.front();
            pattern.remove_prefix(1);
        } else {
            append_level(topic, name->second);
            pattern.remove_prefix(name->first.size());
        }
    }
    return topic;
}

// One connection of the library, which has a thread for it.
struct MqttSink::Client {
    Client(std::weak_ptr<MqttSink> sink, std::uint64_t number)
        : owner(std::move(sink)), id(number) {}
    ~Client() {
        if (handle == nullptr) return;
        mosquitto_disconnect(handle);
        mosquitto_loop_stop(handle, true);
        mosquitto_destroy(handle);
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Hands on to the sink's loop what the library's thread tells.
    template <class Call>
    static void tell(void* object, Call call) {
        auto& client = *static_cast<Client*>(object);
        if (const auto sink = client.owner.lock())
            asio::post(sink->executor_, [weak = client.owner, id = client.id, call] {
                if (const auto there = weak.lock()) call(*there, id);
            });
    }

    std::weak_ptr<MqttSink> owner;
    std::uint64_t id;
    mosquitto* handle = nullptr;
};

MqttSink::MqttSink(MqttSinkOptions options, Executor executor, Executor pool, Deadlines& deadlines,
                   const Clock& clock)
    : options_(std::move(options)),
      executor_(std::move(executor)),
      pool_(std::move(pool)),
      clock_(clock),
      news_(executor_, deadlines),
      turn_(executor_, deadlines) {
    use_library();
}

MqttSink::~MqttSink() = default;

void MqttSink::note(Handed handed) {
    if (handed_.outcome == Handed::Outcome::done || handed.outcome == Handed::Outcome::again)
        handed_ = std::move(handed);
}

void MqttSink::connected(std::uint64_t client, int code) {
    if (client != clients_ || link_ != Link::opening) return;
    if (code == 0) link_ = Link::open;
    else trouble_ = options_.is_v5 ? mosquitto_reason_string(code) : mosquitto_connack_string(code);
    if (code != 0) link_ = Link::none;
    news_.wake();
}

void MqttSink::disconnected(std::uint64_t client, int code) {
    if (client != clients_ || link_ == Link::none) return;
    link_ = Link::none;
    if (trouble_.empty()) trouble_ = code == 0 ? "closed" : mosquitto_strerror(code);
    news_.wake();
}

void MqttSink::published(std::uint64_t client, int message, int code) {
    if (client != clients_ || unacknowledged_.erase(message) == 0) return;
    if (code >= 0x80) {
        std::string what = fmt::format("MQTT: {}", mosquitto_reason_string(code));
        note(is_refused_by_broker(code) ? Handed::refused(std::move(what))
                                        : Handed::again(std::move(what)));
    }
    if (unacknowledged_.empty()) news_.wake();
}

// Nothing when it is open; else why it is not.
Task<std::optional<std::string>> MqttSink::connect() {
    if (link_ == Link::open) co_return std::nullopt;
    give_up();
    trouble_.clear();
    auto made = std::make_unique<Client>(weak_from_this(), ++clients_);
    made->handle = mosquitto_new(options_.client_id.c_str(), true, made.get());
    if (made->handle == nullptr) co_return "no memory for a client";
    mosquitto* const handle = made->handle;
    mosquitto_int_option(handle, MOSQ_OPT_PROTOCOL_VERSION,
                         options_.is_v5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311);
    if (!options_.user_name.empty())
        mosquitto_username_pw_set(handle, options_.user_name.c_str(), options_.password.c_str());
    if (options_.tls) {
        if (options_.ca_file.empty()) mosquitto_int_option(handle, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
        else if (mosquitto_tls_set(handle, options_.ca_file.c_str(), nullptr, nullptr, nullptr,
                                   nullptr) != MOSQ_ERR_SUCCESS)
            co_return "the CAs cannot be read";
        mosquitto_tls_opts_set(handle, 1, "tlsv1.2", nullptr);
    }
    mosquitto_connect_callback_set(handle, [](mosquitto*, void* object, int code) {
        Client::tell(object,
                     [code](MqttSink& sink, std::uint64_t id) { sink.connected(id, code); });
    });
    mosquitto_disconnect_callback_set(handle, [](mosquitto*, void* object, int code) {
        Client::tell(object,
                     [code](MqttSink& sink, std::uint64_t id) { sink.disconnected(id, code); });
    });
    mosquitto_publish_v5_callback_set(
        handle, [](mosquitto*, void* object, int message, int code, const mosquitto_property*) {
            Client::tell(object, [message, code](MqttSink& sink, std::uint64_t id) {
                sink.published(id, message, code);
            });
        });
    client_ = std::move(made);
    link_ = Link::opening;
    // Looking a name up may take its time.
    auto work = [handle, host = options_.host, port = options_.port]() -> Task<int> {
        const int begun = mosquitto_connect(handle, host.c_str(), port, keep_alive_seconds);
        if (begun != MOSQ_ERR_SUCCESS) co_return begun;
        co_return mosquitto_loop_start(handle);
    };
    const int begun = co_await asio::co_spawn(pool_, std::move(work), asio::use_awaitable);
    const Moment until = clock_.monotonic() + options_.connect;
    while (begun == MOSQ_ERR_SUCCESS && link_ == Link::opening && !stopped_ &&
           clock_.monotonic() < until)
        co_await news_.until(until);
    if (link_ == Link::open && !stopped_) co_return std::nullopt;
    if (begun != MOSQ_ERR_SUCCESS) trouble_ = mosquitto_strerror(begun);
    std::string why = trouble_.empty() ? "no answer in time" : trouble_;
    give_up();
    co_return why;
}

void MqttSink::give_up() {
    link_ = Link::none;
    unacknowledged_.clear();
    if (!client_) return;
    // Its thread is waited for.
    asio::post(pool_, [client = std::shared_ptr<Client>(std::move(client_))]() mutable {
        client.reset();
    });
}

Handed MqttSink::publish(const hub::HubEvent& event) {
    const bool is_binary = options_.format == EventFormat::binary;
    std::string payload;
    if (is_binary) payload = cloud_event_data(event);
    else append_cloud_event(payload, event, options_.hub);
    mosquitto_property* list = nullptr;
    if (options_.is_v5) {
        mosquitto_property_add_string(
            &list, MQTT_PROP_CONTENT_TYPE,
            is_binary ? "application/json" : "application/cloudevents+json; charset=utf-8");
        if (is_binary)
            for (const auto& [name, text] : cloud_event_attributes(event, options_.hub, ""))
                mosquitto_property_add_string_pair(&list, MQTT_PROP_USER_PROPERTY, name.c_str(),
                                                   text.c_str());
    }
    const std::unique_ptr<mosquitto_property, PropertiesFree> properties(list);
    int message = 0;
    const int code = mosquitto_publish_v5(
        client_->handle, &message, topic_of(options_.topic, event, options_.hub).c_str(),
        static_cast<int>(payload.size()), payload.data(), qos, false, list);
    if (code == MOSQ_ERR_SUCCESS) {
        unacknowledged_.insert(message);
        return {};
    }
    std::string what = fmt::format("MQTT: {}", mosquitto_strerror(code));
    return is_refused_by_library(code) ? Handed::refused(std::move(what))
                                       : Handed::again(std::move(what));
}

// One batch after the other: their acknowledgements are told apart by numbers of one connection.
Task<Handed> MqttSink::deliver(EventBatch events) {
    const auto self = shared_from_this();
    while (busy_ && !stopped_) {
        if (turn_.is_waiting()) co_return Handed::again("MQTT: other routes are before this one");
        co_await turn_.until(clock_.monotonic() + options_.patience);
    }
    if (stopped_) co_return Handed::again("the server stopped");
    busy_ = true;
    Handed handed = co_await deliver_next(std::move(events));
    busy_ = false;
    turn_.wake();
    co_return handed;
}

Task<Handed> MqttSink::deliver_next(EventBatch events) {
    if (const auto why = co_await connect())
        co_return Handed::again(fmt::format("MQTT: {}:{}: {}", options_.host, options_.port, *why));
    handed_ = {};
    for (const hub::HubEvent& event : *events) {
        Handed handed = publish(event);
        if (handed.outcome == Handed::Outcome::done) continue;
        note(std::move(handed));
        break;
    }
    const Moment until = clock_.monotonic() + options_.patience;
    while (!unacknowledged_.empty() && link_ == Link::open && !stopped_ &&
           clock_.monotonic() < until)
        co_await news_.until(until);
    if (!unacknowledged_.empty()) {
        note(Handed::again(fmt::format(
            "MQTT: {}", link_ == Link::open ? "no acknowledgement in time" : trouble_)));
        give_up();
    }
    co_return std::move(handed_);
}

void MqttSink::stop() {
    if (std::exchange(stopped_, true)) return;
    news_.wake();
    turn_.wake();
    give_up();
}

}  // namespace twinhub::gateway
