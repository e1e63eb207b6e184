#include "gateway/ops/ops_door.h"

#include <boost/asio/post.hpp>

#include <array>

namespace twinhub::gateway {
namespace {

constexpr std::size_t request_bytes_max = 8 * 1024;
constexpr std::chrono::seconds time_max{10};

class OpsConnection final : public std::enable_shared_from_this<OpsConnection>, private Deadline {
public:
    OpsConnection(std::unique_ptr<Transport> transport, const OpsAnswers& answers)
        : transport_(std::move(transport)), answers_(answers) {}

    void start(Deadlines& deadlines, Moment now) {
        self_ = shared_from_this();
        deadlines.schedule(*this, now + time_max);
        wait();
    }

private:
    void wait() {
        transport_->wait_readable([this] { read(); });
    }

    void read() {
        if (!self_) return;
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
            answer = answers_(path);
        }
        std::string out = "HTTP/1.1 " + std::to_string(answer.status) + (answer.status == 200 ? " OK" : " Refused") +
                          "\r\nContent-Type: " + answer.content_type + "\r\nContent-Length: " + std::to_string(answer.body.size()) +
                          "\r\nConnection: close\r\n\r\n" + answer.body;
        transport_->write(out);
        transport_->wait_sent([this] { end(); });
    }

    void expired(Moment) override { end(); }

    void end() {
        if (!self_) return;
        cancel();
        transport_->close();
        asio::post(transport_->executor(), [self = std::move(self_)] {});
        self_ = nullptr;
    }

    std::unique_ptr<Transport> transport_;
    const OpsAnswers& answers_;
    std::string request_;
    std::shared_ptr<OpsConnection> self_;  // keeps itself until it ends
};

}  // namespace

void serve_ops(std::unique_ptr<Transport> transport, const OpsAnswers& answers, Deadlines& deadlines, Moment now) {
    std::make_shared<OpsConnection>(std::move(transport), answers)->start(deadlines, now);
}

}  // namespace twinhub::gateway
