#include "apps/cli/command.h"
#include "apps/cli/parse.h"
#include "apps/config/config.h"
#include "apps/keys/data_folder.h"
#include "apps/keys/policies_file.h"
#include "apps/test_folders.h"
#include "apps/version.h"
#include "base/clock.h"
#include "base/random.h"
#include "query/compile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

namespace twinhub::apps::cli {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Answer {
    int code;
    std::string out;
    std::string err;
};

// Runs the program with these words; the environment is what the test says.
class Program : public testing::Test {
protected:
    Answer run(std::vector<std::string> words) {
        std::ostringstream out, err;
        const auto variable = [this](const char* name) -> const char* {
            const auto found = variables_.find(name);
            return found == variables_.end() ? nullptr : found->second.c_str();
        };
        const auto serve = [this](const Config& config) {
            served_ = config;
            return 0;
        };
        const Surroundings around{out, err, variable, serve};
        const int code = cli::run(words, around);
        return {code, out.str(), err.str()};
    }

    TemporaryFolder folder_;
    std::map<std::string, std::string> variables_{
        {"TWINHUB_DATA", (folder_.path() / "data").string()}};
    std::optional<Config> served_;
};

TEST_F(Program, WrongUsageEndsWithTwoAndOneHelpfulLine) {
    struct Row {
        std::vector<std::string> words;
        std::string line;
    };
    const std::string login = "HostName=h;SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0";
    const Row rows[] = {
        {{"fly"}, "twinhub: 'fly' is no command (see twinhub --help)"},
        {{"device-twin"},
         "twinhub: 'device-twin' goes on with one of: list, show, update, replace, "
         "history, diff, restore-all, restore"},
        {{"device-twin", "paint"},
         "twinhub: 'device-twin paint' is no command; after 'device-twin' comes one of: list, "
         "show, update, replace, history, diff, restore-all, restore"},
        {{"device-twin", "show"},
         "twinhub device-twin show: --device-id is required (see twinhub device-twin show --help)"},
        {{"device-twin", "show", "-d"},
         "twinhub device-twin show: --device-id takes a value (see twinhub device-twin "
         "show --help)"},
        {{"device-twin", "show", "-d", "x", "--colour", "red"},
         "twinhub device-twin show: there is no option '--colour' (see "
         "twinhub device-twin show --help)"},
        {{"device-twin", "show", "-d", "x", "y"},
         "twinhub device-twin show: nothing asks for 'y' (see twinhub device-twin show --help)"},
        {{"device-twin", "show", "-d", "x", "-o", "xml"},
         "twinhub device-twin show: --output is one of json, jsonc, ndjson, table, tsv, yaml, "
         "yamlc, none, not 'xml' (see twinhub device-twin show --help)"},
        {{"device-twin", "list", "--ee", "--query", "select * from devices", "-l", login},
         "twinhub device-twin list: --edge-enabled goes with a condition, not with a whole query"},
        {{"query"}, "twinhub query: --query-command is required (see twinhub query --help)"},
        {{"query", "select", "*"},
         "twinhub query: nothing asks for 'select' (see twinhub query --help)"},
        {{"query", "-q", "select *", "again"},
         "twinhub query: nothing asks for 'again' (see twinhub query --help)"},
        {{"query", "select * from devices", "--dialect", "sql", "-l", login},
         "twinhub query: --dialect is one of azure, extended, not 'sql' (see twinhub query "
         "--help)"},
        {{"hub", "query", "-q", "select * from devices", "--top", "0", "-l", login},
         "twinhub hub query: --top is a number from 1, or -1 for all, not '0'"},
        {{"device-twin", "list", "--top", "0", "-l", login},
         "twinhub device-twin list: --top is a number from 1, or -1 for all, not '0'"},
        {{"device-twin", "list", "--top", "-2", "-l", login},
         "twinhub device-twin list: --top is a number from 1, or -1 for all, not '-2'"},
        {{"device-twin", "list", "--ee", "maybe"},
         "twinhub device-twin list: --edge-enabled is true or false, not 'maybe' (see twinhub "
         "device-twin list --help)"},
        {{"device-twin", "update", "-d", "x"},
         "twinhub device-twin update: nothing to change: give --desired, --tags, --set, --add or "
         "--remove"},
        {{"device-twin", "update", "-d", "x", "--tags", "5"},
         "twinhub device-twin update: --tags must be a JSON object"},
        {{"device-twin", "show", "-d", "x", "-l", "hello"},
         "twinhub device-twin show: the connection string must be name=value parts, with ';' "
         "between them"},
        {{"device-twin", "show", "-d", "x", "-l", login, "-n", "other"},
         "twinhub device-twin show: --hub-name is 'other', yet the connection string is of 'h'"},
        {{"device-twin", "show", "-d", "x", "-l", login, "--port", "70000"},
         "twinhub device-twin show: --port is 1 to 65535, not '70000'"},
        {{"device-identity", "create", "-d", "x", "--pk", "a", "-l", login},
         "twinhub device-identity create: --primary-key and --secondary-key go together"},
        {{"device-identity", "renew-key", "-d", "a", "b", "--kt", "swap", "-l", login},
         "twinhub device-identity renew-key: --key-type swap is for one identity at a time"},
        {{"invoke-device-method", "-d", "x", "--mn", "m", "--to", "5", "-l", login},
         "twinhub invoke-device-method: --timeout is a number from 10 to 300, not '5'"},
        {{"invoke-method", "-d", "x", "--mn", "m", "--mp", "{", "-l", login},
         "twinhub invoke-method: --method-payload is neither JSON nor the path of a file with it: "
         "The "
         "body is not valid JSON (incomplete JSON)"},
        {{"c2d", "send", "-d", "x", "--data", "m", "--props", "=1", "-l", login},
         "twinhub c2d send: --properties is name=value pairs with ';' between them"},
        {{"simulate", "--late-share", "2", "-l", login},
         "twinhub simulate: --late-share is a share from 0 to 1, not '2'"},
        {{"simulate", "--transports", "mqtt,pigeon", "-l", login},
         "twinhub simulate: --transports: 'pigeon' is no transport; there are mqtt, mqtt-ws, "
         "amqp, amqp-ws"},
        {{"simulate", "--devices", "0", "-l", login},
         "twinhub simulate: --devices is a number from 1 to 100000, not '0'"},
    };
    for (const Row& row : rows) {
        const Answer answer = run(row.words);
        EXPECT_EQ(answer.code, 2) << row.line;
        EXPECT_EQ(answer.err, row.line + "\n");
        EXPECT_EQ(answer.out, "");
    }
}

TEST_F(Program, WithoutAnyHubItSaysHowToNameOne) {
    const Answer answer = run({"device-twin", "show", "-d", "x"});
    EXPECT_EQ(answer.code, 2);
    EXPECT_THAT(answer.err, StartsWith("twinhub device-twin show: which hub? Give --login, set "
                                       "TWINHUB_CONNECTION_STRING, or start a server here"));
}

TEST_F(Program, AHubThatDoesNotAnswerIsARefusal) {
    const Answer answer =
        run({"device-twin", "show", "-d", "x", "-l",
             "HostName=127.0.0.1:1;SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0"});
    EXPECT_EQ(answer.code, 1);
    EXPECT_EQ(answer.err, "cannot connect to 127.0.0.1:1: Connection refused\n");
}

TEST_F(Program, ServeTakesEverySettingAsAFlag) {
    const Answer answer = run({"serve", "--listen-https-port", "8443", "--hub-aliases", "a", "b",
                               "--demo", "--auth-device-sas", "false"});
    EXPECT_EQ(answer.code, 0) << answer.err;
    ASSERT_TRUE(served_);
    EXPECT_EQ(served_->https_port, 8443);
    EXPECT_EQ(served_->hub_aliases, (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(served_->demo);
    EXPECT_FALSE(served_->device_sas);
    EXPECT_EQ(served_->data_folder, variables_["TWINHUB_DATA"]);
}

TEST_F(Program, AServerWithMistakesIsNotStartedAndHearsAllOfThem) {
    const Answer answer = run({"serve", "--loops", "many", "--log-level", "loud"});
    EXPECT_EQ(answer.code, 2);
    EXPECT_EQ(answer.err,
              "--log-level: must be one of debug, info, warn, error, not 'loud'\n--loops: must be "
              "a number, 0 to 256, not 'many'\n");
    EXPECT_FALSE(served_);
}

TEST_F(Program, ConfigCheckAndShowReadTheFile) {
    const std::string file = (folder_.path() / "t.yaml").string();
    std::ofstream(file) << "hub: {name: twins.example.com}\n";
    EXPECT_EQ(run({"config", "check", "--config", file}).out, file + ": good\n");
    EXPECT_THAT(run({"config", "show", "--config", file}).out,
                HasSubstr("hub:\n  name: twins.example.com\n"));
    std::ofstream(file) << "hub: {nam: x}\n";
    const Answer answer = run({"config", "check", "--config", file});
    EXPECT_EQ(answer.code, 2);
    EXPECT_EQ(answer.err, "twinhub config check: " + file + ":1: hub.nam is not a setting\n");
}

TEST_F(Program, ThePoliciesOfTheDataFolderAreShownAndRenewed) {
    Config config;
    config.data_folder = variables_["TWINHUB_DATA"];
    SystemRandom random;
    ASSERT_TRUE(prepare_data_folder(config, random, SystemClock().now()));
    const auto key = [&](std::size_t i) {
        return read_policies(config.policies_path())->at(i).primary_key;
    };

    const Answer owner = run({"hub", "connection-string", "show", "-o", "tsv"});
    EXPECT_EQ(owner.out, "HostName=localhost;SharedAccessKeyName=iothubowner;SharedAccessKey=" +
                             key(0) + "\n");
    EXPECT_THAT(run({"hub", "connection-string", "--pn", "service"}).out,
                HasSubstr("SharedAccessKeyName=service;SharedAccessKey=" + key(1)));
    const Answer list = run({"hub", "policy", "list", "-o", "table"});
    EXPECT_THAT(list.out, StartsWith("KeyName"));
    EXPECT_THAT(list.out, HasSubstr("RegistryRead, RegistryWrite"));

    const std::string before = key(1);
    const Answer renewed =
        run({"hub", "policy", "renew-key", "--policy-name", "service", "--kt", "primary"});
    EXPECT_EQ(renewed.code, 0);
    EXPECT_THAT(renewed.err, HasSubstr("no server runs"));
    EXPECT_NE(key(1), before);
    const Answer unknown =
        run({"hub", "policy", "renew-key", "--policy-name", "nobody", "--kt", "primary"});
    EXPECT_EQ(unknown.code, 1);
}

TEST_F(Program, HelpNamesEveryCommandAndEveryOption) {
    const Answer all = run({"--help"});
    EXPECT_EQ(all.code, 0);
    for (const Command& command : commands()) EXPECT_THAT(all.out, HasSubstr(command.words));
    const Answer one = run({"device-twin", "update", "--help"});
    for (const char* name : {"--device-id -d", "--desired", "--tags", "--etag -e", "--login -l",
                             "--hub-name -n", "--output -o"})
        EXPECT_THAT(one.out, HasSubstr(name));
    EXPECT_EQ(run({"version"}).out, "twinhub " + std::string(version) + "\n");
}

TEST(Commands, HaveOptionsThatDoNotClash) {
    for (const Command& command : commands()) {
        const auto parsed = parse_options(command, {});
        if (!parsed) EXPECT_THAT(parsed.error().message, HasSubstr("is required")) << command.words;
    }
}

// Cuts a line of shell into words, as far as the examples need it.
std::vector<std::string> words_of(std::string_view line) {
    std::vector<std::string> words;
    std::string word;
    char quote = 0;
    bool open = false;
    for (const char c : line) {
        if (quote != 0 && c == quote) quote = 0;
        else if (quote == 0 && (c == '\'' || c == '"')) quote = c, open = true;
        else if (quote == 0 && c == ' ') {
            if (open) words.push_back(std::exchange(word, {}));
            open = false;
        } else word += c, open = true;
    }
    if (open) words.push_back(word);
    return words;
}

TEST(Document, EveryExampleIsACommandWithItsOptions) {
    int examples = 0;
    for (const char* name : {"cli.md", "queries.md"}) {
        std::ifstream file(project_folder() / "docs" / name);
        ASSERT_TRUE(file);
        for (std::string line; std::getline(file, line);) {
            if (!line.starts_with("twinhub ")) continue;
            std::vector<std::string> words = words_of(line.substr(8));
            words.erase(std::ranges::find(words, ">"), words.end());  // where the shell takes over
            std::size_t used = 0;
            const Command* command = find_command(words, used);
            ASSERT_TRUE(command) << line;
            const auto options = parse_options(*command, std::span(words).subspan(used));
            EXPECT_TRUE(options) << line << ": " << options.error().message;
            ++examples;
        }
    }
    EXPECT_GT(examples, 25);
}

// The queries in the ```sql blocks, with an empty line between them; those under "More than Azure"
// and "The past" are not azure's.
TEST(Document, EveryQueryIsOneOfTheLanguage) {
    std::ifstream file(project_folder() / "docs" / "queries.md");
    ASSERT_TRUE(file);
    int queries = 0;
    bool inside = false;
    bool extended = false;
    std::string text;
    const auto look = [&] {
        if (text.empty()) return;
        for (const auto dialect : {query::Dialect::azure, query::Dialect::extended}) {
            const auto plan = query::compile(text, {.dialect = dialect});
            const bool expected = !extended || dialect == query::Dialect::extended;
            if (expected) EXPECT_TRUE(plan) << text << plan.error().message;
        }
        ++queries;
        text.clear();
    };
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("## "))
            extended = line == "## More than Azure" || line == "## The past";
        if (line == "```sql") inside = true;
        else if (inside && (line.empty() || line == "```")) {
            look();
            inside = line.empty();
        } else if (inside) {
            text += line + "\n";
        }
    }
    EXPECT_GT(queries, 15);
}

TEST(Version, IsThatOfTheProject) {
    std::ifstream file(project_folder() / "CMakeLists.txt");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_THAT(text, HasSubstr("project(twinhub VERSION " + std::string(version) + " "));
}

TEST(Options, TakeValuesAsAzDoes) {
    std::size_t used = 0;
    const std::vector<std::string> words{"device-twin", "list"};
    const Command* list = find_command(words, used);
    ASSERT_TRUE(list);
    const auto parse = [&](std::vector<std::string> arguments) {
        return parse_options(*list, arguments).value();
    };
    EXPECT_FALSE(parse({}).flag("edge-enabled"));
    EXPECT_TRUE(parse({"--ee"}).flag("edge-enabled"));
    EXPECT_TRUE(parse({"--ee", "true"}).flag("edge-enabled"));
    EXPECT_FALSE(parse({"--edge-enabled", "false"}).flag("edge-enabled"));
    EXPECT_EQ(parse({"--top", "-1"}).text("top"), "-1");
    EXPECT_EQ(parse({}).text("top"), "1000");
    EXPECT_EQ(parse({"-o", "table"}).text("output"), "table");
}

TEST(Options, TakeAQueryWithAndWithoutItsName) {
    std::size_t used = 0;
    const std::vector<std::string> words{"hub", "query"};
    const Command* query = find_command(words, used);
    ASSERT_TRUE(query);
    const std::string text = "SELECT * FROM devices";
    for (const std::vector<std::string>& given :
         {std::vector<std::string>{text, "--explain", "--top", "5"},
          {"--explain", text, "--top", "5"},
          {"--top", "5", "--explain", "-q", text},
          {"--explain", "--top", "5", "--query-command", text}}) {
        const Arguments arguments = parse_options(*query, given).value();
        EXPECT_EQ(arguments.text("query-command"), text);
        EXPECT_EQ(arguments.text("top"), "5");
        EXPECT_TRUE(arguments.flag("explain"));
        EXPECT_FALSE(arguments.flag("progress"));
    }
}

}  // namespace
}  // namespace twinhub::apps::cli
