#include "hub/testing/registry_calls.h"

#include <gmock/gmock.h>

namespace twinhub::hub {
namespace {

using namespace testing;

// An edge device below the one with this scope.
Identity edge_below(TestHub& hub, const std::string& scope, std::string_view device) {
    IdentitySpec spec = edge_spec(device);
    spec.parent_scopes = {scope};
    return *hub.create(spec).identity;
}

TEST(Scopes, AnEdgeDeviceBringsItsScopeAndItsRuntime) {
    TestHub hub;
    IdentitySpec spec = edge_spec("edge-1");
    spec.device_scope = "whatever the client says";
    const IdentityView made = hub.create(spec);
    EXPECT_EQ(made.identity->device_scope,
              "ms-azure-iot-edge://edge-1-" + made.identity->generation_id);
    EXPECT_TRUE(made.identity->parent_scopes.empty());
    EXPECT_EQ(device_of_scope(made.identity->device_scope)->text(), "edge-1");
    for (const char* name : {"$edgeAgent", "$edgeHub"}) {
        const auto module = get(hub, id_of("edge-1", name));
        ASSERT_TRUE(module) << name;
        EXPECT_EQ(module->identity->managed_by, "iotEdge");
        EXPECT_EQ(module->identity->authentication.type, AuthenticationType::none);
        EXPECT_TRUE(hub.run(hub.twins().get(id_of("edge-1", name))));
    }
    EXPECT_EQ(wrong_with(hub), "");
}

TEST(Scopes, TheRuntimeComesAndGoesWithTheCapability) {
    TestHub hub;
    hub.create(spec_of("d1"));
    const auto edge = update(hub, edge_spec("d1"));
    ASSERT_TRUE(edge);
    EXPECT_NE(edge->identity->device_scope, "");
    EXPECT_TRUE(get(hub, id_of("d1", "$edgeAgent")));
    const auto leaf = update(hub, spec_of("d1"));
    ASSERT_TRUE(leaf);
    EXPECT_EQ(leaf->identity->device_scope, "");
    EXPECT_EQ(code_of(get(hub, id_of("d1", "$edgeAgent"))), Code::module_not_found);
    EXPECT_TRUE(update(hub, edge_spec("d1")));
    EXPECT_TRUE(get(hub, id_of("d1", "$edgeHub")));
    EXPECT_EQ(wrong_with(hub), "");
}

TEST(Scopes, TheRuntimeIsNotRemovedAlone) {
    TestHub hub;
    hub.create(edge_spec("d1"));
    EXPECT_EQ(code_of(remove(hub, id_of("d1", "$edgeHub"))), Code::system_module_immutable);
    EXPECT_TRUE(get(hub, id_of("d1", "$edgeHub")));
    EXPECT_TRUE(remove(hub, id_of("d1")));
    EXPECT_EQ(code_of(remove(hub, id_of("d1", "$edgeHub"))), Code::device_not_found);
    EXPECT_EQ(wrong_with(hub), "");
}

TEST(Scopes, AnEdgeDeviceMustEchoItsOwnScope) {
    TestHub hub;
    const Identity made = *hub.create(edge_spec("d1")).identity;
    EXPECT_TRUE(update(hub, echo(made)));
    for (const char* other : {"", "ms-azure-iot-edge://d1-1"}) {
        IdentitySpec spec = echo(made);
        spec.device_scope = other;
        const auto refused = update(hub, spec);
        EXPECT_EQ(code_of(refused), Code::device_scope_invalid) << other;
        EXPECT_EQ(refused.error().message, "Device scope is immutable");
    }
}

TEST(Scopes, AnEdgeDeviceThatBecomesALeafMayEchoItsOwnScope) {
    TestHub hub;
    const std::string parent = hub.create(edge_spec("parent")).identity->device_scope;
    const Identity made = edge_below(hub, parent, "d1");
    IdentitySpec leaf = echo(made);
    leaf.iot_edge = false;
    leaf.device_scope = "ms-azure-iot-edge://d1-1";
    EXPECT_EQ(code_of(update(hub, leaf)), Code::device_scope_invalid);
    leaf.device_scope = made.device_scope;
    const auto changed = update(hub, leaf);
    ASSERT_TRUE(changed) << changed.error().message;
    EXPECT_FALSE(changed->identity->iot_edge);
    EXPECT_EQ(changed->identity->device_scope, "");
    EXPECT_TRUE(changed->identity->parent_scopes.empty());
    // As an edge device it may not name itself as its parent.
    IdentitySpec own = echo(made);
    own.parent_scopes = {made.device_scope};
    EXPECT_EQ(code_of(update(hub, own)), Code::device_scope_invalid);
    EXPECT_EQ(wrong_with(hub), "");
}

TEST(Scopes, ALeafHangsBelowItsParent) {
    TestHub hub;
    const std::string parent = hub.create(edge_spec("edge")).identity->device_scope;
    const std::string other = hub.create(edge_spec("other")).identity->device_scope;
    IdentitySpec spec = spec_of("leaf");
    spec.device_scope = parent;
    const Identity leaf = *hub.create(spec).identity;
    EXPECT_EQ(leaf.device_scope, parent);
    EXPECT_THAT(leaf.parent_scopes, ::testing::ElementsAre(parent));
    // The command line moves a leaf with the new scope and the old parent, and detaches it so too.
    spec.parent_scopes = {parent};
    spec.device_scope = other;
    EXPECT_THAT(update(hub, spec)->identity->parent_scopes, ::testing::ElementsAre(other));
    spec.device_scope = "";
    EXPECT_TRUE(update(hub, spec)->identity->parent_scopes.empty());
    // A parent alone says nothing to a leaf.
    spec.device_scope.reset();
    EXPECT_EQ(update(hub, spec)->identity->device_scope, "");
}

TEST(Scopes, AnEdgeDeviceHangsBelowAnother) {
    TestHub hub;
    const std::string parent = hub.create(edge_spec("parent")).identity->device_scope;
    const Identity child = edge_below(hub, parent, "child");
    EXPECT_THAT(child.parent_scopes, ::testing::ElementsAre(parent));
    IdentitySpec detached = echo(child);
    detached.parent_scopes.reset();
    EXPECT_TRUE(update(hub, detached)->identity->parent_scopes.empty());
}

TEST(Scopes, AScopeMustNameAnEdgeDevice) {
    TestHub hub;
    const Identity leaf = *hub.create(spec_of("leaf")).identity;
    const Identity edge = *hub.create(edge_spec("edge")).identity;
    for (const std::string& scope :
         {std::string("8b1a"), std::string("ms-azure-iot-edge://nobody-1"),
          "ms-azure-iot-edge://leaf-" + leaf.generation_id, edge.device_scope + "0"}) {
        IdentitySpec spec = spec_of("leaf");
        spec.device_scope = scope;
        EXPECT_EQ(code_of(update(hub, spec)), Code::device_scope_invalid) << scope;
        spec.id = id_of("new");
        EXPECT_EQ(code_of(hub.run(hub.registry().create(spec, author_of()))),
                  Code::device_scope_invalid)
            << scope;
    }
}

TEST(Scopes, ALeafKeepsTheScopeOfADeletedParent) {
    TestHub hub;
    IdentitySpec spec = spec_of("leaf");
    spec.device_scope = hub.create(edge_spec("edge")).identity->device_scope;
    hub.create(spec);
    ASSERT_TRUE(remove(hub, id_of("edge")));
    EXPECT_EQ(update(hub, spec)->identity->device_scope, spec.device_scope);
    spec.id = id_of("missing");
    EXPECT_EQ(code_of(update(hub, spec)), Code::device_not_found);
}

TEST(Scopes, ALeafThatBecomesAnEdgeDeviceKeepsItsParent) {
    TestHub hub;
    const std::string parent = hub.create(edge_spec("parent")).identity->device_scope;
    IdentitySpec spec = spec_of("d1");
    spec.device_scope = parent;
    hub.create(spec);
    spec.iot_edge = true;
    spec.device_scope = "";
    const auto edge = update(hub, spec);
    ASSERT_TRUE(edge);
    EXPECT_THAT(edge->identity->parent_scopes, ::testing::ElementsAre(parent));
    EXPECT_NE(edge->identity->device_scope, parent);
}

TEST(Scopes, NoDeviceIsItsOwnAncestor) {
    TestHub hub;
    const Identity a = *hub.create(edge_spec("a")).identity;
    const Identity b = edge_below(hub, a.device_scope, "b");
    const Identity c = edge_below(hub, b.device_scope, "c");
    for (const Identity& below : {a, b, c}) {
        IdentitySpec spec = echo(a);
        spec.parent_scopes = {below.device_scope};
        EXPECT_EQ(code_of(update(hub, spec)), Code::device_scope_invalid) << below.id.text();
    }
}

}  // namespace
}  // namespace twinhub::hub
