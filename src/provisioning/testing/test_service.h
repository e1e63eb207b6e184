#pragma once

#include "base/encoding.h"
#include "hub/shards.h"
#include "hub/testing/test_hub.h"
#include "protocol/sas/token.h"
#include "provisioning/provisioning.h"
#include "provisioning/testing/fake_hub.h"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

// A provisioning service over a hub on the store in memory, which the test turns by hand.
namespace twinhub::provisioning::testing {

inline constexpr const char* scope = "0ne0000000A";
inline const std::string key_1 = base64_encode(std::string(32, '\x01'));
inline const std::string key_2 = base64_encode(std::string(32, '\x02'));

inline ProvisioningId id_of(std::string_view text) { return ProvisioningId::parse(text).value(); }

inline EnrollmentWish individual(std::string_view id) {
    EnrollmentWish wish;
    wish.enrollment.id = id_of(id);
    wish.enrollment.attestation = SymmetricKeys{key_1, key_2};
    return wish;
}

inline EnrollmentWish group(std::string_view id) {
    EnrollmentWish wish = individual(id);
    wish.enrollment.kind = EnrollmentKind::group;
    return wish;
}

// A token as Microsoft's SDKs make it.
inline std::string token_of(std::string_view id, std::string_view base64_key,
                            std::string_view key_name = "registration") {
    const std::string key = base64_decode(base64_key).value();
    const std::string resource = std::string(scope) + "/registrations/" + std::string(id);
    return protocol::sas::make_token({resource, key, 1893456000, key_name});
}

inline std::string derived(std::string_view group_key, std::string_view id) {
    return protocol::sas::derive_key(base64_decode(group_key).value(), id);
}

inline Caller caller_of(std::string_view id, std::string_view base64_key = key_1) {
    Caller caller;
    caller.scope = scope;
    caller.id = id_of(id);
    caller.token = token_of(id, base64_key);
    caller.client = "192.0.2.1";
    return caller;
}

class TestService {
public:
    explicit TestService(std::vector<LinkedHub> hubs = {{.host = "localhost"}},
                         hub::Settings hub_settings = {}, Rates rates = {0, 0, 0})
        : hub(with_names(std::move(hub_settings), hubs)) {
        settings.id_scope = scope;
        settings.hubs = std::move(hubs);
        settings.rates = rates;
        open();
    }

    void open() {
        registry_ = std::make_unique<prometheus::Registry>();
        metrics_ = std::make_unique<Metrics>(*registry_);
        Provisioning::Seams seams;
        seams.authorities = authorities;
        seams.webhook = webhook;
        seams.ask_hub = [this](std::size_t, HubRequest request) -> Task<Result<HubAnswer>> {
            const auto found = foreign.find(request.host);
            if (found == foreign.end()) co_return failure(Code::unavailable, "no such host");
            co_return found->second->answer(request);
        };
        // Time passes at once; what is under way beside it goes on.
        seams.wait = [this](std::size_t, std::chrono::milliseconds time) -> Task<bool> {
            co_await asio::post(hub.hub().shards().pool(), asio::use_awaitable);
            waits.push_back(time);
            hub.clock().advance(time);
            if (during_wait) during_wait();
            co_return true;
        };
        auto opened = Provisioning::open(settings, hub.hub(), *metrics_, std::move(seams));
        CHECK(opened.has_value());
        service_ = std::move(*opened);
    }
    // The machine ends in the middle of whatever it does, and starts again.
    void crash() {
        service_.reset();
        CHECK(hub.crash().has_value());
        open();
    }
    void restart_service() {
        service_.reset();
        open();
    }

    Provisioning* operator->() { return service_.get(); }
    Provisioning& service() { return *service_; }
    Metrics& metrics() { return *metrics_; }

    Enrollment put(EnrollmentWish wish, twin::Match match = {}) {
        const auto made = hub.run(service_->put(std::move(wish), std::move(match)));
        EXPECT_TRUE(made) << (made ? "" : made.error().message + made.error().where);
        return made.value_or(EnrollmentView{}).enrollment;
    }
    // Registers and waits for the result.
    Registration provision(const Caller& caller, std::string body = {}) {
        const Outcome begun = run(service_->register_device(caller, std::move(body)));
        EXPECT_TRUE(begun) << (begun ? "" : begun.error().error.message);
        hub.settle();
        const auto found = hub.run(service_->registration(caller.id));
        EXPECT_TRUE(found) << (found ? "" : found.error().message);
        return found.value_or(Registration{});
    }
    // Links a hub that is there from now on.
    FakeHub& link(const std::string& host, std::uint64_t weight = 1) {
        auto& made = foreign[host];
        made = std::make_unique<FakeHub>(host);
        const auto linked =
            hub.run(service_->put_link({.host = host,
                                        .connection_string = made->connection_string(),
                                        .weight = weight,
                                        .applies = {}},
                                       {}));
        EXPECT_TRUE(linked) << (linked ? "" : linked.error().message);
        return *made;
    }
    Outcome run(Task<Outcome> task) { return hub.run(std::move(task)); }

    hub::testing::TestHub hub;
    Settings settings;
    Authorities authorities;
    Webhook webhook;
    std::map<std::string, std::unique_ptr<FakeHub>> foreign;
    std::vector<std::chrono::milliseconds> waits;
    std::function<void()> during_wait;

private:
    static hub::Settings with_names(hub::Settings settings, const std::vector<LinkedHub>& hubs) {
        settings.name = hubs.empty() ? "localhost" : hubs.front().host;
        for (std::size_t i = 1; i < hubs.size(); ++i) settings.aliases.push_back(hubs[i].host);
        return settings;
    }
    std::unique_ptr<prometheus::Registry> registry_;
    std::unique_ptr<Metrics> metrics_;
    std::unique_ptr<Provisioning> service_;
};

}  // namespace twinhub::provisioning::testing
