// Messages to devices: from the service that sends them to the device that settles them.
#include "hub/testing/histories.h"
#include "hub/testing/test_hub.h"

#include <gmock/gmock.h>

namespace twinhub::hub {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Fault = store::MemoryEngine::Fault;

const TwinId d1 = id_of("d1");

CloudMessage message_of(std::string payload, Acknowledge acknowledge = Acknowledge::none) {
    CloudMessage message;
    message.message_id = "id-" + payload;
    message.payload = std::move(payload);
    message.acknowledge = acknowledge;
    return message;
}

struct Messages : ::testing::Test {
    explicit Messages(Settings settings = {}) : hub(std::move(settings)) {
        hub.create(spec_of("d1"));
    }

    Result<CloudMessages::Sent> send(CloudMessage message) {
        return hub.run(hub.hub().cloud_messages().send(d1.device, std::move(message)));
    }
    void send_all(std::initializer_list<const char*> payloads) {
        for (const char* payload : payloads) ASSERT_TRUE(send(message_of(payload)));
    }
    void want(DeviceLink& on, std::uint32_t credit) {
        hub.shard(d1).want_messages(d1, on, credit);
        hub.settle();
    }
    Result<> settle(std::string_view token, Outcome outcome) {
        std::optional<Result<>> answer;
        hub.shard(d1).settle_message(d1, token, outcome,
                                     [&](const Result<>& result) { answer = result; });
        hub.settle();
        EXPECT_TRUE(answer);
        return answer.value_or(Result<>{});
    }
    std::optional<LockedMessage> receive() {
        const auto received = hub.run(hub.hub().cloud_messages().receive(d1.device));
        EXPECT_TRUE(received);
        return received ? *received : std::nullopt;
    }
    std::uint32_t count() { return hub.view(d1).presence.messages; }
    std::vector<std::string> feedback() {
        std::vector<std::string> told;
        while (true) {
            const auto batch = hub.run(hub.hub().feedback().receive());
            if (!batch || !*batch) return told;
            for (const FeedbackRecord& record : (*batch)->records)
                told.push_back(record.message_id + " " + std::string(name_of(record.end)));
            EXPECT_TRUE(
                hub.run(hub.hub().feedback().settle((*batch)->lock_token, Outcome::complete)));
        }
    }
    static std::vector<std::string> payloads(const TestLink& to) {
        std::vector<std::string> list;
        for (const LockedMessage& message : to.delivered) list.push_back(message.message.payload);
        return list;
    }
    // What is left in the store of messages and feedback.
    std::size_t stored(store::Area area) {
        std::size_t records = 0;
        const auto cursor = hub.engine().scan(store::Family::metadata, store::area_range(area));
        for (cursor->seek_first(); cursor->valid(); cursor->next()) ++records;
        return records;
    }

    TestHub hub;
    TestLink link;
};

TEST_F(Messages, AreDeliveredInOrderAsFarAsTheLinkWants) {
    send_all({"a", "b", "c"});
    hub.connect(d1, link);
    EXPECT_THAT(link.delivered, IsEmpty());
    want(link, 2);
    EXPECT_THAT(payloads(link), ElementsAre("a", "b"));
    want(link, 5);
    EXPECT_THAT(payloads(link), ElementsAre("a", "b", "c"));
    send_all({"d"});
    EXPECT_THAT(payloads(link), ElementsAre("a", "b", "c", "d"));
    std::set<std::uint64_t> sequences;
    for (const LockedMessage& message : link.delivered) {
        EXPECT_EQ(message.delivery_count, 0u);
        EXPECT_EQ(message.enqueued, TestClock::start);
        EXPECT_EQ(message.message.expires, TestClock::start + 1h);
        EXPECT_TRUE(sequences.empty() || *sequences.rbegin() < message.sequence);
        sequences.insert(message.sequence);
    }
}

TEST_F(Messages, ReachTheDeviceWithAllThatTheirSenderWrote) {
    CloudMessage sent;
    sent.message_id = "m";
    sent.correlation_id = "c";
    sent.user_id = "u";
    sent.to = "/devices/d1/elsewhere";
    sent.content_type = "application/json";
    sent.content_encoding = "utf-8";
    sent.expires = hub.clock().now() + 90s;
    sent.acknowledge = Acknowledge::full;
    sent.properties = {{"level", "high"}, {"empty", ""}, {"none", std::nullopt}, {"level", "low"}};
    sent.payload = std::string("\0\xff text", 7);
    ASSERT_TRUE(send(sent));
    hub.connect(d1, link);
    want(link, 1);
    ASSERT_EQ(link.delivered.size(), 1u);
    EXPECT_EQ(link.delivered[0].message, sent);
}

TEST_F(Messages, AreAcceptedWhenTheyAreDurable) {
    hub.connect(d1, link);
    want(link, 10);
    hub.hold();
    const auto sent = hub.begin(hub.hub().cloud_messages().send(d1.device, message_of("a")));
    hub.settle();
    EXPECT_FALSE(sent.there());
    EXPECT_THAT(link.delivered, IsEmpty());
    EXPECT_EQ(count(), 0u);
    hub.release();
    hub.settle();
    EXPECT_TRUE(sent.get());
    EXPECT_THAT(payloads(link), ElementsAre("a"));
    EXPECT_EQ(count(), 1u);
}

TEST_F(Messages, AreShownAsANumberThatChangesNothingElse) {
    const TwinView before = hub.view(d1);
    send_all({"a", "b"});
    const auto at = [&](std::string_view text) { return answer_of(hub, text); };
    EXPECT_EQ(count(), 2u);
    EXPECT_EQ(hub.run(hub.registry().get(d1))->presence.messages, 2u);
    EXPECT_EQ(document_of(hub.view(d1)).at("cloudToDeviceMessageCount"), 2);
    const char* const query = "SELECT deviceId FROM devices WHERE cloudToDeviceMessageCount = 2";
    EXPECT_THAT(at(query), ElementsAre(R"({"deviceId":"d1"})"));
    EXPECT_EQ(hub.view(d1).twin, before.twin);
    EXPECT_EQ(hub.view(d1).identity, before.identity);
    // In its hands they count, gone they do not; what else happens to the twin does not matter.
    hub.connect(d1, link);
    want(link, 1);
    EXPECT_EQ(count(), 2u);
    ASSERT_TRUE(hub.patch(d1, R"({"tags":{"a":1}})"));
    EXPECT_THAT(at(query), ElementsAre(R"({"deviceId":"d1"})"));
    ASSERT_TRUE(settle(link.delivered[0].lock_token, Outcome::complete));
    EXPECT_EQ(count(), 1u);
    EXPECT_THAT(at(query), IsEmpty());
    ASSERT_TRUE(hub.restart(3));
    EXPECT_EQ(count(), 1u);
    EXPECT_EQ(answer_of(hub, "SELECT cloudToDeviceMessageCount AS n FROM devices").front(),
              R"({"n":1})");
}

TEST_F(Messages, SurviveCrashesOnAnyNumberOfLoops) {
    send_all({"a", "b", "c"});
    const std::uint64_t last = send(message_of("d"))->sequence;
    hub.connect(d1, link);
    want(link, 2);
    ASSERT_TRUE(settle(link.delivered[0].lock_token, Outcome::complete));
    for (const std::size_t loops : {1u, 3u, 2u}) {
        ASSERT_TRUE(hub.crash(loops));
        TestLink next;
        hub.connect(d1, next);
        want(next, 10);
        EXPECT_THAT(payloads(next), ElementsAre("b", "c", "d"));
        // That the hub went down was no delivery in vain.
        EXPECT_EQ(next.delivered[0].delivery_count, 0u);
        hub.shard(d1).end_link(d1, LinkEnd::shutting_down);
        hub.settle();
    }
    EXPECT_GT(send(message_of("e"))->sequence, last);
}

TEST_F(Messages, SequencesAreNotUsedAgainWhenEverythingIsGone) {
    const std::uint64_t first = send(message_of("a"))->sequence;
    const auto locked = receive();
    ASSERT_TRUE(settle(locked->lock_token, Outcome::complete));
    EXPECT_EQ(stored(store::Area::message), 0u);
    EXPECT_EQ(stored(store::Area::message_body), 0u);
    ASSERT_TRUE(hub.crash());
    EXPECT_GT(send(message_of("b"))->sequence, first);
}

TEST_F(Messages, ComeAgainInOrderWhenTheLinkEnds) {
    send_all({"a", "b", "c"});
    hub.connect(d1, link);
    want(link, 2);
    ASSERT_TRUE(settle(link.delivered[1].lock_token, Outcome::complete));
    hub.shard(d1).detach(d1, link);
    hub.settle();
    EXPECT_EQ(settle(link.delivered[0].lock_token, Outcome::complete).error().code,
              Code::message_lock_lost);
    TestLink again;
    hub.connect(d1, again);
    want(again, 10);
    EXPECT_THAT(payloads(again), ElementsAre("a", "c"));
    EXPECT_EQ(again.delivered[0].delivery_count, 1u);
    EXPECT_EQ(again.delivered[1].delivery_count, 0u);
    // So does a takeover.
    TestLink third;
    hub.connect(d1, third);
    EXPECT_THAT(again.ended, ElementsAre(LinkEnd::taken_over));
    want(third, 10);
    EXPECT_THAT(payloads(third), ElementsAre("a", "c"));
    EXPECT_EQ(third.delivered[0].delivery_count, 2u);
}

TEST_F(Messages, ALinkThatIsNotTheDevicesOwnGetsNothing) {
    send_all({"a"});
    TestLink old;
    hub.connect(d1, old);
    hub.connect(d1, link);
    want(old, 5);
    EXPECT_THAT(old.delivered, IsEmpty());
    hub.create(spec_of("d1", "m1"));
    TestLink module;
    hub.connect(id_of("d1", "m1"), module);
    hub.shard(d1).want_messages(id_of("d1", "m1"), module, 5);
    hub.settle();
    EXPECT_THAT(module.delivered, IsEmpty());
}

TEST_F(Messages, ALockEndsAndTheMessageComesAgain) {
    send_all({"a"});
    hub.connect(d1, link);
    want(link, 10);
    hub.tick_for(59s);
    EXPECT_EQ(link.delivered.size(), 1u);
    hub.tick_for(2s);
    ASSERT_EQ(link.delivered.size(), 2u);
    EXPECT_EQ(link.delivered[1].delivery_count, 1u);
    EXPECT_NE(link.delivered[0].lock_token, link.delivered[1].lock_token);
    EXPECT_EQ(settle(link.delivered[0].lock_token, Outcome::complete).error().code,
              Code::message_lock_lost);
    EXPECT_TRUE(settle(link.delivered[1].lock_token, Outcome::complete));
    EXPECT_EQ(settle(link.delivered[1].lock_token, Outcome::complete).error().code,
              Code::message_lock_lost);
}

TEST_F(Messages, WithoutALinkTheyAreReceivedOneByOne) {
    EXPECT_FALSE(receive());
    send_all({"a", "b"});
    const auto a = receive();
    const auto b = receive();
    ASSERT_TRUE(a && b);
    EXPECT_EQ(a->message.payload, "a");
    EXPECT_EQ(b->message.payload, "b");
    EXPECT_FALSE(receive());
    ASSERT_TRUE(
        hub.run(hub.hub().cloud_messages().settle(d1.device, a->lock_token, Outcome::abandon)));
    const auto again = receive();
    ASSERT_TRUE(again);
    EXPECT_EQ(again->message.payload, "a");
    EXPECT_EQ(again->delivery_count, 1u);
    EXPECT_EQ(hub.run(hub.hub().cloud_messages().settle(d1.device, "nonsense", Outcome::complete))
                  .error()
                  .code,
              Code::message_lock_lost);
    EXPECT_EQ(hub.run(hub.hub().cloud_messages().receive(id_of("unknown").device)).error().code,
              Code::device_not_found);
}

TEST_F(Messages, TellTheirSenderWhatBecameOfThem) {
    using enum Acknowledge;
    for (const auto& [payload, acknowledge] :
         {std::pair("none", none), {"positive", positive}, {"negative", negative}, {"full", full}})
        ASSERT_TRUE(send(message_of(payload, acknowledge)));
    while (const auto locked = receive())
        ASSERT_TRUE(settle(locked->lock_token, Outcome::complete));
    EXPECT_THAT(feedback(), ElementsAre("id-positive Success", "id-full Success"));
    for (const auto& [payload, acknowledge] :
         {std::pair("none", none), {"positive", positive}, {"negative", negative}, {"full", full}})
        ASSERT_TRUE(send(message_of(payload, acknowledge)));
    while (const auto locked = receive()) ASSERT_TRUE(settle(locked->lock_token, Outcome::reject));
    EXPECT_THAT(feedback(), ElementsAre("id-negative Rejected", "id-full Rejected"));
    EXPECT_EQ(count(), 0u);
}

TEST_F(Messages, AMessageThatWantsFeedbackHasAnId) {
    CloudMessage anonymous;
    anonymous.acknowledge = Acknowledge::full;
    const auto sent = send(anonymous);
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->message_id.size(), 36u);
    EXPECT_EQ(receive()->message.message_id, sent->message_id);
    EXPECT_EQ(send(CloudMessage{})->message_id, "");
}

TEST_F(Messages, ExpireWhileTheyWait) {
    CloudMessage soon = message_of("soon", Acknowledge::full);
    soon.expires = hub.clock().now() + 10s;
    CloudMessage late = message_of("late", Acknowledge::full);
    late.expires = hub.clock().now() + 24h * 30;  // longer than any message lives
    ASSERT_TRUE(send(soon));
    ASSERT_TRUE(send(late));
    hub.tick_for(9s);
    EXPECT_EQ(count(), 2u);
    hub.tick_for(2s);
    EXPECT_EQ(count(), 1u);
    EXPECT_THAT(feedback(), ElementsAre("id-soon Expired"));
    hub.clock().advance(48h);
    // Not a moment too late, whoever asks first.
    EXPECT_FALSE(receive());
    EXPECT_EQ(count(), 0u);
    EXPECT_EQ(stored(store::Area::message), 0u);
}

TEST_F(Messages, InADevicesHandsTheyExpireOnlyWhenTheyComeBack) {
    CloudMessage soon = message_of("soon", Acknowledge::full);
    soon.expires = hub.clock().now() + 10s;
    ASSERT_TRUE(send(soon));
    const auto first = receive();
    hub.tick_for(20s);
    EXPECT_THAT(feedback(), IsEmpty());
    ASSERT_TRUE(settle(first->lock_token, Outcome::abandon));
    EXPECT_THAT(feedback(), ElementsAre("id-soon Expired"));
}

TEST_F(Messages, DeliveredInVainTooOftenTheyAreDead) {
    ASSERT_TRUE(send(message_of("poison", Acknowledge::full)));
    ASSERT_TRUE(send(message_of("good")));
    for (int i = 0; i < 9; ++i) {
        const auto locked = receive();
        ASSERT_EQ(locked->message.payload, "poison");
        ASSERT_TRUE(settle(locked->lock_token, Outcome::abandon));
        if (i == 4) ASSERT_TRUE(hub.crash());  // the number is kept
    }
    const auto last = receive();
    ASSERT_EQ(last->delivery_count, 9u);
    ASSERT_TRUE(settle(last->lock_token, Outcome::abandon));
    EXPECT_THAT(feedback(), ElementsAre("id-poison DeliveryCountExceeded"));
    EXPECT_EQ(receive()->message.payload, "good");
}

TEST_F(Messages, APurgeEndsAllOfThemAndSaysHowMany) {
    send_all({"a", "b"});
    ASSERT_TRUE(send(message_of("c", Acknowledge::negative)));
    const auto locked = receive();
    EXPECT_EQ(hub.run(hub.hub().cloud_messages().purge(d1.device)).value(), 3u);
    EXPECT_EQ(settle(locked->lock_token, Outcome::complete).error().code, Code::message_lock_lost);
    EXPECT_THAT(feedback(), ElementsAre("id-c Purged"));
    EXPECT_EQ(count(), 0u);
    EXPECT_EQ(hub.run(hub.hub().cloud_messages().purge(d1.device)).value(), 0u);
    EXPECT_EQ(hub.run(hub.hub().cloud_messages().purge(id_of("no").device)).error().code,
              Code::device_not_found);
}

TEST_F(Messages, GoWithTheirDevice) {
    send_all({"a", "b"});
    ASSERT_TRUE(send(message_of("c", Acknowledge::full)));
    const std::string generation = hub.view(d1).identity->generation_id;
    ASSERT_TRUE(hub.run(hub.registry().remove(d1, {}, author_of())));
    EXPECT_EQ(stored(store::Area::message), 0u);
    EXPECT_EQ(stored(store::Area::message_body), 0u);
    EXPECT_EQ(send(message_of("d")).error().code, Code::device_not_found);
    const auto batch = hub.run(hub.hub().feedback().receive());
    ASSERT_TRUE(batch && *batch);
    EXPECT_EQ((*batch)->records[0].generation_id, generation);
    hub.create(spec_of("d1"));
    EXPECT_EQ(count(), 0u);
    EXPECT_FALSE(receive());
}

TEST_F(Messages, WaitForADisabledDevice) {
    IdentitySpec spec = spec_of("d1");
    spec.status = Status::disabled;
    ASSERT_TRUE(hub.run(hub.registry().update(std::move(spec), twin::Match::any(), author_of())));
    EXPECT_TRUE(send(message_of("a")));
    EXPECT_EQ(count(), 1u);
}

TEST_F(Messages, AreRefusedBeyondTheQueuesRoom) {
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(send(message_of(std::to_string(i))));
    EXPECT_EQ(send(message_of("51")).error().code, Code::message_queue_full);
    EXPECT_EQ(hub.metrics().messages_waiting.Value(), 50.0);
    ASSERT_TRUE(settle(receive()->lock_token, Outcome::complete));
    EXPECT_TRUE(send(message_of("51")));
}

TEST_F(Messages, AreRefusedWhenNotEveryDoorCouldCarryThem) {
    const auto code = [&](auto change) {
        CloudMessage message;
        change(message);
        const auto sent = send(message);
        return sent ? std::optional<Code>() : sent.error().code;
    };
    EXPECT_EQ(code([](CloudMessage& m) { m.message_id = std::string(129, 'x'); }),
              Code::argument_invalid);
    EXPECT_EQ(code([](CloudMessage& m) { m.correlation_id = "a\nb"; }), Code::argument_invalid);
    EXPECT_EQ(code([](CloudMessage& m) { m.properties = {{"a b", "x"}}; }), Code::argument_invalid);
    EXPECT_EQ(code([](CloudMessage& m) { m.properties = {{"", "x"}}; }), Code::argument_invalid);
    EXPECT_EQ(code([](CloudMessage& m) { m.properties = {{"a", "\x80"}}; }),
              Code::argument_invalid);
    EXPECT_EQ(code([](CloudMessage& m) { m.properties.assign(101, {"a", "b"}); }),
              Code::argument_invalid);
    EXPECT_EQ(code([](CloudMessage& m) { m.properties = {{"a", std::string(17'000, 'b')}}; }),
              Code::message_too_large);
    EXPECT_EQ(code([](CloudMessage& m) { m.payload = std::string(64 * 1024 + 1, 'b'); }),
              Code::message_too_large);
    EXPECT_EQ(code([](CloudMessage& m) { m.payload = std::string(64 * 1024, 'b'); }), std::nullopt);
}

TEST_F(Messages, ALostCommitLeavesNothingAndTakesNothing) {
    hub.connect(d1, link);
    want(link, 10);
    hub.engine().fail_commits(1, Fault::refused);
    EXPECT_EQ(send(message_of("a")).error().code, Code::unavailable);
    EXPECT_THAT(link.delivered, IsEmpty());
    EXPECT_EQ(count(), 0u);
    ASSERT_TRUE(send(message_of("b", Acknowledge::full)));
    ASSERT_EQ(link.delivered.size(), 1u);
    hub.engine().fail_commits(1, Fault::refused);
    EXPECT_EQ(settle(link.delivered[0].lock_token, Outcome::complete).error().code,
              Code::unavailable);
    EXPECT_EQ(count(), 1u);
    EXPECT_THAT(feedback(), IsEmpty());
    hub.tick_for(3s);  // comes again once the store is well
    ASSERT_EQ(link.delivered.size(), 2u);
    EXPECT_EQ(link.delivered[1].message.payload, "b");
    EXPECT_TRUE(settle(link.delivered[1].lock_token, Outcome::complete));
    EXPECT_THAT(feedback(), ElementsAre("id-b Success"));
}

TEST_F(Messages, ADiskThatFailsForAWhileDelaysThem) {
    send_all({"a"});
    hub.connect(d1, link);
    hub.engine().fail_reads(true);
    want(link, 3);
    EXPECT_THAT(link.delivered, IsEmpty());
    hub.engine().fail_reads(false);
    hub.tick_for(2s);
    EXPECT_THAT(payloads(link), ElementsAre("a"));
    EXPECT_EQ(link.delivered[0].delivery_count, 0u);
}

TEST_F(Messages, ADamagedBodyEndsItsMessageAlone) {
    ASSERT_TRUE(send(message_of("a", Acknowledge::full)));
    send_all({"b"});
    const auto cursor =
        hub.engine().scan(store::Family::metadata, store::area_range(store::Area::message_body));
    cursor->seek_first();
    store::Batch batch;
    batch.put(store::Family::metadata, cursor->key(), "nonsense");
    const store::Batch* const batches[] = {&batch};
    ASSERT_TRUE(hub.engine().commit(batches));
    hub.connect(d1, link);
    want(link, 3);
    EXPECT_THAT(payloads(link), ElementsAre("b"));
    EXPECT_THAT(feedback(), ElementsAre("id-a DeliveryCountExceeded"));
}

// A device that settles at once, as a door does that is told to send and forget.
struct GreedyLink final : DeviceLink {
    void desired_changed(std::uint64_t, std::string_view) override {}
    void invoke(std::uint64_t, std::string_view, std::string_view) override {}
    void deliver(const LockedMessage& message) override {
        payloads.push_back(message.message.payload);
        shard->settle_message(d1, message.lock_token, Outcome::complete, [](const Result<>&) {});
        shard->want_messages(d1, *this, 1);
        if (payloads.size() == leaves_after) shard->detach(d1, *this);
    }
    void end(LinkEnd) override {}
    Shard* shard = nullptr;
    std::vector<std::string> payloads;
    std::size_t leaves_after = 0;
};

TEST_F(Messages, MayBeSettledWhileTheyAreDelivered) {
    send_all({"a", "b", "c", "d"});
    GreedyLink greedy;
    greedy.shard = &hub.shard(d1);
    greedy.leaves_after = 3;
    hub.attach(d1, greedy);
    want(greedy, 1);
    EXPECT_THAT(greedy.payloads, ElementsAre("a", "b", "c"));
    EXPECT_EQ(count(), 1u);
    EXPECT_EQ(receive()->message.payload, "d");
}

struct ShortFeedback : Messages {
    ShortFeedback() : Messages(Settings{.feedback_age = 1min, .feedback_max = 6}) {}
};

TEST_F(ShortFeedback, IsKeptForItsTimeAndNumberOnly) {
    for (int i = 0; i < 5; ++i) {
        hub.clock().advance(1s);
        ASSERT_TRUE(send(message_of(std::to_string(i), Acknowledge::full)));
        ASSERT_TRUE(settle(receive()->lock_token, Outcome::complete));
    }
    // Half of six for each of two loops: the oldest went.
    EXPECT_THAT(feedback(), ElementsAre("id-2 Success", "id-3 Success", "id-4 Success"));
    ASSERT_TRUE(send(message_of("old", Acknowledge::full)));
    ASSERT_TRUE(settle(receive()->lock_token, Outcome::complete));
    hub.tick_for(62s);
    EXPECT_THAT(feedback(), IsEmpty());
    EXPECT_EQ(stored(store::Area::feedback), 0u);
}

TEST_F(Messages, FeedbackIsLockedGivenBackAndGoneWhenItWasTaken) {
    ASSERT_TRUE(send(message_of("a", Acknowledge::full)));
    ASSERT_TRUE(settle(receive()->lock_token, Outcome::complete));
    Feedback& queue = hub.hub().feedback();
    const auto first = hub.run(queue.receive());
    ASSERT_TRUE(first && *first);
    EXPECT_EQ((*first)->records[0].device, d1.device);
    EXPECT_EQ((*first)->records[0].at, hub.clock().now());
    EXPECT_FALSE(*hub.run(queue.receive()));
    ASSERT_TRUE(hub.run(queue.settle((*first)->lock_token, Outcome::abandon)));
    EXPECT_EQ(hub.run(queue.settle((*first)->lock_token, Outcome::complete)).error().code,
              Code::message_lock_lost);
    const auto second = hub.run(queue.receive());
    ASSERT_TRUE(second && *second);
    EXPECT_EQ((*second)->delivery_count, 1u);
    hub.tick_for(61s);  // the reader died
    ASSERT_TRUE(hub.crash(3));
    Feedback& after = hub.hub().feedback();
    const auto third = hub.run(after.receive());
    ASSERT_TRUE(third && *third);
    EXPECT_EQ((*third)->delivery_count, 2u);
    ASSERT_TRUE(hub.run(after.settle((*third)->lock_token, Outcome::complete)));
    ASSERT_TRUE(hub.crash());
    EXPECT_FALSE(*hub.run(hub.hub().feedback().receive()));
}

TEST_F(Messages, FeedbackWakesWhoWaitsForIt) {
    int woken = 0;
    auto waiting = hub.hub().feedback().listen(hub.shard(d1).executor(), [&] { ++woken; });
    hub.settle();
    EXPECT_EQ(woken, 1);
    ASSERT_TRUE(send(message_of("a", Acknowledge::full)));
    ASSERT_TRUE(settle(receive()->lock_token, Outcome::complete));
    EXPECT_EQ(woken, 2);
    waiting.reset();
    ASSERT_TRUE(send(message_of("b", Acknowledge::full)));
    ASSERT_TRUE(settle(receive()->lock_token, Outcome::complete));
    EXPECT_EQ(woken, 2);
}

}  // namespace
}  // namespace twinhub::hub
