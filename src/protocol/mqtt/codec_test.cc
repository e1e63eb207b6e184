#include "base/encoding.h"
#include "protocol/mqtt/decoder.h"
#include "protocol/mqtt/packet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>

namespace twinhub::protocol::mqtt {
namespace {

using testing::ElementsAre;

std::string bytes_of(std::string_view hex) { return hex_decode(hex).value(); }

std::string encoded(const Packet& packet) {
    std::string out;
    encode(packet, out);
    return out;
}

std::span<const std::byte> span_of(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

// Everything a decoder makes of bytes that are fed in pieces. The packets are kept encoded: that
// compares all of their fields, and outlives the views.
struct Reading {
    std::vector<std::string> packets;
    std::optional<Fault> fault;
    std::size_t left = 0;
};

Reading read(const std::vector<std::string_view>& pieces, std::uint32_t limit = 1 << 20) {
    Decoder decoder(limit);
    Reading reading;
    for (const std::string_view piece : pieces) {
        HeldBytes held;
        // A copy that is freed after the turn: a view that outlives it is seen by the sanitizer.
        const std::vector<char> copy(piece.begin(), piece.end());
        reading.fault =
            decoder.feed(span_of({copy.data(), copy.size()}), held, [&](const Packet& packet) {
                reading.packets.push_back(encoded(packet));
                return true;
            });
        if (reading.fault) break;
    }
    reading.left = decoder.held_bytes();
    return reading;
}

std::optional<Fault> fault_of(std::string_view hex) {
    const std::string bytes = bytes_of(hex);
    return read({bytes}).fault;
}

// Checks both directions of one packet against the bytes of the specification.
void expect_both_ways(std::string_view hex, const Packet& packet) {
    EXPECT_EQ(hex_encode(encoded(packet)), hex);
    const std::string bytes = bytes_of(hex);
    const auto frame = cut(bytes, 1 << 20);
    ASSERT_TRUE(frame && *frame);
    EXPECT_EQ((*frame)->bytes, bytes.size());
    const auto decoded = decode(**frame);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(*decoded, packet);
}

// device-protocols 10.3
TEST(Codec, ConnectWithTokenIsTheVector) {
    expect_both_ways(
        "103c00044d51545404c000b4000264310028682e6578616d706c652e636f6d2f64312f3f6170692d7665727369"
        "6f6e3d323032312d3034"
        "2d313200027077",
        Connect{.keep_alive_seconds = 180,
                .client_id = "d1",
                .will = {},
                .user_name = "h.example.com/d1/?api-version=2021-04-12",
                .password = "pw"});
}
TEST(Codec, ConnectWithCertificateIsTheVector) {
    expect_both_ways(
        "103800044d515454048000b4000264310028682e6578616d706c652e636f6d2f64312f3f6170692d7665727369"
        "6f6e3d323032312d3034"
        "2d3132",
        Connect{.keep_alive_seconds = 180,
                .client_id = "d1",
                .will = {},
                .user_name = "h.example.com/d1/?api-version=2021-04-12",
                .password = {}});
}
TEST(Codec, ConnackIsTheVector) {
    expect_both_ways("20020000", ConnAck{false, ConnectCode::accepted});
    expect_both_ways("20020100", ConnAck{true, ConnectCode::accepted});
    expect_both_ways("20020005", ConnAck{false, ConnectCode::not_authorized});
}
TEST(Codec, SubscribeAndItsAnswerAreTheVectors) {
    expect_both_ways("82170001001224696f746875622f7477696e2f7265732f2300",
                     Subscribe{1, {{"$iothub/twin/res/#", Qos::at_most_once}}});
    expect_both_ways("9003000100", SubAck{1, {0}});
}
TEST(Codec, PublishesAreTheVectors) {
    expect_both_ways("301b001824696f746875622f7477696e2f4745542f3f247269643d3120",
                     Publish{.topic = "$iothub/twin/GET/?$rid=1", .payload = " "});
    expect_both_ways(
        "3052001c24696f746875622f7477696e2f7265732f3230302f3f247269643d317b2264657369726564223a7b22"
        "2476657273696f6e223a"
        "317d2c227265706f72746564223a7b222476657273696f6e223a317d7d",
        Publish{.topic = "$iothub/twin/res/200/?$rid=1",
                .payload = R"({"desired":{"$version":1},"reported":{"$version":1}})"});
    expect_both_ways(
        "3037002e24696f746875622f7477696e2f50415443482f70726f706572746965732f7265706f727465642f3f24"
        "7269643d327b2274223a"
        "317d",
        Publish{.topic = "$iothub/twin/PATCH/properties/reported/?$rid=2",
                .payload = R"({"t":1})"});
    expect_both_ways(
        "3029002724696f746875622f7477696e2f7265732f3230342f3f247269643d32262476657273696f6e3d32",
        Publish{.topic = "$iothub/twin/res/204/?$rid=2&$version=2", .payload = ""});
    expect_both_ways(
        "3047003124696f746875622f7477696e2f50415443482f70726f706572746965732f646573697265642f3f2476"
        "657273696f6e3d327b22"
        "78223a312c222476657273696f6e223a327d",
        Publish{.topic = "$iothub/twin/PATCH/properties/desired/?$version=2",
                .payload = R"({"x":1,"$version":2})"});
    expect_both_ways(
        "32610030246470732f726567697374726174696f6e732f7265732f3230322f3f247269643d312672657472792d"
        "61667465723d3300017b"
        "226f7065726174696f6e4964223a22342e6f702e31222c22737461747573223a2261737369676e696e67227d",
        Publish{.topic = "$dps/registrations/res/202/?$rid=1&retry-after=3",
                .payload = R"({"operationId":"4.op.1","status":"assigning"})",
                .qos = Qos::at_least_once,
                .packet_id = 1});
}
TEST(Codec, PacketsWithoutABodyAreTwoBytes) {
    expect_both_ways("c000", PingReq{});
    expect_both_ways("d000", PingResp{});
    expect_both_ways("e000", Disconnect{});
}

TEST(Codec, MalformedPacketsAreRefused) {
    const std::pair<const char*, const char*> rows[] = {
        {"type 0", "0000"},
        {"type 15", "f000"},
        {"reserved flags of CONNECT", "110c00044d5154540402003c0000"},
        {"reserved flags of PUBACK", "41020001"},
        {"reserved flags of PINGREQ", "c100"},
        {"reserved flags of SUBSCRIBE", "8006000100016100"},
        {"reserved flags of UNSUBSCRIBE", "a0050001000161"},
        {"a remaining length of five bytes", "308080808001"},
        {"a body behind PINGREQ", "c00100"},
        {"a body behind DISCONNECT", "e00100"},
        {"PUBLISH with QoS 3", "36050001610001"},
        {"PUBLISH with DUP and QoS 0", "3803000161"},
        {"PUBLISH with packet id 0", "32050001610000"},
        {"PUBLISH with QoS 1 without a packet id", "3203000161"},
        {"PUBLISH without a topic", "30020000"},
        {"PUBLISH whose topic is longer than the packet", "3003000561"},
        {"PUBLISH with # in its topic", "30050003612f23"},
        {"PUBLISH with + in its topic", "30050003612f2b"},
        {"PUBLISH with U+0000 in its topic", "30050003610062"},
        {"PUBLISH with a broken UTF-8 topic", "30040002c328"},
        {"PUBLISH with an overlong UTF-8 topic", "30040002c080"},
        {"PUBLISH with a surrogate in its topic", "30050003eda080"},
        {"SUBSCRIBE without filters", "82020001"},
        {"SUBSCRIBE with packet id 0", "8206000000016100"},
        {"SUBSCRIBE with QoS 3", "8206000100016103"},
        {"SUBSCRIBE with reserved QoS bits", "8206000100016110"},
        {"SUBSCRIBE without its last QoS", "82050001000161"},
        {"SUBSCRIBE with an empty filter", "82050001000000"},
        {"SUBSCRIBE with # inside", "8208000100032f232f00"},
        {"SUBSCRIBE with + beside a letter", "820700010002612b00"},
        {"UNSUBSCRIBE without filters", "a2020001"},
        {"UNSUBSCRIBE with packet id 0", "a2050000000161"},
        {"PUBACK with packet id 0", "40020000"},
        {"PUBACK with more behind", "4003000100"},
        {"CONNECT of another protocol", "100c00044d5154580402003c0000"},
        {"CONNECT with the reserved flag", "100c00044d5154540403003c0000"},
        {"CONNECT with will QoS but no will", "100c00044d515454040a003c0000"},
        {"CONNECT with will retain but no will", "100c00044d5154540422003c0000"},
        {"CONNECT with will QoS 3", "101200044d515454041e003c0000000161000162"},
        {"CONNECT with a wildcard in the will topic", "101200044d5154540406003c000000012b000162"},
        {"CONNECT with a password but no user name", "100e00044d5154540442003c00000000"},
        {"CONNECT cut short", "100b00044d5154540402003c00"},
        {"CONNECT with more behind", "100d00044d5154540402003c000000"},
        {"CONNECT with U+0000 in the client id", "100d00044d5154540402003c000100"},
        {"CONNACK with reserved flags", "20020200"},
        {"CONNACK refusing with a session", "20020105"},
        {"SUBACK with an unknown code", "9003000103"},
    };
    for (const auto& [name, hex] : rows) EXPECT_EQ(fault_of(hex), Fault::malformed) << name;
}

TEST(Codec, Qos2IsRefusedAsSuch) {
    for (const char* hex : {"3405000161", "34050001610001", "50020001", "62020001", "70020001"})
        EXPECT_EQ(fault_of(hex), Fault::qos2) << hex;
}

TEST(Codec, AnotherProtocolLevelIsReadNoFurther) {
    const std::pair<const char*, int> rows[] = {{"100d00044d5154540502003c000000", 5},
                                                {"100e00064d51497364700302003c0000", 3}};
    for (const auto& [hex, level] : rows) {
        const std::string bytes = bytes_of(hex);
        const auto frame = cut(bytes, 1000);
        ASSERT_TRUE(frame && *frame);
        const auto packet = decode(**frame);
        ASSERT_TRUE(packet);
        EXPECT_EQ(std::get<Connect>(*packet).protocol_level, level);
        EXPECT_EQ(std::get<Connect>(*packet).client_id, "");
    }
}

TEST(Codec, TextMayHoldWhatUtf8Allows) {
    const std::string topic = "a/\u00e9\u4e2d\U0001F600\x01";
    const std::string bytes = encoded(Publish{.topic = topic, .payload = "\xff\x00"});
    EXPECT_EQ(read({bytes}).packets, std::vector{bytes});
}

TEST(Decoder, RefusesATooLargePacketBeforeItsBody) {
    EXPECT_EQ(read({bytes_of("30e907")}, 1000).fault, Fault::too_large);  // 1001
    EXPECT_EQ(read({bytes_of("30e807")}, 1000).fault, std::nullopt);      // 1000
    EXPECT_EQ(read({bytes_of("30ffffff")}, 1000).fault,
              Fault::too_large);  // already, whatever follows
}

TEST(Decoder, RefusesABadFirstByteAtOnce) {
    EXPECT_EQ(read({bytes_of("f0")}).fault, Fault::malformed);
}

TEST(Decoder, HoldsNothingBetweenPackets) {
    const std::string two = encoded(PingReq{}) + encoded(Publish{.topic = "a", .payload = "b"});
    EXPECT_EQ(read({two}).left, 0u);
    EXPECT_EQ(read({two.substr(0, 4), two.substr(4)}).left, 0u);
    EXPECT_EQ(read({two.substr(0, 4)}).left, 2u);
}

TEST(Decoder, KeepsTheRestWhenToldToStop) {
    const std::string three = encoded(PingReq{}) + encoded(PubAck{7}) + encoded(Disconnect{});
    for (std::size_t split = 0; split <= three.size(); ++split) {
        Decoder decoder(1000);
        HeldBytes held;
        std::vector<std::string> seen;
        bool go_on = false;
        const auto sink = [&](const Packet& packet) {
            seen.push_back(hex_encode(encoded(packet)));
            return go_on;
        };
        decoder.feed(span_of(std::string_view(three).substr(0, split)), held, sink);
        if (seen.empty()) {
            decoder.feed(span_of(std::string_view(three).substr(split)), held, sink);
        } else {
            decoder.hold(span_of(std::string_view(three).substr(split)));
        }
        EXPECT_THAT(seen, ElementsAre("c000")) << split;
        go_on = true;
        EXPECT_FALSE(decoder.feed({}, held, sink));
        EXPECT_THAT(seen, ElementsAre("c000", "40020007", "e000")) << split;
        EXPECT_EQ(decoder.held_bytes(), 0u);
    }
}

// Packets of every kind with texts of many lengths; the texts live in `texts`.
class AnyPacket {
public:
    Packet operator()() {
        const auto id = *rc::gen::inRange<std::uint16_t>(1, 65535);
        const auto qos = static_cast<Qos>(*rc::gen::inRange(0, 3));
        switch (*rc::gen::inRange(0, 11)) {
            case 0: {
                Connect packet{.clean_session = *rc::gen::arbitrary<bool>(),
                               .keep_alive_seconds = *rc::gen::arbitrary<std::uint16_t>(),
                               .client_id = text(0),
                               .will = {},
                               .user_name = {},
                               .password = {}};
                if (*rc::gen::arbitrary<bool>())
                    packet.will = WillMessage{text(1), binary(), qos, *rc::gen::arbitrary<bool>()};
                if (*rc::gen::arbitrary<bool>()) packet.user_name = text(0);
                if (packet.user_name && *rc::gen::arbitrary<bool>()) packet.password = binary();
                return packet;
            }
            case 1: return ConnAck{false, static_cast<ConnectCode>(*rc::gen::inRange(0, 6))};
            case 2:
                return Publish{
                    .topic = text(1), .payload = binary(), .retain = *rc::gen::arbitrary<bool>()};
            case 3:
                return Publish{.topic = text(1),
                               .payload = binary(),
                               .qos = Qos::at_least_once,
                               .packet_id = id,
                               .retain = *rc::gen::arbitrary<bool>(),
                               .duplicate = *rc::gen::arbitrary<bool>()};
            case 4: {
                Subscribe packet{id, {}};
                for (int i = *rc::gen::inRange(1, 5); i > 0; --i)
                    packet.filters.push_back({text(1), qos});
                return packet;
            }
            case 5:
                return SubAck{id,
                              *rc::gen::nonEmpty(rc::gen::container<std::vector<std::uint8_t>>(
                                  rc::gen::element<std::uint8_t>(0, 1, 2, subscription_refused)))};
            case 6: {
                Unsubscribe packet{id, {}};
                for (int i = *rc::gen::inRange(1, 5); i > 0; --i) packet.filters.push_back(text(1));
                return packet;
            }
            case 7: return UnsubAck{id};
            case 8: return PubAck{id};
            case 9: return *rc::gen::arbitrary<bool>() ? Packet(PingReq{}) : Packet(PingResp{});
            default: return Disconnect{};
        }
    }

private:
    std::string_view text(std::size_t least) {
        std::string made;
        const std::size_t letters = least + *rc::gen::inRange<std::size_t>(0, 40);
        for (std::size_t i = 0; i < letters; ++i)
            made += *rc::gen::element<std::string>("a", "/", "$", "Z", " ", "\u00fc", "\u20ac",
                                                   "\U0001F916");
        return texts_.emplace_back(std::move(made));
    }
    std::string_view binary() {
        return texts_.emplace_back(*rc::gen::container<std::string>(
            *rc::gen::inRange<std::size_t>(0, 300), rc::gen::arbitrary<char>()));
    }

    std::deque<std::string> texts_;
};

RC_GTEST_PROP(Codec, DecodingUndoesEncoding, ()) {
    AnyPacket any;
    const Packet packet = any();
    const std::string bytes = encoded(packet);
    const auto frame = cut(bytes, 1 << 20);
    RC_ASSERT(frame && *frame);
    RC_ASSERT((*frame)->bytes == bytes.size());
    const auto decoded = decode(**frame);
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(*decoded == packet);
}

RC_GTEST_PROP(Decoder, EverySplitGivesTheSamePackets, ()) {
    AnyPacket any;
    std::string stream;
    std::vector<std::string> packets;
    for (int i = *rc::gen::inRange(1, 6); i > 0; --i)
        stream += packets.emplace_back(encoded(any()));

    for (std::size_t split = 0; split <= stream.size(); ++split) {
        const Reading reading = read(
            {std::string_view(stream).substr(0, split), std::string_view(stream).substr(split)});
        RC_ASSERT(!reading.fault);
        RC_ASSERT(reading.packets == packets);
        RC_ASSERT(reading.left == 0u);
    }
}

RC_GTEST_PROP(Decoder, ManySplitsGiveTheSamePackets, ()) {
    AnyPacket any;
    std::string stream;
    std::vector<std::string> packets;
    for (int i = *rc::gen::inRange(1, 6); i > 0; --i)
        stream += packets.emplace_back(encoded(any()));

    std::vector<std::string_view> pieces;
    const std::size_t most = *rc::gen::inRange<std::size_t>(1, 50);
    for (std::string_view rest = stream; !rest.empty();) {
        pieces.push_back(rest.substr(0, *rc::gen::inRange<std::size_t>(1, most + 1)));
        rest.remove_prefix(pieces.back().size());
    }
    const Reading reading = read(pieces);
    RC_ASSERT(!reading.fault);
    RC_ASSERT(reading.packets == packets);
    RC_ASSERT(reading.left == 0u);
}

RC_GTEST_PROP(Decoder, NeverReadsOutsideWhatItIsGiven, (const std::string& noise)) {
    const Reading whole = read({noise}, 1000);
    const std::size_t half = noise.size() / 2;
    const Reading halves =
        read({std::string_view(noise).substr(0, half), std::string_view(noise).substr(half)}, 1000);
    RC_ASSERT(whole.packets == halves.packets);
    RC_ASSERT(whole.fault == halves.fault);
}

}  // namespace
}  // namespace twinhub::protocol::mqtt
