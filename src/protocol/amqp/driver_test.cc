#include "protocol/amqp/driver.h"

#include "base/encoding.h"
#include "protocol/amqp/client.h"

#include <gmock/gmock.h>
#include <proton/delivery.h>
#include <proton/link.h>
#include <proton/session.h>
#include <rapidcheck/gtest.h>

namespace twinhub::protocol::amqp {
namespace {

using ::testing::HasSubstr;

// A driver and a client, joined; every event is kept.
struct Pair {
    explicit Pair(Limits chosen = {}) : limits(chosen), driver(limits, "hub", {}) {}

    void exchange() {
        for (int round = 0; round < 20; ++round) {
            const std::string up = client.take_output();
            driver.receive(std::as_bytes(std::span(up)), now, events);
            std::string down;
            driver.take_output(down);
            client.receive(down);
            if (up.empty() && down.empty()) return;
        }
    }
    template <class T>
    std::vector<T> all() const {
        std::vector<T> found;
        for (const Event& event : events)
            if (const auto* one = std::get_if<T>(&event)) found.push_back(*one);
        return found;
    }
    void accept_all() {
        for (const LinkOffered& offer : all<LinkOffered>()) driver.accept(offer.link);
    }

    Limits limits;
    Driver driver;
    Client client;
    std::vector<Event> events;
    Moment now{std::chrono::hours{1}};
};

Message text(std::string body) {
    Message message;
    message.data = {std::move(body)};
    return message;
}

TEST(AmqpDriver, TakesABareHeaderAndOpens) {
    Pair pair;
    pair.exchange();
    EXPECT_TRUE(pair.client.opened());
    ASSERT_EQ(pair.all<Opened>().size(), 1U);
    EXPECT_EQ(pair.all<Opened>()[0].host, "hub.test");
}

TEST(AmqpDriver, OffersALinkAndCarriesMessagesBothWays) {
    Pair pair;
    Client::Link& up =
        pair.client.sender("/devices/d/twin", {.properties = {{"a", Value::of_string("b")}}});
    Client::Link& down = pair.client.receiver("/devices/d/twin", {.snd_settle_mode = 1});
    pair.exchange();
    const auto offers = pair.all<LinkOffered>();
    ASSERT_EQ(offers.size(), 2U);
    EXPECT_TRUE(offers[0].sends_to_us);
    EXPECT_EQ(offers[0].address, "/devices/d/twin");
    EXPECT_EQ(offers[0].properties, (Fields{{"a", Value::of_string("b")}}));
    EXPECT_FALSE(offers[1].sends_to_us);
    EXPECT_TRUE(offers[1].settled);
    pair.accept_all();
    pair.exchange();
    EXPECT_TRUE(up.attached);
    EXPECT_TRUE(down.attached);

    const std::string large(200'000, 'x');  // several frames
    pair.client.send(up, text(large));
    pair.client.send(up, text("second"), false, "t2");
    pair.exchange();
    const auto arrived = pair.all<Arrived>();
    ASSERT_EQ(arrived.size(), 2U);
    EXPECT_EQ(arrived[0].delivery, 0U);
    EXPECT_EQ(decode_message(arrived[0].bytes).value().body(), large);
    EXPECT_NE(arrived[1].delivery, 0U);
    pair.driver.settle(arrived[1].delivery, Outcome::accepted);
    pair.exchange();
    EXPECT_EQ(up.sent["t2"].state, PN_ACCEPTED);
    EXPECT_TRUE(up.sent["t2"].settled);

    ASSERT_TRUE(pair.driver.can_send(offers[1].link));
    std::string bytes;
    append_message(bytes, text("answer"));
    EXPECT_EQ(pair.driver.send(offers[1].link, bytes, Settle::at_once), 0U);
    pair.exchange();
    ASSERT_EQ(down.got.size(), 1U);
    EXPECT_TRUE(down.got[0].settled);
    EXPECT_EQ(down.got[0].message.body(), "answer");
}

TEST(AmqpDriver, RefusesALinkWithItsReason) {
    Pair pair;
    Client::Link& link = pair.client.sender("/devices/d/twin");
    pair.exchange();
    pair.driver.refuse(pair.all<LinkOffered>()[0].link,
                       {std::string(condition::unauthorized), "no", {}});
    pair.exchange();
    EXPECT_FALSE(link.attached);
    EXPECT_TRUE(link.detached);
    EXPECT_EQ(link.error, "amqp:unauthorized-access");
    EXPECT_TRUE(pair.all<LinkGone>().empty());
    EXPECT_EQ(pair.driver.links(), 0U);
}

TEST(AmqpDriver, TellsWhatBecameOfAWatchedMessage) {
    Pair pair;
    Client::Link& down =
        pair.client.receiver("/devices/d/messages/devicebound", {.rcv_settle_mode = 1});
    pair.exchange();
    pair.accept_all();
    pair.exchange();
    const LinkNumber link = pair.all<LinkOffered>()[0].link;
    std::string bytes;
    append_message(bytes, text("m"));
    ASSERT_TRUE(pair.driver.can_send(link));
    const DeliveryNumber sent = pair.driver.send(link, bytes, Settle::watched, "0123456789abcdef");
    pair.exchange();
    ASSERT_EQ(down.got.size(), 1U);
    EXPECT_EQ(down.got[0].tag, "0123456789abcdef");
    pn_delivery_update(down.got[0].delivery, PN_REJECTED);
    pair.exchange();
    const auto settled = pair.all<Settled>();
    ASSERT_EQ(settled.size(), 1U);
    EXPECT_EQ(settled[0].delivery, sent);
    EXPECT_EQ(settled[0].outcome, Outcome::rejected);
    EXPECT_FALSE(settled[0].settled);
    pair.driver.forget(sent);
    pair.exchange();
    EXPECT_TRUE(pn_delivery_settled(down.got[0].delivery));
}

TEST(AmqpDriver, SendsOnlyWithCreditAndSaysWhenThereIsSome) {
    Pair pair;
    Client::Link& down = pair.client.receiver("x", {.credit = 1});
    pair.exchange();
    pair.accept_all();
    pair.exchange();
    const LinkNumber link = pair.all<LinkOffered>()[0].link;
    ASSERT_TRUE(pair.driver.can_send(link));
    pair.driver.send(link, "\0Sw@", Settle::at_once);
    EXPECT_FALSE(pair.driver.can_send(link));
    pair.events.clear();
    pn_link_flow(down.link, 5);
    pair.exchange();
    ASSERT_EQ(pair.all<Sendable>().size(), 1U);
    EXPECT_EQ(pair.driver.credit(link), 5U);
}

TEST(AmqpDriver, GrantsHundredAndReplenishesAtHalf) {
    Pair pair;
    Client::Link& up = pair.client.sender("x");
    pair.exchange();
    pair.accept_all();
    pair.exchange();
    EXPECT_EQ(pn_link_credit(up.link), 100);
    for (int i = 0; i < 49; ++i) pair.client.send(up, text("m"));
    pair.exchange();
    EXPECT_EQ(pn_link_credit(up.link), 51);
    pair.client.send(up, text("m"));
    pair.exchange();
    EXPECT_EQ(pn_link_credit(up.link), 100);
}

TEST(AmqpDriver, TellsThatLinksAreGoneWithTheirSession) {
    Pair pair;
    Client::Session session = pair.client.another_session();
    pair.client.sender("x", {.session = session});
    pair.client.receiver("x", {.session = session});
    pair.client.sender("y");
    pair.exchange();
    pair.accept_all();
    pair.exchange();
    pn_session_close(session);
    pair.exchange();
    EXPECT_EQ(pair.all<LinkGone>().size(), 2U);
    EXPECT_EQ(pair.driver.links(), 1U);
    EXPECT_FALSE(pair.client.closed());
}

TEST(AmqpDriver, DetachesALinkWhoseMessageIsTooLarge) {
    Limits limits;
    limits.message_bytes = 1000;
    Pair pair(limits);
    Client::Link& up = pair.client.sender("x");
    Client::Link& other = pair.client.sender("y");
    pair.exchange();
    pair.accept_all();
    pair.exchange();
    pair.client.send(up, text(std::string(150'000, 'x')), false);
    pair.exchange();
    EXPECT_EQ(up.error, "amqp:link:message-size-exceeded");
    EXPECT_EQ(pair.all<LinkGone>().size(), 1U);
    EXPECT_EQ(pair.driver.incomplete_bytes(), 0U);
    pair.client.send(other, text("still here"));
    pair.exchange();
    EXPECT_EQ(pair.all<Arrived>().size(), 1U);
}

TEST(AmqpDriver, AnswersAClose) {
    Pair pair;
    pair.client.sender("x");
    pair.exchange();
    pair.accept_all();
    pair.exchange();
    pn_session_close(pair.client.session());
    pair.exchange();
    pair.client.close();
    pair.exchange();
    EXPECT_EQ(pair.all<Ended>().at(0).reason, EndReason::closed_by_peer);
    EXPECT_TRUE(pair.client.closed());
    EXPECT_EQ(pair.client.error(), "");
}

TEST(AmqpDriver, BoundsSessionsAndLinks) {
    Limits limits;
    limits.sessions_of_strangers = 4;
    limits.links_of_strangers = 5;
    {
        Pair pair(limits);
        for (int i = 0; i < 5; ++i) pair.client.another_session();
        pair.exchange();
        EXPECT_EQ(pair.all<Ended>().at(0).reason, EndReason::limit_exceeded);
        EXPECT_EQ(pair.client.error(), "amqp:resource-limit-exceeded");
    }
    {
        Pair pair(limits);
        for (int i = 0; i < 6; ++i) pair.client.sender("x");
        pair.exchange();
        EXPECT_EQ(pair.all<Ended>().at(0).reason, EndReason::limit_exceeded);
    }
    {
        Pair pair(limits);
        pair.driver.authorised();
        for (int i = 0; i < 30; ++i)
            pair.client.sender("x", {.session = pair.client.another_session()});
        pair.exchange();
        EXPECT_TRUE(pair.all<Ended>().empty());
        EXPECT_EQ(pair.driver.links(), 30U);
    }
}

TEST(AmqpDriver, EndsASilentPeerAndSendsHeartbeatsToOneThatAsks) {
    Limits limits;
    limits.idle = std::chrono::minutes{4};
    Pair pair(limits);
    pair.exchange();
    ASSERT_TRUE(pair.driver.deadline());
    for (int i = 0; i < 100 && pair.all<Ended>().empty(); ++i) {
        pair.now = *pair.driver.deadline();
        pair.driver.tick(pair.now, pair.events);
    }
    ASSERT_EQ(pair.all<Ended>().size(), 1U);
    EXPECT_EQ(pair.all<Ended>()[0].reason, EndReason::idle);
    EXPECT_LE(pair.now - Moment{std::chrono::hours{1}}, 2 * limits.idle + std::chrono::seconds{1});
}

// --- SASL -----------------------------------------------------------------------------------

struct Raw {
    explicit Raw(SaslServer::Offer offer = {}) : driver(limits, "hub", offer) {}
    std::string send(std::string_view bytes) {
        driver.receive(std::as_bytes(std::span(bytes)), Moment{}, events);
        std::string out;
        driver.take_output(out);
        return out;
    }
    std::optional<EndReason> ended() const {
        for (const Event& event : events)
            if (const auto* end = std::get_if<Ended>(&event)) return end->reason;
        return std::nullopt;
    }
    Limits limits;
    std::vector<Event> events;
    Driver driver;
};

std::string frame(std::uint8_t type, std::string_view body, std::uint16_t channel = 0) {
    std::string out;
    const std::size_t size = 8 + body.size();
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift);
    out += '\2';
    out += static_cast<char>(type);
    out += static_cast<char>(channel >> 8);
    out += static_cast<char>(channel);
    out += body;
    return out;
}

std::string sasl_init(std::string_view mechanism, const std::string& response) {
    std::string items;
    append(items, Value::of_symbol(mechanism));
    append(items, Value::of_binary(response));
    std::string body = *hex_decode("005341");
    append_list(body, items, 2);
    return frame(1, body);
}

const std::string outcome_ok = *hex_decode("0000001002010000005344c003015000");
const std::string outcome_auth = *hex_decode("0000001002010000005344c003015001");

TEST(AmqpSasl, OffersItsMechanisms) {
    Raw raw;
    const std::string offered = raw.send(sasl_header);
    EXPECT_THAT(offered, ::testing::StartsWith(std::string(sasl_header)));
    for (const char* name : {"MSSBCBS", "ANONYMOUS", "PLAIN"})
        EXPECT_THAT(offered, HasSubstr(name));
    EXPECT_THAT(offered, ::testing::Not(HasSubstr("EXTERNAL")));
    EXPECT_THAT(offered, ::testing::Not(HasSubstr("TPM")));
    Raw with_certificate({.external = true});
    EXPECT_THAT(with_certificate.send(sasl_header), HasSubstr("EXTERNAL"));
    Raw provisioning({.tpm = true});
    EXPECT_THAT(provisioning.send(sasl_header), HasSubstr("TPM"));
}

TEST(AmqpSasl, LetsTheMechanismsOfTokensThrough) {
    for (const char* name : {"MSSBCBS", "ANONYMOUS"}) {
        Raw raw;
        raw.send(sasl_header);
        EXPECT_EQ(raw.send(sasl_init(name, "")), outcome_ok) << name;
        Client client;
        const std::string answer = raw.send(client.take_output());
        client.receive(answer);
        EXPECT_TRUE(client.opened()) << name;
    }
}

TEST(AmqpSasl, RefusesOthers) {
    for (const char* name : {"EXTERNAL", "TPM", "SCRAM-SHA-1", ""}) {
        Raw raw;
        raw.send(sasl_header);
        EXPECT_EQ(raw.send(sasl_init(name, "")), outcome_auth) << name;
        EXPECT_EQ(raw.ended(), EndReason::sasl_failed);
    }
}

TEST(AmqpSasl, AsksTheOwnerAboutPlainWhateverComesBehind) {
    for (const bool accepted : {true, false}) {
        Raw raw;
        Client client;
        // All at once, byte by byte, as a hasty client might.
        std::string all(sasl_header);
        all += sasl_init("PLAIN", *hex_decode("006440"
                                              "7361732e68"
                                              "00"
                                              "746f6b656e"));
        all += client.take_output();
        std::string out;
        for (const char c : all) out += raw.send({&c, 1});
        ASSERT_EQ(raw.events.size(), 1U);
        const auto& offered = std::get<PlainOffered>(raw.events[0]);
        EXPECT_EQ(offered.credentials.user, "d@sas.h");
        EXPECT_EQ(offered.credentials.password, "token");
        raw.driver.decide_sasl(accepted ? SaslOutcome::ok : SaslOutcome::auth, Moment{},
                               raw.events);
        std::string after;
        raw.driver.take_output(after);
        EXPECT_THAT(after, ::testing::StartsWith(accepted ? outcome_ok : outcome_auth));
        EXPECT_EQ(raw.ended(), accepted ? std::nullopt : std::optional(EndReason::sasl_failed));
        if (accepted) {
            client.receive(std::string_view(after).substr(outcome_ok.size()));
            EXPECT_TRUE(client.opened());
        }
    }
}

std::string sasl_response(std::string_view bytes) {
    std::string items;
    append(items, Value::of_binary(bytes));
    std::string body = *hex_decode("005343");
    append_list(body, items, 1);
    return frame(1, body);
}

const std::string tpm_initial("\0scope\0reg-1\0endorsement", 24);

TEST(AmqpSasl, LeadsADeviceThroughTheChallengeOfItsTpm) {
    for (const bool accepted : {true, false}) {
        Raw raw({.tpm = true});
        raw.send(sasl_header);
        const std::string hello = raw.send(sasl_init("TPM", tpm_initial));
        EXPECT_EQ(hex_encode(hello), "0000001102010000005342c00401a00100");
        EXPECT_TRUE(raw.events.empty());
        raw.send(sasl_response(std::string("\0root", 5)));
        ASSERT_EQ(raw.events.size(), 1U);
        EXPECT_EQ(std::get<TpmAsked>(raw.events[0]).question.storage_root_key, "root");
        raw.driver.challenge_tpm(std::string(700, 'k'), Moment{}, raw.events);
        std::string first;
        raw.driver.take_output(first);
        EXPECT_LE(first.size(), 512U);
        EXPECT_THAT(first, HasSubstr("\x80" + std::string(350, 'k')));
        const std::string second = raw.send(sasl_response(std::string(1, '\0')));
        EXPECT_THAT(second, HasSubstr("\xc1" + std::string(350, 'k')));
        raw.send(sasl_response(std::string("\0token", 6)));
        ASSERT_EQ(raw.events.size(), 2U);
        EXPECT_EQ(std::get<TpmAnswered>(raw.events[1]).token, "token");
        raw.driver.decide_sasl(accepted ? SaslOutcome::ok : SaslOutcome::auth, Moment{},
                               raw.events);
        std::string outcome;
        raw.driver.take_output(outcome);
        EXPECT_EQ(outcome, accepted ? outcome_ok : outcome_auth);
        EXPECT_EQ(raw.ended(), accepted ? std::nullopt : std::optional(EndReason::sasl_failed));
        if (!accepted) continue;
        Client client;
        client.receive(raw.send(client.take_output()));
        EXPECT_TRUE(client.opened());
    }
}

TEST(AmqpSasl, SaysWhenAClientMayComeAgain) {
    Raw raw;
    raw.send(sasl_header);
    raw.send(sasl_init("PLAIN", *hex_decode("0064007470")));
    raw.driver.decide_sasl(SaslOutcome::sys_temp, Moment{}, raw.events);
    std::string outcome;
    raw.driver.take_output(outcome);
    EXPECT_EQ(hex_encode(outcome), "0000001002010000005344c003015004");
    EXPECT_EQ(raw.ended(), EndReason::sasl_failed);
}

TEST(AmqpSasl, EndsAnExchangeThatIsNotOfATpm) {
    for (const std::string& answer : {sasl_response("no control byte"), sasl_response(""),
                                      sasl_init("TPM", tpm_initial), frame(0, "")}) {
        Raw raw({.tpm = true});
        raw.send(sasl_header);
        raw.send(sasl_init("TPM", tpm_initial));
        raw.send(answer);
        EXPECT_TRUE(raw.ended());
    }
    Raw raw({.tpm = true});
    raw.send(sasl_header);
    EXPECT_EQ(raw.send(sasl_init("TPM", "")), outcome_auth);
}

// Spec device-protocols 10.4.
TEST(AmqpSasl, ReadsThePlainResponseOfTheSpecification) {
    const auto plain = parse_plain(*hex_decode(
        "00306e6530303030303030312f726567697374726174696f6e732f7265672d3031003c746f6b656e3e"));
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->user, "0ne00000001/registrations/reg-01");
    EXPECT_EQ(plain->password, "<token>");
    EXPECT_FALSE(parse_plain(""));
    EXPECT_FALSE(parse_plain("user"));
    EXPECT_FALSE(parse_plain(std::string_view("\0\0p", 3)));
}

// --- hostile bytes ----------------------------------------------------------------------------

TEST(AmqpDriver, AnswersAnotherProtocolWithTheHeaderItWouldTake) {
    for (const std::string& first :
         {std::string("GET / HTTP/1.1\r\n"), std::string("AMQP\0\0\x09\1", 8),
          std::string("AMQP\2\1\0\0", 8), std::string("\x10\x10\0\4MQTT", 8)}) {
        Raw raw;
        EXPECT_EQ(raw.send(first), sasl_header);
        EXPECT_EQ(raw.ended(), EndReason::not_amqp);
    }
}

TEST(AmqpDriver, EndsWhatIsMalformed) {
    std::string nested = *hex_decode("005310");
    for (int i = 0; i < 30'000; ++i) nested += *hex_decode("00");
    std::string many = *hex_decode(
        "005310f000004e260000"
        "4e21"
        "40");
    many.resize(many.size() + 20'000, '\x40');
    std::string wide = *hex_decode("005310d0");
    wide += std::string("\0\0\x4e\x24\0\0\x4e\x20", 8);
    wide.append(20'000, '\x40');
    const std::vector<std::string> hostile{
        std::string(8, '\0'),             // size 0
        *hex_decode("7fffffff02000000"),  // size beyond all bounds
        *hex_decode("0000000c01000000"
                    "00000000"),  // data offset 1
        *hex_decode("0000000cff000000"
                    "00000000"),                        // data offset behind its end
        frame(1, *hex_decode("005341c00100")),          // SASL again
        frame(0, *hex_decode("005399c00100")),          // no such performative
        frame(0, *hex_decode("005310")),                // no list
        frame(0, *hex_decode("005311c00100")),          // begin before open
        frame(0, *hex_decode("005314c0060443434340")),  // transfer before open
        frame(0, nested),
        frame(0, many),
        frame(0, wide),
        frame(0, std::string(60'000, '\xff')),
    };
    for (const std::string& bytes : hostile) {
        Raw raw;
        raw.send(amqp_header);
        raw.send(bytes);
        EXPECT_EQ(raw.ended(), EndReason::malformed) << hex_encode(bytes.substr(0, 32));
    }
}

TEST(AmqpDriver, HoldsLittleOfAFrameThatNeverEnds) {
    Raw raw;
    raw.send(amqp_header);
    raw.send(*hex_decode("0000ffff02000000"));
    for (int i = 0; i < 70; ++i) raw.send(std::string(1000, '\0'));
    EXPECT_LE(raw.driver.incomplete_bytes(), 70'000U);
    EXPECT_EQ(raw.ended(), EndReason::malformed);
}

TEST(AmqpDriver, DropsFramesForASessionThatThePeerHasEnded) {
    Pair pair;
    pair.client.sender("x");
    pair.exchange();
    pair.accept_all();
    pair.exchange();
    std::string late = frame(0, *hex_decode("005317c00100"));  // end
    late += frame(0, *hex_decode("005316c0030243"
                                 "41"));  // detach behind it
    pair.driver.receive(std::as_bytes(std::span(late)), pair.now, pair.events);
    EXPECT_TRUE(pair.all<Ended>().empty());
    EXPECT_EQ(pair.all<LinkGone>().size(), 1U);
}

RC_GTEST_PROP(AmqpDriver, LivesThroughAnyBytes, (const std::string& bytes)) {
    Raw raw;
    raw.send(amqp_header);
    raw.send(bytes);
    raw.send(frame(0, bytes));
}

}  // namespace
}  // namespace twinhub::protocol::amqp
