#include "apps/config/load.h"

#include "apps/config/settings.h"
#include "apps/test_folders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace twinhub::apps {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ConfigFile : public testing::Test {
protected:
    std::string write(std::string_view text) {
        const std::string file = (folder_.path() / "twinhub.yaml").string();
        std::ofstream(file) << text;
        return file;
    }
    Loaded load_text(std::string_view text) {
        return load({.file = write(text), .variable = {}, .flags = {}});
    }

    TemporaryFolder folder_;
};

TEST_F(ConfigFile, NamesEveryMistakeAtOnceWithItsLine) {
    const Loaded loaded = load_text(
        "hub:\n  name: \"not a host\"\n  colour: red\nlisten:\n  https_port: 99999\n"
        "  addresses: [127.0.0.1, here]\nhistory:\n  age: 30\nlog: {level: loud}\nwat: 1\n"
        "loops: [1, 2]\ntls: 5\nauth:\n  device_sas: perhaps\n");
    const std::string f = loaded.file;
    EXPECT_THAT(
        loaded.mistakes,
        ElementsAre(f + ":2: hub.name must be a host name without port, not 'not a host'",
                    f + ":3: hub.colour is not a setting",
                    f + ":5: listen.https_port must be a port, 0 to 65535 (0 = any free one), or "
                        "off, not '99999'",
                    f + ":6: listen.addresses must be an IPv4 or IPv6 address, not 'here'",
                    f + ":8: history.age must be a time of 0s to 3660d with a unit (ms, s, m, h, "
                        "d), not '30'",
                    f + ":9: log.level must be one of debug, info, warn, error, not 'loud'",
                    f + ":10: wat is not a setting", f + ":11: loops must be one value, not a list",
                    f + ":12: tls must be a group of settings",
                    f + ":14: auth.device_sas must be true or false, not 'perhaps'"));
}

TEST_F(ConfigFile, FlagsWinOverEnvironmentOverFileOverDefaults) {
    const std::string file =
        write("listen:\n  https_port: 1001\n  mqtt_port: 1002\nmetrics:\n  port: 1003\n");
    const auto variable = [](const char* name) -> const char* {
        if (std::string_view(name) == "TWINHUB_LISTEN_MQTT_PORT") return "2002";
        if (std::string_view(name) == "TWINHUB_METRICS_PORT") return "2003";
        if (std::string_view(name) == "TWINHUB_HUB_ALIASES") return "a.example, b.example";
        return nullptr;
    };
    const Loaded loaded =
        load({.file = file, .variable = variable, .flags = {{"metrics.port", {"3003"}}}});
    EXPECT_THAT(loaded.mistakes, testing::IsEmpty());
    EXPECT_EQ(loaded.config.https_port, 1001);
    EXPECT_EQ(loaded.config.mqtt_port, 2002);
    EXPECT_EQ(loaded.config.metrics_port, 3003);
    EXPECT_EQ(loaded.config.listen_backlog, Config{}.listen_backlog);
    EXPECT_THAT(loaded.config.hub_aliases, ElementsAre("a.example", "b.example"));
}

TEST_F(ConfigFile, MistakesInEnvironmentAndFlagsNameTheirSource) {
    const auto variable = [](const char* name) -> const char* {
        return std::string_view(name) == "TWINHUB_LOOPS" ? "many" : nullptr;
    };
    const Loaded loaded =
        load({.file = write(""), .variable = variable, .flags = {{"log.format", {"xml"}}}});
    EXPECT_THAT(loaded.mistakes,
                ElementsAre("TWINHUB_LOOPS: must be a number, 0 to 256, not 'many'",
                            "--log-format: must be one of text, json, not 'xml'"));
}

TEST_F(ConfigFile, ListsSinks) {
    const Loaded loaded = load_text(
        "sinks:\n  - kind: file\n    name: archive\n    path: /tmp/a\n    file_bytes_max: 1MiB\n"
        "    file_age_max: 2h\n    files_max: 3\n"
        "  - {name: hook, kind: webhook, url: 'https://h/x', delay: 0s}\n");
    EXPECT_THAT(loaded.mistakes, testing::IsEmpty());
    ASSERT_EQ(loaded.config.sinks.size(), 2u);
    const SinkConfig& file = loaded.config.sinks[0];
    EXPECT_EQ(file.name, "archive");
    EXPECT_EQ(file.file_bytes_max, 1u << 20);
    EXPECT_EQ(file.file_age_max, std::chrono::hours(2));
    EXPECT_EQ(file.files_max, 3u);
    EXPECT_EQ(loaded.config.sinks[1].kind, SinkKind::webhook);
    EXPECT_EQ(loaded.config.sinks[1].delay.count(), 0);
    EXPECT_EQ(load_text(to_yaml(loaded.config)).config, loaded.config);
}

TEST_F(ConfigFile, ListsRoutesAndTheirSinks) {
    const Loaded loaded = load_text(
        "routes:\n  - name: changes\n    sources: [twinChangeEvents, DeviceLifecycleEvents]\n"
        "    condition: $twin.tags.site = 'EU'\n    project: [$body.version, opType AS what]\n"
        "    sink: stream\n    dead_letter: archive\n    start: oldest\n    attempts: 5\n"
        "  - {name: off, sources: DeviceMessages, sink: broker, enabled: false}\n"
        "sinks:\n  - {kind: kafka, name: stream, brokers: 'k1:9093, k2:9093', topic: twins}\n"
        "  - {kind: mqtt, name: broker, address: 'mqtt.local', topic: 't/{deviceId}'}\n"
        "  - {kind: file, name: archive, path: /tmp/a}\n");
    ASSERT_THAT(loaded.mistakes, testing::IsEmpty());
    ASSERT_EQ(loaded.config.routes.size(), 2u);
    const RouteConfig& changes = loaded.config.routes[0];
    EXPECT_THAT(changes.settings.sources,
                ElementsAre(hub::EventSource::twin_changes, hub::EventSource::lifecycle));
    EXPECT_EQ(changes.settings.condition, "$twin.tags.site = 'EU'");
    EXPECT_THAT(changes.settings.project, ElementsAre("$body.version", "opType AS what"));
    EXPECT_EQ(changes.settings.dead_letter, "archive");
    EXPECT_TRUE(changes.from_oldest);
    EXPECT_EQ(changes.attempts_max, 5u);
    EXPECT_FALSE(loaded.config.routes[1].settings.enabled);
    EXPECT_EQ(loaded.config.sinks[0].brokers, "k1:9093, k2:9093");
    // What is shown can be read again.
    EXPECT_EQ(load_text(to_yaml(loaded.config)).config.routes, loaded.config.routes);
    EXPECT_EQ(load_text(to_yaml(loaded.config)).config.sinks, loaded.config.sinks);
}

TEST_F(ConfigFile, NamesWhatIsWrongWithRoutes) {
    const Loaded loaded = load_text(
        "routes:\n  - {name: a, sources: TwinChangeEvents, sink: nowhere}\n"
        "  - {name: a, sources: [Wat], sink: f}\n"
        "  - {name: b, sources: DeviceMessages, sink: f, condition: 'x ='}\n"
        "  - {name: c, sources: DeviceMessages, sink: f, wat: 1, enabled: maybe}\n"
        "  - {name: 'd e', sink: f, dead_letter: f}\n  - text\n"
        "sinks:\n  - {kind: file, name: f, path: /tmp/f}\n"
        "  - {kind: mqtt, name: m, address: 'x:99999', topic: 'a/#', tls: maybe}\n");
    const std::string f = loaded.file;
    for (const std::string& wanted :
         {f + ":2: routes: 'a' has a sink that is not there: 'nowhere'",
          f + ":3: routes: sources must be TwinChangeEvents, DeviceLifecycleEvents, "
              "DeviceConnectionStateEvents, DriftChangeEvents, DeviceMessages, RolloutEvents, "
              "JobEvents or ConfigurationEvents, not 'Wat'",
          f + ":3: routes: 'a' is the name of two", f + ":3: routes: 'a' needs sources",
          f + ":5: routes: wat is not a setting of a route",
          f + ":5: routes: enabled must be true or false, not 'maybe'",
          f + ":6: routes: 'd e' must have a name of 1 to 64 letters, digits, - and _",
          f + ":6: routes: 'd e' has its own sink as dead_letter",
          f + ":7: a route must be settings by name",
          std::string("sinks: 'm' is named by no route, which a mqtt needs"),
          std::string("sinks: 'm' needs an address, host or host:port"),
          std::string("sinks: 'm' has a topic with a wildcard"),
          std::string("sinks: 'm' has a tls that is none: 'maybe'")})
        EXPECT_THAT(loaded.mistakes, testing::Contains(wanted));
    EXPECT_THAT(loaded.mistakes,
                ::testing::Contains(::testing::AllOf(HasSubstr(":4: routes: 'b' has a condition"),
                                                     HasSubstr("line 1, column 4"))));
}

TEST_F(ConfigFile, NamesWhatIsWrongWithSinks) {
    const Loaded loaded = load_text(
        "sinks:\n  - {name: a}\n  - {kind: queue}\n  - {kind: file, name: b, url: x}\n"
        "  - {kind: file, name: b, path: /tmp/b, files_max: 0}\n"
        "  - {kind: webhook, name: c, url: 'http://h/', secret_file: /nowhere/s, wat: 1}\n  - 7\n");
    const std::string f = loaded.file;
    EXPECT_THAT(
        loaded.mistakes,
        testing::IsSupersetOf(
            {f + ":2: a sink needs a kind: file, webhook, kafka or mqtt",
             f + ":3: sinks: kind must be file, webhook, kafka or mqtt, not 'queue'",
             f + ":4: sinks: url is not a setting of a file",
             f + ":5: sinks: files_max must be a number, 1 to 1000, not '0'",
             f + ":6: sinks: wat is not a setting of a sink",
             f + ":7: a sink must be settings by name", std::string("sinks: 'b' needs a path"),
             std::string("sinks: 'b' is the name of two"),
             std::string("sinks: 'c' needs a url: the address must begin with https://"),
             std::string("sinks: 'c' has a secret_file that cannot be read: '/nowhere/s'")}));
    EXPECT_THAT(load_text("sinks: {a: b}\n").mistakes, ElementsAre(HasSubstr("must be a list")));
}

TEST_F(ConfigFile, LooksAtTheWhole) {
    const Loaded loaded =
        load_text("listen: {https_port: 9464}\ntls: {certificates: [/nowhere/a.pem]}\n");
    EXPECT_THAT(loaded.mistakes,
                ElementsAre(HasSubstr("tls.keys: must be as many"),
                            HasSubstr("'/nowhere/a.pem' cannot be read"),
                            "metrics.port: port 9464 is that of listen.https_port already"));
}

TEST_F(ConfigFile, RefusesWhatIsNotYamlAndAFileThatIsNotThere) {
    EXPECT_THAT(load_text("hub: [").mistakes, ElementsAre(HasSubstr("is not YAML")));
    EXPECT_THAT(load({.file = "/nowhere/twinhub.yaml", .variable = {}, .flags = {}}).mistakes,
                ElementsAre("/nowhere/twinhub.yaml: cannot be read"));
}

TEST_F(ConfigFile, WhatIsShownReadsBackTheSame) {
    Config config;
    config.hub_name = "twins.example.com";
    config.hub_aliases = {"a", "b"};
    config.plain_http_port = 0;
    config.metrics_port.reset();
    config.history_age = std::chrono::milliseconds{1500};
    config.store_cache_bytes = 5000;
    config.store_cache_bytes <<= 20;
    config.log_level = LogLevel::warn;
    config.tls_key_type = KeyType::rsa;
    const Loaded loaded = load_text(to_yaml(config));
    EXPECT_THAT(loaded.mistakes, testing::IsEmpty());
    EXPECT_EQ(loaded.config, config);
}

TEST(Settings, TheDefaultsKeepTheRules) {
    EXPECT_THAT(check(Config{}), testing::IsEmpty());
    for (const Setting& setting : settings()) {
        Config config;
        EXPECT_TRUE(assign(setting, config, texts_of(setting, Config{}))) << setting.path;
        EXPECT_EQ(config, Config{}) << setting.path;
    }
}

TEST(Settings, EachHasItsOwnName) {
    std::set<std::string> names;
    for (const Setting& setting : settings()) {
        EXPECT_TRUE(names.insert(setting.flag()).second) << setting.path;
        EXPECT_TRUE(names.insert(setting.variable()).second) << setting.path;
    }
}

// `twinhub config document > docs/configuration.md` brings it up to date.
TEST(Settings, AreThoseOfTheDocument) {
    std::ifstream file(project_folder() / "docs" / "configuration.md");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(text, to_markdown());
}

}  // namespace
}  // namespace twinhub::apps
