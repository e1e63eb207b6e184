#include "gateway/http/reply.h"

#include "base/json.h"
#include "gateway/http/compress.h"
#include "gateway/wire_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

namespace twinhub::gateway::http {
namespace {

using testing::HasSubstr;
using testing::Not;

const Instant moment =
    std::chrono::sys_days{std::chrono::year{2026} / 11 / 22} + std::chrono::hours{10};

TEST(Refusal, IsEnvelopeAWithTheSameNameInHeaderAndBodyForEveryCode) {
    SystemRandom random;
    for (const WireStatus& row : wire_statuses()) {
        Reply reply;
        refuse(reply, Error{row.code, "It went wrong; badly", "a.b"}, random, moment);
        EXPECT_EQ(reply.status, row.http());
        EXPECT_EQ(reply.error_name, row.name);
        const json::value value = parse_json(reply.body).value();
        const auto message = value.at("Message").as_string();
        const std::string prefix = "ErrorCode:" + std::string(row.name) + ";";
        ASSERT_TRUE(std::string_view(message).starts_with(prefix)) << message;
        EXPECT_GT(message.size(), prefix.size());
        EXPECT_EQ(std::string_view(message).find(';', prefix.size()), std::string_view::npos)
            << message;
        EXPECT_THAT(
            std::string(value.at("ExceptionMessage").as_string()),
            testing::MatchesRegex("Tracking ID:[0-9a-f]{32}-G:0-TimeStamp:11/22/2026 10:00:00"));
    }
}

TEST(Refusal, SaysTheSameForEveryMissingRightAndNothingOfOurFaults) {
    EXPECT_EQ(error_text({Code::unauthorized, "key 2 did not match", ""}), "Unauthorized");
    EXPECT_THAT(error_text({Code::internal, "/var/lib/x is full", ""}), Not(HasSubstr("/var")));
    EXPECT_THAT(error_text({Code::argument_invalid, "Too long", "tags.a"}), HasSubstr("tags.a"));
    EXPECT_EQ(error_text({Code::device_not_found, "", ""}), "DeviceNotFound");
    EXPECT_EQ(error_text({Code::argument_invalid, "a\r\nb", ""}), "a  b");
}

std::string written(const Reply& reply, const Request& request, bool keep_alive = true) {
    std::string out;
    append_reply(out, reply, request,
                 {"Sun, 22 Nov 2026 10:00:00 GMT", "the-id", keep_alive, false});
    return out;
}

TEST(Reply, IsWrittenWithItsHeaders) {
    Reply reply;
    reply.body = "[]";
    reply.etag = "AAA=";
    reply.add_field("x-ms-item-type", "Twin");
    Request request;
    request.set_field(Field::client_request_id, "mine");
    EXPECT_EQ(written(reply, request),
              "HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\nContent-Type: "
              "application/json; charset=utf-8\r\n"
              "Content-Length: 2\r\nETag: \"AAA=\"\r\nx-ms-request-id: "
              "the-id\r\nx-ms-client-request-id: mine\r\n"
              "x-ms-item-type: Twin\r\n\r\n[]");
}

TEST(Reply, HasNoBodyForHeadAndNoLengthFor204) {
    Reply reply;
    reply.body = "{}";
    Request head;
    head.head = true;
    EXPECT_THAT(written(reply, head), testing::EndsWith("\r\n\r\n"));
    EXPECT_THAT(written(reply, head), HasSubstr("Content-Length: 2"));
    Reply none;
    none.status = 204;
    EXPECT_THAT(written(none, Request()), Not(HasSubstr("Content-")));
}

TEST(Reply, SaysWhatBecomesOfTheConnection) {
    EXPECT_THAT(written(Reply(), Request(), false), HasSubstr("Connection: close\r\n"));
    EXPECT_THAT(written(Reply(), Request()), Not(HasSubstr("Connection:")));
    Request old;
    old.version = 10;
    EXPECT_THAT(written(Reply(), old), HasSubstr("Connection: keep-alive\r\n"));
}

TEST(Reply, CannotBeGivenAnotherHeaderByAClient) {
    Request request;
    request.set_field(Field::client_request_id, "a\r\nSet-Cookie: b");
    Reply reply;
    reply.add_field("x-ms-continuation", "c\nd");
    EXPECT_THAT(written(reply, request), Not(HasSubstr("\nSet-Cookie")));
    EXPECT_THAT(written(reply, request), HasSubstr("x-ms-continuation: cd\r\n"));
    request.set_field(Field::client_request_id, std::string(1000, 'x'));
    EXPECT_EQ(client_request_id(request).size(), request_id_bytes_max);
}

TEST(Date, IsWrittenAsHttpWantsIt) {
    EXPECT_EQ(http_date(std::chrono::sys_days{std::chrono::year{1994} / 11 / 6} +
                        std::chrono::seconds{31777}),
              "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(Gzip, IsUsedOnlyWhenAskedFor) {
    for (const char* asks : {"gzip", "gzip, deflate", "deflate,GZIP;q=0.5", "br, gzip ; q=1"})
        EXPECT_TRUE(accepts_gzip(asks)) << asks;
    for (const char* not_asks :
         {"", "identity", "*", "deflate", "gzip;q=0", "gzip; q=0.000", "x-gzip"})
        EXPECT_FALSE(accepts_gzip(not_asks)) << not_asks;
}

TEST(Gzip, UnpacksToTheSameText) {
    std::string text;
    for (int i = 0; i < 1000; ++i) text += "{\"deviceId\":\"dev-" + std::to_string(i) + "\"},";
    std::string packed = gzipped(text);
    EXPECT_LT(packed.size(), text.size());
    std::string unpacked(text.size(), '\0');
    z_stream stream{};
    ASSERT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_in = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = reinterpret_cast<Bytef*>(unpacked.data());
    stream.avail_out = static_cast<uInt>(unpacked.size());
    EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
    inflateEnd(&stream);
    EXPECT_EQ(unpacked, text);
}

}  // namespace
}  // namespace twinhub::gateway::http
