#include "gateway/sinks/file_sink.h"

#include "base/json.h"
#include "gateway/sinks/testing/sink_bench.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

namespace twinhub::gateway {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::SinkBench;

struct FileSinkTest : SinkBench {
    FileSinkTest() : path(::testing::TempDir() + "file_sink_test_" + std::to_string(::getpid())) {
        fs::remove_all(path);
    }
    ~FileSinkTest() override {
        if (sink) sink->stop();
        run();
        fs::remove_all(path);
    }
    void begin(FileSinkOptions options = {}) {
        options.name = "file";
        options.path = path;
        sink = std::make_shared<FileSink>(options, seams());
        sink->start();
        run();
    }
    std::vector<std::string> devices() const {
        std::vector<std::string> ids;
        std::ifstream file(path);
        for (std::string line; std::getline(file, line);)
            ids.emplace_back(parse_json(line).value().at("deviceId").as_string());
        return ids;
    }

    std::string path;
    std::shared_ptr<FileSink> sink;
};

TEST_F(FileSinkTest, WritesALineForEachMessage) {
    begin();
    for (const char* device : {"d1", "d2", "d3"}) publish(device);
    EXPECT_THAT(devices(), ElementsAre("d1", "d2", "d3"));
    EXPECT_EQ(handed("file"), 3);
    EXPECT_EQ(waiting("file"), 0);
}

TEST_F(FileSinkTest, KeepsMessagesUntilTheDiskTakesThem) {
    fs::create_directory(path);
    begin();
    publish("d1");
    publish("d2");
    EXPECT_EQ(failures("file"), 1);
    EXPECT_EQ(waiting("file"), 2);
    advance(2s);
    EXPECT_EQ(failures("file"), 2);
    fs::remove(path);
    advance(2s);
    EXPECT_THAT(devices(), ElementsAre("d1", "d2"));
    EXPECT_EQ(handed("file"), 2);
    EXPECT_EQ(lost("file"), 0);
}

TEST_F(FileSinkTest, LosesWhatItsBufferDoesNotHoldAndCountsIt) {
    fs::create_directory(path);
    begin({.buffer_bytes_max = 1000});
    for (int i = 0; i < 50; ++i) publish("d1", std::string(100, 'x'));
    const double kept = waiting("file");
    EXPECT_GT(kept, 0);
    EXPECT_EQ(lost("file"), 50 - kept);
}

TEST_F(FileSinkTest, CountsWhatItCannotHandOverWhenTheServerEnds) {
    fs::create_directory(path);
    begin();
    publish("d1");
    sink->finish();
    run();
    EXPECT_EQ(lost("file"), 1);
    EXPECT_EQ(sink->waiting(), 0u);
    EXPECT_FALSE(events.is_heard());
}

TEST_F(FileSinkTest, CountsMessagesThatNeverCameSoFar) {
    begin();
    for (std::size_t i = 0; i < sink_events_on_their_way_max + 7; ++i)
        events.publish(std::make_shared<const hub::DeviceEvent>(
            hub::DeviceEvent{.id = {DeviceId::parse("d").value(), {}}}));
    run();
    EXPECT_EQ(lost("file"), 7);
    EXPECT_EQ(handed("file"), static_cast<double>(sink_events_on_their_way_max));
}

}  // namespace
}  // namespace twinhub::gateway
