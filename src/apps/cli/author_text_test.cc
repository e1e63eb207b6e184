#include "apps/cli/author_text.h"

#include <gtest/gtest.h>

namespace twinhub::apps::cli {
namespace {

TEST(AuthorText, NamesWhoDidItAndForWhom) {
    const std::pair<const char*, const char*> rows[] = {
        {R"({"kind":"rest","principal":"service"})", "service"},
        {R"({"kind":"rest","principal":"service","person":"ada"})", "service for ada"},
        {R"({"kind":"device","id":"pump-1"})", "pump-1"},
        {R"({"kind":"device","id":"pump-1","module":"fan"})", "pump-1/fan"},
        {R"({"kind":"job","id":"fw-2","person":"ada"})", "job fw-2 for ada"},
        {R"({"kind":"rollback","id":"quality","person":"ada"})", "rollback quality for ada"},
        {R"({"kind":"configuration","id":"base","version":3})", "configuration base version 3"},
        {R"({"kind":"provisioning","id":"line-4"})", "provisioning line-4"},
        {R"({"kind":"rest"})", ""},
    };
    for (const auto& [by, words] : rows)
        EXPECT_EQ(author_words(parse_json(by).value().as_object()), words) << by;
}

}  // namespace
}  // namespace twinhub::apps::cli
