#include "protocol/sas/connection_string.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinhub::protocol::sas {
namespace {

TEST(ConnectionString, OfAHubReadsInAnyOrderAndCase) {
    const auto read = ConnectionString::parse(
        "sharedaccesskey=c2VjcmV0;HOSTNAME=twins.example.com;SharedAccessKeyName=service\n");
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->host, "twins.example.com");
    EXPECT_EQ(read->port, 0);
    EXPECT_EQ(read->policy, "service");
    EXPECT_EQ(read->key, "c2VjcmV0");
}

TEST(ConnectionString, ReadsBackAsWritten) {
    for (const std::string text :
         {"HostName=h;SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0",
          "HostName=h:8443;DeviceId=d=1;SharedAccessKey=c2VjcmU=",
          "HostName=h;DeviceId=d;ModuleId=m;x509=true",
          "HostName=[::1]:8443;SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0",
          "HostName=[::1];SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0"}) {
        const auto read = ConnectionString::parse(text);
        ASSERT_TRUE(read) << text << ": " << read.error().message;
        EXPECT_EQ(read->text(), text);
    }
}

TEST(ConnectionString, IsRefusedWithAReasonAndWithoutTheKey) {
    struct Row {
        const char* text;
        const char* reason;
    };
    const Row rows[] = {
        {"", "the connection string has no HostName"},
        {"hello", "the connection string must be name=value parts, with ';' between them"},
        {"SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0", "the connection string has no HostName"},
        {"HostName=;SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0",
         "the connection string has no HostName"},
        {"HostName=h:x;SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0",
         "the connection string has a HostName with a port that is none"},
        {"HostName=h;SharedAccessKey=c2VjcmV0",
         "the connection string must have either SharedAccessKeyName or DeviceId"},
        {"HostName=h;SharedAccessKeyName=p", "the connection string has no SharedAccessKey"},
        {"HostName=h;SharedAccessKeyName=p;SharedAccessKey=!topsecret",
         "the connection string has a SharedAccessKey that is not base64"},
    };
    for (const Row& row : rows) {
        const auto read = ConnectionString::parse(row.text);
        ASSERT_FALSE(read) << row.text;
        EXPECT_EQ(read.error().message, row.reason) << row.text;
    }
}

}  // namespace
}  // namespace twinhub::protocol::sas
