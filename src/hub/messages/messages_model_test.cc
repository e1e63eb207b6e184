// Any history of sending, delivering, settling, lost links, time, lost commits, crashes and other
// numbers of loops, against what a simple model says must be true of messages.
#include "hub/testing/histories.h"
#include "hub/testing/test_hub.h"

#include <map>
#include <set>

namespace twinhub::hub {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using Fault = store::MemoryEngine::Fault;

// What is known of one message. It is named by its payload.
struct Fate {
    Answer<Result<CloudMessages::Sent>> sent;
    bool wants_feedback = false;
    bool may_end = false;  // somebody asked for its end, or it was too old: either way is right
    bool gone = false;     // its end was acknowledged
};

struct ModelLink final : DeviceLink {
    void desired_changed(std::uint64_t, std::string_view) override {}
    void invoke(std::uint64_t, std::string_view, std::string_view) override {}
    void deliver(const LockedMessage& message) override { delivered.push_back(message); }
    void end(LinkEnd) override { attached = false; }

    std::vector<LockedMessage> delivered;  // and not yet settled
    bool attached = false;
};

class MessageHistory {
public:
    MessageHistory()
        : hub(Settings{
              .message_age = 40h, .message_deliveries_max = 1'000'000, .feedback_age = 100h}) {
        for (const TwinId& device : devices) hub.create(spec_of(device.device.text()));
    }

    void step() {
        const TwinId& device = devices[below(devices.size())];
        ModelLink& link = links[device];
        switch (below(12)) {
            case 0:
            case 1:
            case 2: return send(device);
            case 3:
                if (link.attached) return;
                hub.attach(device, link);
                link.attached = true;
                link.delivered.clear();
                hub.shard(device).want_messages(device, link, static_cast<std::uint32_t>(below(4)));
                return;
            case 4:
                if (!link.attached) return;
                hub.shard(device).detach(device, link);
                link.attached = false;
                return;
            case 5:
                if (!link.attached) return;
                return hub.shard(device).want_messages(device, link,
                                                       static_cast<std::uint32_t>(below(5)));
            case 6:
            case 7: return settle_one(device, link);
            case 8: {
                const auto received = hub.begin(hub.hub().cloud_messages().receive(device.device));
                turns();
                if (!received.there() || !received.get() || !*received.get()) return;
                settle(device, **received.get());
                return;
            }
            case 9: return hub.tick(std::chrono::seconds(below(90)));
            case 10:
                if (below(2) == 0) hub.engine().fail_commits(1 + below(3), Fault::refused);
                else if (below(3) == 0) purge(device);
                return;
            default: return turns();
        }
    }

    void crash() {
        RC_ASSERT(hub.crash(1 + below(3)).has_value());
        for (auto& [device, link] : links) {
            link.delivered.clear();
            link.attached = false;
        }
        for (auto& [name, fate] : fates)
            if (!fate.sent.there()) fate.may_end = true;  // there or not
    }

    // Takes all that is left, and compares.
    void check() {
        hub.engine().fail_commits(0, Fault::refused);  // one that is set may not have come yet
        hub.tick_for(65s);  // whatever failed is well again, and no lock is left
        std::multiset<std::string> told;
        for (const TwinId& device : devices) {
            links[device].attached = false;
            const std::uint32_t count = hub.view(device).presence.messages;
            ModelLink last;
            hub.attach(device, last);
            hub.shard(device).want_messages(device, last, 1'000);
            hub.settle();
            RC_ASSERT(last.delivered.size() == count);
            std::set<std::string> left;
            std::uint64_t sequence = 0;
            for (const LockedMessage& message : last.delivered) {
                RC_ASSERT(message.sequence > sequence);
                sequence = message.sequence;
                const std::string& name = message.message.payload;
                RC_ASSERT(left.insert(name).second);
                RC_ASSERT(fates.contains(name));
                RC_ASSERT(!fates.at(name).gone);
                complete(device, message);
            }
            hub.settle();
            RC_ASSERT(hub.view(device).presence.messages == 0u);
            for (auto& [name, fate] : fates)
                if (name.starts_with(device.device.text() + "-") && accepted(fate))
                    RC_ASSERT(fate.may_end || fate.gone || left.contains(name));
            hub.shard(device).detach(device, last);
        }
        while (true) {
            const auto batch = hub.run(hub.hub().feedback().receive());
            if (!batch || !*batch) break;
            for (const FeedbackRecord& record : (*batch)->records) told.insert(record.message_id);
            RC_ASSERT(hub.run(hub.hub().feedback().settle((*batch)->lock_token, Outcome::complete))
                          .has_value());
        }
        // All have ended now, each once.
        for (const auto& [name, fate] : fates) {
            if (!fate.wants_feedback) RC_ASSERT(told.count(name) == 0u);
            else if (accepted(fate)) RC_ASSERT(told.count(name) == 1u);
            else RC_ASSERT(told.count(name) <= 1u);
        }
        for (const store::Area area :
             {store::Area::message, store::Area::message_body, store::Area::feedback}) {
            const auto cursor = hub.engine().scan(store::Family::metadata, store::area_range(area));
            cursor->seek_first();
            RC_ASSERT(!cursor->valid());
        }
        fates.clear();
    }

private:
    static bool accepted(const Fate& fate) {
        return fate.sent.there() && fate.sent.get().has_value();
    }
    void turns() {
        for (std::size_t i = below(4); i > 0 && hub.turn(); --i) {}
    }
    void send(const TwinId& device) {
        CloudMessage message;
        message.payload = device.device.text() + "-" + std::to_string(++last_name);
        message.message_id = message.payload;
        Fate fate;
        fate.wants_feedback = below(2) == 0;
        if (fate.wants_feedback) message.acknowledge = Acknowledge::full;
        if (below(4) == 0) {
            message.expires = hub.clock().now() + std::chrono::seconds(below(100));
            fate.may_end = true;
        }
        const std::string name = message.payload;
        fate.sent = hub.begin(hub.hub().cloud_messages().send(device.device, std::move(message)));
        fates.emplace(name, std::move(fate));
        turns();
    }
    void complete(const TwinId& device, const LockedMessage& message) {
        Fate& fate = fates.at(message.message.payload);
        fate.may_end = true;
        hub.shard(device).settle_message(
            device, message.lock_token, Outcome::complete,
            [this, name = message.message.payload](const Result<>& result) {
                const auto found = fates.find(name);
                if (result && found != fates.end()) found->second.gone = true;
            });
    }
    void settle(const TwinId& device, const LockedMessage& message) {
        // What has ended for good is never in anybody's hands again.
        RC_ASSERT(fates.contains(message.message.payload));
        if (below(3) != 0) return complete(device, message);
        hub.shard(device).settle_message(device, message.lock_token, Outcome::abandon,
                                         [](const Result<>&) {});
    }
    void settle_one(const TwinId& device, ModelLink& link) {
        if (link.delivered.empty()) return;
        const std::size_t at = below(link.delivered.size());
        const LockedMessage message = link.delivered[at];
        link.delivered.erase(link.delivered.begin() + static_cast<std::ptrdiff_t>(at));
        settle(device, message);
        turns();
    }
    void purge(const TwinId& device) {
        for (auto& [name, fate] : fates)
            if (name.starts_with(device.device.text() + "-")) fate.may_end = true;
        (void)hub.begin(hub.hub().cloud_messages().purge(device.device));
        turns();
    }

    const std::vector<TwinId> devices{id_of("a"), id_of("b"), id_of("c")};
    TestHub hub;
    std::map<TwinId, ModelLink> links;
    std::map<std::string, Fate> fates;
    int last_name = 0;
};

RC_GTEST_PROP(MessageHistory, KeepsEveryPromise, ()) {
    MessageHistory history;
    const int lives = *rc::gen::inRange(1, 4);
    for (int life = 0; life < lives; ++life) {
        const int steps = *rc::gen::inRange(0, 60);
        for (int i = 0; i < steps; ++i) history.step();
        if (*rc::gen::arbitrary<bool>()) history.crash();
    }
    history.check();
}

}  // namespace
}  // namespace twinhub::hub
