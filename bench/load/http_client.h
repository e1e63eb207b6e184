#pragma once

#include "tls_stream.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace twinhub::load {

class HttpClient;

class HttpOwner {
public:
    virtual ~HttpOwner() = default;
    virtual void connected(HttpClient& client) = 0;
    // `body` is good until the call returns.
    virtual void answered(HttpClient& client, unsigned status, std::string_view body) = 0;
    virtual void lost(HttpClient& client, std::string_view why) = 0;
};

// One keep-alive HTTP/1.1 connection, one request at a time. Reads bodies of a Content-Length or
// in chunks.
class HttpClient final : public TlsStream {
public:
    HttpClient(Reactor& reactor, const TlsContext& tls, HttpOwner& owner)
        : TlsStream(reactor, tls), owner_(owner), host_(tls.target().name) {}

    // A body makes it a POST with JSON in it; `fields` are whole header lines. `flush` sends it.
    void request(std::string_view path, std::string_view token, std::string_view body = {},
                 std::string_view fields = {});
    // A header of the answer, while `answered` runs. The name in lower case, with its colon.
    std::optional<std::string_view> field(std::string_view name) const;

    // What the owner is busy with on this connection.
    std::uint64_t number = 0;
    std::uint64_t since_ns = 0;

private:
    void opened() override { owner_.connected(*this); }
    std::size_t received(std::string_view bytes) override;
    void closed(std::string_view why) override { owner_.lost(*this, why); }

    HttpOwner& owner_;
    const std::string& host_;
    std::string_view head_;  // of the answer being told
};

}  // namespace twinhub::load
