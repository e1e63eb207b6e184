#include "apps/store_figures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

namespace twinhub::apps {
namespace {

TEST(StoreFigures, SayWhatEachFamilyTakes) {
    store::Statistics statistics;
    statistics.families[2] = {.keys_estimated = 7, .disk_bytes = 1000, .memory_bytes = 50};
    statistics.log_bytes = 99;
    const std::string text = prometheus::TextSerializer().Serialize(store_figures(statistics));
    for (const char* line :
         {"twin_store_disk_bytes{family=\"changes\"} 1000\n",
          "twin_store_memory_bytes{family=\"changes\"} 50\n",
          "twin_store_records{family=\"changes\"} 7\n", "twin_store_log_bytes 99\n",
          "twin_store_disk_bytes{family=\"twins\"} 0\n"})
        EXPECT_THAT(text, testing::HasSubstr(line));
}

}  // namespace
}  // namespace twinhub::apps
