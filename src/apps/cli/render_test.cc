#include "apps/cli/render.h"

#include "apps/cli/explain.h"
#include "apps/cli/generic_update.h"
#include "apps/test_folders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace twinhub::apps::cli {
namespace {

json::value operator""_json(const char* text, std::size_t size) {
    return parse_json({text, size}).value();
}

const std::vector<Column> columns{
    {"Id", "id"}, {"Edge", "capabilities.iotEdge"}, {"Reason", "reason"}};

TEST(Render, JsonIsIndented) {
    EXPECT_EQ(render(R"({"a":[1,{"b":null}],"c":{},"d":"x\"y"})"_json, {}, "json"),
              "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ],\n  \"c\": {},\n  "
              "\"d\": \"x\\\"y\"\n}\n");
    EXPECT_EQ(render("[]"_json, {}, "json"), "[]\n");
    EXPECT_EQ(render("[1]"_json, {}, "none"), "");
}

TEST(Render, ATableHasTheColumnsOfItsCommand) {
    EXPECT_EQ(
        render(
            R"([{"id":"a","capabilities":{"iotEdge":true},"more":1},{"id":"grün","reason":"x\ny\u001b"}])"_json,
            columns, "table"),
        "Id    Edge  Reason\n"
        "----  ----  ------\n"
        "a     true\n"
        "grün        x\\ny?\n");
    EXPECT_EQ(render("[]"_json, columns, "table"), "");
}

TEST(Render, ATableWithoutColumnsShowsEveryScalar) {
    EXPECT_EQ(render(R"([{"a":1,"b":{"c":2}},{"d":1.5}])"_json, {}, "table"),
              "A  D\n-  ---\n1\n   1.5\n");
    EXPECT_EQ(render(R"(["x","y"])"_json, {}, "table"), "Result\n------\nx\ny\n");
}

TEST(Render, TsvHasALineAnItem) {
    EXPECT_EQ(render(R"([{"a":"x\ty","b":null,"c":[1]},{"a":true}])"_json, {}, "tsv"),
              "x\\ty\t\t[1]\ntrue\n");
    EXPECT_EQ(render(R"({"connectionString":"HostName=h"})"_json, {}, "tsv"), "HostName=h\n");
}

TEST(Render, NdjsonIsALineAnItem) {
    EXPECT_EQ(render(R"([{"a":"x\ny","b":null},{}])"_json, {}, "ndjson"),
              "{\"a\":\"x\\ny\",\"b\":null}\n{}\n");
    EXPECT_EQ(render(R"({"a":1})"_json, {}, "ndjson"), "{\"a\":1}\n");
    EXPECT_EQ(render("[]"_json, {}, "ndjson"), "");
}

TEST(Render, LinesKeepThePlacesOfTheirColumns) {
    const json::value items = R"([{"id":"a","n.m":1},{"n.m":2,"more":3}])"_json;
    const std::vector<Column> two{{"id", "id"}, {"n.m", "n.m"}};
    EXPECT_EQ(render_lines(items.as_array(), two, "tsv"), "a\t1\n\t2\n");
    EXPECT_EQ(render_lines(items.as_array(), {}, "tsv"), "a\t1\n2\t3\n");
    EXPECT_EQ(render_lines(items.as_array(), two, "ndjson"),
              "{\"id\":\"a\",\"n.m\":1}\n{\"n.m\":2,\"more\":3}\n");
}

TEST(Explained, ShowsStepsAsTablesAndFactsAsLines) {
    EXPECT_EQ(explained(R"([{"plan":[{"op":"codes","est":12},{"op":"scan","est":3}],"filters":[],
                             "notes":["a","b"],"estRows":3,"time":"1 ms"}])"_json.as_array()),
              "plan:\n"
              "  Op     Est\n"
              "  -----  ---\n"
              "  codes  12\n"
              "  scan   3\n"
              "filters: none\n"
              "notes:\n"
              "  a\n"
              "  b\n"
              "estRows: 3\n"
              "time: 1 ms\n");
}

TEST(Render, YamlKeepsEveryKindOfValueApart) {
    EXPECT_EQ(
        render(
            R"({"a":"word","b":"true","c":"1","d":[1,{"e":null,"f":"x: y"}],"g":{},"h":{"i":"","j":[]}, "true": 2})"_json,
            {}, "yaml"),
        "a: word\nb: \"true\"\nc: \"1\"\nd:\n- 1\n- e: null\n  f: \"x: y\"\ng: {}\nh:\n  i: \"\"\n "
        " j: []\n\"true\": 2\n");
    EXPECT_EQ(to_yaml(R"([[1,2],[{"a":1}]])"_json), "- - 1\n  - 2\n- - a: 1\n");
}

Arguments updates(const char* name, std::vector<std::string> values) {
    Arguments arguments;
    arguments.set(name, std::move(values));
    return arguments;
}

TEST(GenericUpdate, SetsAddsAndRemoves) {
    struct Row {
        const char* name;
        std::vector<std::string> values;
        const char* after;
    };
    const Row rows[] = {
        {"set",
         {"a.b=5", "c=word", "d={\"e\":1}"},
         R"({"a":{"b":5},"list":[1,2],"c":"word","d":{"e":1}})"},
        {"set", {"list[1]=null"}, R"({"a":{"b":1},"list":[1,null]})"},
        {"set", {"a.x.y=true"}, R"({"a":{"b":1,"x":{"y":true}},"list":[1,2]})"},
        {"add", {"list", "3", "x"}, R"({"a":{"b":1},"list":[1,2,3,"x"]})"},
        {"add", {"list", "k=1", "l=w"}, R"({"a":{"b":1},"list":[1,2,{"k":1,"l":"w"}]})"},
        {"remove", {"a.b"}, R"({"a":{},"list":[1,2]})"},
        {"remove", {"list", "0"}, R"({"a":{"b":1},"list":[2]})"},
    };
    for (const Row& row : rows) {
        json::value document = R"({"a":{"b":1},"list":[1,2]})"_json;
        const auto done = apply_generic_updates(document, updates(row.name, row.values));
        ASSERT_TRUE(done) << done.error().message;
        EXPECT_EQ(to_text(document), row.after);
    }
}

TEST(GenericUpdate, SaysWhatIsWrong) {
    struct Row {
        const char* name;
        std::vector<std::string> values;
        const char* reason;
    };
    const Row rows[] = {
        {"set", {"nothing"}, "--set takes path=value, not 'nothing'"},
        {"set", {"list[9]=1"}, "'list[9]' leads to no item of a list"},
        {"set", {"a..b=1"}, "'a..b' is not a path: a name is missing"},
        {"set", {"list[x]=1"}, "'list[x]' is not a path: after '[' comes an index and ']'"},
        {"set", {"a.b.c=1"}, "'a.b.c' leads into something that is not an object"},
        {"add", {"list"}, "--add takes the path of a list and a value, or key=value pairs"},
        {"add", {"a", "1"}, "'a' is not a list"},
        {"remove", {"zzz"}, "'zzz' is not there"},
    };
    for (const Row& row : rows) {
        json::value document = R"({"a":{"b":1},"list":[1,2]})"_json;
        const auto done = apply_generic_updates(document, updates(row.name, row.values));
        ASSERT_FALSE(done) << row.reason;
        EXPECT_EQ(done.error().message, row.reason);
    }
}

TEST(JsonArgument, IsInlineOrTheNameOfAFile) {
    const TemporaryFolder folder;
    const std::string file = (folder.path() / "twin.json").string();
    std::ofstream(file) << R"({"from":"file"})";
    EXPECT_EQ(to_text(read_object_argument("tags", R"({"a":1})").value()), R"({"a":1})");
    EXPECT_EQ(to_text(read_object_argument("tags", file).value()), R"({"from":"file"})");
    EXPECT_THAT(read_object_argument("tags", "{oops").error().message,
                testing::StartsWith("--tags is neither JSON nor the path of a file with it: "));
}

}  // namespace
}  // namespace twinhub::apps::cli
