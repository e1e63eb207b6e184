#include "gateway/http/client_watch.h"

#include "gateway/testing/fake_transport.h"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace twinhub::gateway::http {
namespace {

class Watch : public testing::Test {
protected:
    void turn() {
        loop.restart();
        loop.poll();
    }

    asio::io_context loop{1};
    std::shared_ptr<FakePeer> peer = std::make_shared<FakePeer>();
    FakeTransport transport{loop.get_executor(), peer};
    std::array<std::byte, 16> scratch{};
    std::string kept = "early ";
    std::shared_ptr<ClientWatch> watch = std::make_shared<ClientWatch>(transport, scratch, kept);
};

TEST_F(Watch, SeesTheClientLeave) {
    const std::function<bool()> here = watch->begin();
    turn();
    EXPECT_TRUE(here());
    peer->hang_up();
    turn();
    EXPECT_FALSE(here());
}

TEST_F(Watch, KeepsWhatComesMeanwhile) {
    const std::function<bool()> here = watch->begin();
    peer->send("GET /a piece that is longer than the room");
    turn();
    EXPECT_TRUE(here());
    EXPECT_EQ(kept, "early GET /a piece that is longer than the room");
}

TEST_F(Watch, LooksNoMoreAtAClientThatSendsALot) {
    const std::function<bool()> here = watch->begin();
    for (int i = 0; i < 10'000; ++i) peer->send("0123456789abcdef");
    turn();
    EXPECT_TRUE(here());
    EXPECT_LT(kept.size(), 100'000U);
}

TEST_F(Watch, ReadsNothingOnceItIsOver) {
    const std::function<bool()> here = watch->begin();
    peer->send("later");
    watch.reset();
    turn();
    EXPECT_EQ(kept, "early ");
    EXPECT_EQ(transport.read_some(scratch).value(), 5U) << "it is there for who reads next";
    EXPECT_TRUE(here());
}

}  // namespace
}  // namespace twinhub::gateway::http
