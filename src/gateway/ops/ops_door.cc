#include "gateway/ops/ops_door.h"

#include <boost/asio/post.hpp>

#include <array>
#include <utility>
#include <vector>

namespace twinhub::gateway {
namespace {

constexpr std::size_t request_bytes_max = 8 * 1024;
constexpr std::chrono::seconds time_max{10};

}  // namespace

// Kept by its door until it ends.
class OpsConnection final : public std::enable_shared_from_this<OpsConnection>, private Deadline {
public:
    OpsConnection(std::unique_ptr<Transport> transport, OpsDoor& door)
        : transport_(std::move(transport)), door_(door) {}

    void start() {
        door_.deadlines_.schedule(*this, door_.clock_.monotonic() + time_max);
        wait();
    }

    void end() {
        if (std::exchange(ended_, true)) return;
        cancel();
        transport_->close();
        // The caller may still be in a method of ours.
        asio::post(transport_->executor(),
                   [self = shared_from_this()] { self->door_.connections_.erase(self); });
    }

private:
    void wait() {
        transport_->wait_readable([this] { read(); });
    }

    void read() {
        if (ended_) return;
        std::array<std::byte, 2048> buffer;
        const Result<std::size_t> count = transport_->read_some(buffer);
        if (!count) return end();
        request_.append(reinterpret_cast<const char*>(buffer.data()), *count);
        if (request_.size() > request_bytes_max) return end();
        if (request_.find("\r\n\r\n") == std::string::npos) return wait();
        answer();
    }

    void answer() {
        const std::string_view line = std::string_view(request_).substr(0, request_.find("\r\n"));
        const std::size_t space = line.find(' ');
        const std::size_t second = line.find(' ', space + 1);
        OpsAnswer answer{.status = 405, .body = "only GET\n"};
        if (second != std::string_view::npos && line.substr(0, space) == "GET") {
            std::string_view path = line.substr(space + 1, second - space - 1);
            path = path.substr(0, path.find('?'));
            answer = door_.answers_(path);
        }
        std::string out = "HTTP/1.1 " + std::to_string(answer.status) +
                          (answer.status == 200 ? " OK" : " Refused") +
                          "\r\nContent-Type: " + answer.content_type +
                          "\r\nContent-Length: " + std::to_string(answer.body.size()) +
                          "\r\nConnection: close\r\n\r\n" + answer.body;
        transport_->write(out);
        transport_->wait_sent([this] { end(); });
    }

    void expired(Moment) override { end(); }

    std::unique_ptr<Transport> transport_;
    OpsDoor& door_;
    std::string request_;
    bool ended_ = false;
};

OpsDoor::OpsDoor(OpsAnswers answers, Deadlines& deadlines, const Clock& clock)
    : answers_(std::move(answers)), deadlines_(deadlines), clock_(clock) {}

OpsDoor::~OpsDoor() = default;

void OpsDoor::serve(std::unique_ptr<Transport> transport) {
    if (stopping_) return;
    const auto connection = std::make_shared<OpsConnection>(std::move(transport), *this);
    connections_.insert(connection);
    connection->start();
}

void OpsDoor::stop() {
    stopping_ = true;
    const std::vector<std::shared_ptr<OpsConnection>> all(connections_.begin(), connections_.end());
    for (const auto& connection : all) connection->end();
}

}  // namespace twinhub::gateway
