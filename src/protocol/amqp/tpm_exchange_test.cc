#include "protocol/amqp/tpm_exchange.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace twinhub::protocol::amqp {
namespace {

const std::string initial("\0scope\0reg-1\0endorsement", 24);

std::string plain(std::string_view text) { return std::string(1, '\0') + std::string(text); }

TpmExchange begun() { return TpmExchange::begin(initial).value(); }

TpmExchange asked() {
    TpmExchange exchange = begun();
    EXPECT_TRUE(std::holds_alternative<TpmExchange::Asked>(exchange.receive(plain("root"))));
    return exchange;
}

// What a client puts together again, as Microsoft's do.
std::string received_by_client(TpmExchange& exchange, std::string_view key, int& segments) {
    std::string all;
    std::string message = exchange.challenge(key).bytes;
    for (segments = 1;; ++segments) {
        const auto control = static_cast<std::uint8_t>(message.at(0));
        EXPECT_EQ(control & 0x83, 0x80 | ((segments - 1) & 3));
        EXPECT_LE(message.size(), 481u);
        all += message.substr(1);
        if ((control & 0x40) != 0) return all;
        const auto step = exchange.receive(plain(""));
        if (!std::holds_alternative<TpmExchange::Challenge>(step)) return "broken";
        message = std::get<TpmExchange::Challenge>(step).bytes;
    }
}

TEST(TpmExchange, HearsWhoItIs) {
    TpmExchange exchange = begun();
    EXPECT_EQ(exchange.hello().bytes, plain(""));
    const auto step = exchange.receive(plain("storage root"));
    const TpmQuestion& question = std::get<TpmExchange::Asked>(step).question;
    EXPECT_EQ(question.id_scope, "scope");
    EXPECT_EQ(question.registration_id, "reg-1");
    EXPECT_EQ(question.endorsement_key, "endorsement");
    EXPECT_EQ(question.storage_root_key, "storage root");
}

TEST(TpmExchange, SendsTheKeyInTwoHalvesAndHearsTheToken) {
    TpmExchange exchange = asked();
    const std::string key(775, 'k');
    int segments = 0;
    EXPECT_EQ(received_by_client(exchange, key, segments), key);
    EXPECT_EQ(segments, 2);
    const auto step = exchange.receive(plain("SharedAccessSignature"));
    EXPECT_EQ(std::get<TpmExchange::Answered>(step).token, "SharedAccessSignature");
    EXPECT_TRUE(std::holds_alternative<TpmExchange::Broken>(exchange.receive(plain("again"))));
}

RC_GTEST_PROP(TpmExchange, AKeyOfAnySizeArrives, ()) {
    const auto size = *rc::gen::inRange<std::size_t>(2, 4000);
    std::string key;
    for (std::size_t i = 0; i < size; ++i) key += static_cast<char>(i * 31);
    TpmExchange exchange = asked();
    int segments = 0;
    RC_ASSERT(received_by_client(exchange, key, segments) == key);
    RC_ASSERT(segments >= 2);
}

TEST(TpmExchange, AnInitialResponseThatIsNoneIsRefused) {
    const std::string long_name(129, 'n');
    for (const std::string& bytes :
         {std::string(), plain(""), plain("scope"), std::string("\0scope\0reg", 10),
          std::string("\0scope\0reg\0", 11), std::string("\0\0reg\0key", 9),
          std::string("\0scope\0\0key", 11), "\x80" + initial.substr(1),
          plain(long_name) + std::string("\0reg\0key", 8), initial + std::string(1024, 'k')})
        EXPECT_FALSE(TpmExchange::begin(bytes)) << bytes;
}

TEST(TpmExchange, ResponsesOutOfOrderBreakIt) {
    const auto broken = [](const TpmExchange::Step& step) {
        return std::holds_alternative<TpmExchange::Broken>(step);
    };
    EXPECT_TRUE(broken(begun().receive("")));
    EXPECT_TRUE(broken(begun().receive(plain(""))));
    EXPECT_TRUE(broken(begun().receive("\xc0root")));
    EXPECT_TRUE(broken(begun().receive(plain(std::string(1025, 'r')))));
    EXPECT_TRUE(broken(asked().receive(plain("early"))));
    TpmExchange exchange = asked();
    (void)exchange.challenge("key");
    EXPECT_TRUE(broken(exchange.receive(plain("more than nothing"))));
}

}  // namespace
}  // namespace twinhub::protocol::amqp
