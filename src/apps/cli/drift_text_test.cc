#include "apps/cli/drift_text.h"

#include <gtest/gtest.h>

namespace twinhub::apps::cli {
namespace {

json::object object(std::string_view text) { return parse_json(text).value().as_object(); }

TEST(DriftText, SaysWhatDiffersSinceWhenAndWhoAskedForIt) {
    EXPECT_EQ(explained_drift("pump-1", object(R"({
        "state":"rejected","since":"2026-03-01T10:00:00Z","fresh":true,
        "asOf":"2026-03-01T13:00:00Z",
        "connection":{"state":"Connected","since":"2026-03-01T09:00:00Z"},
        "counts":{"converged":2,"rejected":1},
        "properties":[
          {"path":"fan.mode","state":"converged","desired":1,"reported":1},
          {"path":"fan.speed","state":"rejected","reason":"refused",
           "since":"2026-03-01T10:00:00Z","desired":3,"reported":1,"code":400,"words":"too fast",
           "ledger":{"wanted":{"at":"2026-03-01T09:59:00Z","version":7}},
           "by":{"kind":"configuration","id":"cam-base","version":3,"person":"ada",
                 "client":"10.0.0.1"},
           "wantedBy":[
             {"configuration":"cam-base","version":3,"priority":9,"value":3,"wins":true},
             {"configuration":"cam-old","version":1,"priority":1,"value":null,"wins":false}]}]})")),
              "pump-1: rejected since 2026-03-01T10:00:00Z (3 h)\n"
              "connected since 2026-03-01T09:00:00Z (4 h)\n"
              "\n"
              "fan.speed  rejected since 2026-03-01T10:00:00Z (3 h)\n"
              "    the device  refused, code 400: \"too fast\"\n"
              "    reported    1\n"
              "    desired     3  version 7 of 2026-03-01T09:59:00Z, asked by configuration "
              "cam-base version 3 for ada from 10.0.0.1\n"
              "    wanted by   cam-base of priority 9: 3, which wins\n"
              "                cam-old of priority 1: nothing\n"
              "\n"
              "2 properties have converged.\n");
}

TEST(DriftText, TellsAnAbsentDeviceFromASilentOne) {
    const std::string absent = explained_drift("d", object(R"({
        "state":"offline","since":"2026-03-01T10:00:00Z","fresh":false,
        "asOf":"2026-03-09T10:00:00Z",
        "connection":{"state":"Disconnected","lastActivityTime":"2026-02-01T00:00:00Z"},
        "counts":{"offline":1},
        "properties":[{"path":"p","state":"offline","reason":"unreported",
           "since":"2026-03-01T10:00:00Z","desired":3}]})"));
    EXPECT_EQ(absent,
              "d: offline since 2026-03-01T10:00:00Z (8 days), as last known\n"
              "not connected, last heard of 2026-02-01T00:00:00Z\n"
              "\n"
              "p  offline since 2026-03-01T10:00:00Z (8 days)\n"
              "    the device  has never reported it\n"
              "    reported    nothing\n"
              "    desired     3\n");
}

TEST(DriftText, SaysWhatSetsThemApart) {
    EXPECT_EQ(explained_reasons(object(R"({"set":4,"baseline":8,"considered":3,"factors":[
        {"path":"properties.reported.hw","value":"S2","inSet":1.0,"inBaseline":0.125,"devices":4,
         "lift":6.0,"score":0.875}]})")),
              "4 devices asked about, 8 to compare with, 3 paths looked at\n"
              "100.0% of them and  12.5% of the others  properties.reported.hw = \"S2\"  (4 "
              "devices, lift 6.0, score 0.88)\n");
    EXPECT_EQ(explained_reasons(object(R"({"set":0,"baseline":8,"considered":0,"factors":[]})")),
              "0 devices asked about, 8 to compare with, 0 paths looked at\n"
              "nothing that devices report or are tagged with sets them apart\n");
}

TEST(DriftText, SaysAgesShortly) {
    EXPECT_EQ(age_between("2026-03-01T10:00:00Z", "2026-03-01T10:01:30Z"), "90 s");
    EXPECT_EQ(age_between("2026-03-01T10:00:00Z", "2026-03-01T11:30:00Z"), "90 min");
    EXPECT_EQ(age_between("2026-03-01T10:00:00Z", "2026-03-02T11:30:00Z"), "25 h");
    EXPECT_EQ(age_between("2026-03-01T10:00:00Z", "2026-02-01T10:00:00Z"), "");
    EXPECT_EQ(age_between("", "x"), "");
}

}  // namespace
}  // namespace twinhub::apps::cli
