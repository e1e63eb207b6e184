#include "hub/testing/test_hub.h"

#include <gmock/gmock.h>

namespace twinhub::hub {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const TwinId d1 = id_of("d1");
const TwinId m1 = id_of("d1", "m1");

struct Calls : ::testing::Test {
    Calls() {
        hub.create(spec_of("d1"));
        hub.create(spec_of("d1", "m1"));
    }
    Answer<Result<MethodResult>> begin(const TwinId& id, MethodCall call) {
        auto answer = hub.begin(hub.hub().methods().invoke(id, std::move(call), author_of()));
        hub.settle();
        return answer;
    }
    std::optional<Code> refusal(const TwinId& id, MethodCall call) {
        const auto answer = begin(id, std::move(call));
        if (!answer.there() || answer.get()) return std::nullopt;
        return answer.get().error().code;
    }
    void take(const TwinId& id, TestLink& from, TakenMethods taken) {
        hub.shard(id).takes_methods(id, from, std::move(taken));
        hub.settle();
    }
    void answer(const TwinId& id, std::uint64_t number, int status, std::string_view payload) {
        hub.shard(id).method_answered(id, number, status, payload);
        hub.settle();
    }
    TestHub hub;
    TestLink link;
};

TEST_F(Calls, ReachTheDeviceAndBringItsAnswer) {
    hub.connect(d1, link);
    take(d1, link, {.all = true});
    const auto waits = begin(d1, {.name = "reboot", .payload = R"({"in":5})"});
    ASSERT_THAT(link.calls, SizeIs(1));
    EXPECT_EQ(link.calls[0].name, "reboot");
    EXPECT_EQ(link.calls[0].payload, R"({"in":5})");
    EXPECT_FALSE(waits.there());
    answer(d1, link.calls[0].number, -7, R"({ "done": [true, null] })");
    ASSERT_TRUE(waits.get());
    EXPECT_EQ(waits.get()->status, -7);
    EXPECT_EQ(waits.get()->payload, R"({"done":[true,null]})");
}

TEST_F(Calls, AreOfOneIdentityAlone) {
    TestLink module;
    hub.connect(d1, link);
    hub.connect(m1, module);
    take(d1, link, {.all = true});
    EXPECT_EQ(refusal(m1, {.name = "go"}), Code::device_not_online);
    take(m1, module, {.all = true});
    const auto waits = begin(m1, {.name = "go"});
    ASSERT_THAT(module.calls, SizeIs(1));
    EXPECT_THAT(link.calls, IsEmpty());
    answer(d1, module.calls[0].number, 200, "1");  // another one's answer
    EXPECT_FALSE(waits.there());
    answer(m1, module.calls[0].number, 200, "");
    EXPECT_EQ(waits.get()->payload, "null");
    answer(m1, module.calls[0].number, 201, "2");  // twice
    EXPECT_EQ(hub.metrics().method_answers_dropped.Value(), 2.0);
}

TEST_F(Calls, OnlyATakenMethodIsCalled) {
    hub.connect(d1, link);
    EXPECT_EQ(refusal(d1, {.name = "a"}), Code::device_not_online);
    take(d1, link, {.names = {"a", "c"}});
    EXPECT_EQ(refusal(d1, {.name = "b"}), Code::device_not_online);
    begin(d1, {.name = "c"});
    EXPECT_THAT(link.calls, SizeIs(1));
    take(d1, link, {});
    EXPECT_EQ(refusal(d1, {.name = "a"}), Code::device_not_online);
}

TEST_F(Calls, KnowWhoIsThere) {
    EXPECT_EQ(refusal(d1, {.name = "a"}), Code::device_not_online);
    EXPECT_EQ(refusal(id_of("no"), {.name = "a"}), Code::device_not_found);
    EXPECT_EQ(refusal(id_of("no", "m"), {.name = "a"}), Code::device_not_found);
    EXPECT_EQ(refusal(id_of("d1", "no"), {.name = "a"}), Code::module_not_found);
    IdentitySpec spec = spec_of("d1");
    spec.status = Status::disabled;
    ASSERT_TRUE(hub.run(hub.registry().update(std::move(spec), twin::Match::any(), author_of())));
    EXPECT_EQ(refusal(d1, {.name = "a"}), Code::device_not_found);
    EXPECT_EQ(refusal(m1, {.name = "a"}), Code::device_not_found);
}

TEST_F(Calls, CheckWhatTheyAreAsked) {
    for (const char* name : {"", "a b", "a/b", "a$", "\xc3\xa4", "a\x7f"})
        EXPECT_EQ(refusal(d1, {.name = name}), Code::argument_invalid) << name;
    EXPECT_EQ(refusal(d1, {.name = std::string(129, 'a')}), Code::argument_invalid);
    const auto times = [&](std::chrono::seconds response, std::chrono::seconds connect) {
        return refusal(d1, {.name = "a", .response_timeout = response, .connect_timeout = connect});
    };
    EXPECT_EQ(times(4s, 0s), Code::argument_invalid);
    EXPECT_EQ(times(301s, 0s), Code::argument_invalid);
    EXPECT_EQ(times(30s, -1s), Code::argument_invalid);
    EXPECT_EQ(times(30s, 31s), Code::argument_invalid);
    EXPECT_EQ(times(5s, 0s), Code::device_not_online);
    EXPECT_EQ(refusal(d1, {.name = "a", .payload = std::string(128 * 1024 + 1, '1')}),
              Code::message_too_large);
}

TEST_F(Calls, WaitForTheAnswerAsLongAsTheySay) {
    hub.connect(d1, link);
    take(d1, link, {.all = true});
    const auto waits = begin(d1, {.name = "slow", .response_timeout = 7s});
    hub.tick_for(6s);
    EXPECT_FALSE(waits.there());
    hub.tick_for(2s);
    EXPECT_EQ(waits.get().error().code, Code::gateway_timeout);
    answer(d1, link.calls[0].number, 200, "1");
    EXPECT_EQ(hub.metrics().method_answers_dropped.Value(), 1.0);
    EXPECT_EQ(hub.metrics().method_calls_waiting.Value(), 0.0);
}

TEST_F(Calls, WaitForTheDeviceToComeAndTakeThem) {
    const auto waits = begin(d1, {.name = "go", .response_timeout = 30s, .connect_timeout = 10s});
    const auto gives_up =
        begin(d1, {.name = "other", .response_timeout = 30s, .connect_timeout = 10s});
    hub.tick_for(9s);
    hub.connect(d1, link);
    EXPECT_THAT(link.calls, IsEmpty());
    take(d1, link, {.names = {"go"}});
    ASSERT_THAT(link.calls, SizeIs(1));
    hub.tick_for(2s);
    EXPECT_EQ(gives_up.get().error().code, Code::device_not_online);
    hub.tick_for(20s);  // from when it went out
    answer(d1, link.calls[0].number, 200, "{}");
    EXPECT_TRUE(waits.get());
}

TEST_F(Calls, MayBeAnsweredOverTheNextConnection) {
    hub.connect(d1, link);
    take(d1, link, {.all = true});
    const auto waits = begin(d1, {.name = "renew"});
    hub.shard(d1).detach(d1, link);
    TestLink next;
    hub.connect(d1, next);
    answer(d1, link.calls[0].number, 200, "1");
    EXPECT_TRUE(waits.get());
}

TEST_F(Calls, EndWhenNobodyWaitsAnyMore) {
    bool there = true;
    hub.connect(d1, link);
    take(d1, link, {.all = true});
    const auto waits = begin(d1, {.name = "go", .wanted = [&there] { return there; }});
    hub.tick();
    EXPECT_FALSE(waits.there());
    there = false;
    hub.tick();
    EXPECT_EQ(waits.get().error().code, Code::timeout);
}

TEST_F(Calls, EndWithTheirDevice) {
    const auto waits = begin(d1, {.name = "go", .response_timeout = 30s, .connect_timeout = 30s});
    ASSERT_TRUE(hub.run(hub.registry().remove(d1, {}, author_of())));
    EXPECT_EQ(waits.get().error().code, Code::device_not_found);
}

TEST_F(Calls, EndWithTheHub) {
    const auto waits = begin(d1, {.name = "go", .response_timeout = 30s, .connect_timeout = 30s});
    hub.hub().end_waits();
    hub.settle();
    EXPECT_EQ(waits.get().error().code, Code::unavailable);
    EXPECT_EQ(refusal(d1, {.name = "go", .connect_timeout = 9s}), Code::unavailable);
}

TEST_F(Calls, RefuseAnAnswerThatIsNone) {
    hub.connect(d1, link);
    take(d1, link, {.all = true});
    const auto words = begin(d1, {.name = "a"});
    answer(d1, link.calls[0].number, 200, "not json");
    EXPECT_EQ(words.get().error().code, Code::device_answer_invalid);
    const auto flood = begin(d1, {.name = "a"});
    answer(d1, link.calls[1].number, 200, std::string(128 * 1024 + 1, ' '));
    EXPECT_EQ(flood.get().error().code, Code::device_answer_invalid);
}

TEST(ManyCalls, AreRefusedBeyondTheLimits) {
    TestHub hub(Settings{.method_calls_max = 6, .method_calls_per_device_max = 2}, 1);
    std::vector<Answer<Result<MethodResult>>> answers;
    for (int device = 0; device < 4; ++device) {
        const std::string name = "d" + std::to_string(device);
        hub.create(spec_of(name));
        for (int i = 0; i < 3; ++i)
            answers.push_back(hub.begin(hub.hub().methods().invoke(
                id_of(name), {.name = "a", .connect_timeout = 30s}, author_of())));
        hub.settle();
    }
    std::vector<int> throttled;
    for (std::size_t i = 0; i < answers.size(); ++i)
        if (answers[i].there()) {
            EXPECT_EQ(answers[i].get().error().code, Code::throttled);
            throttled.push_back(static_cast<int>(i));
        }
    EXPECT_THAT(throttled, ::testing::ElementsAre(2, 5, 8, 9, 10, 11));
}

}  // namespace
}  // namespace twinhub::hub
