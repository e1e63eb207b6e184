#include "twin/secrets/detect.h"

#include "base/json.h"

#include <gtest/gtest.h>

namespace twinhub::twin {
namespace {

std::string repeated(std::string_view alphabet, std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += alphabet[(i * 7 + 3) % alphabet.size()];
    return text;
}

const std::string base64 =
    repeated("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789", 86);
const std::string letters =
    repeated("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789", 80);

struct Shape {
    const char* detector;
    std::string text;
};

// Made here, so that nothing in this repository looks like a secret to whoever scans it.
std::vector<Shape> secrets() {
    return {
        {"conn.sharedkey",
         "HostName=h.example;SharedAccessKeyName=owner;SharedAccess"
         "Key=" +
             base64.substr(0, 43) + "="},
        {"conn.accountkey",
         "DefaultEndpointsProtocol=https;AccountName=a;Account"
         "Key=" +
             base64 + "=="},
        {"sas.token",
         "SharedAccess"
         "Signature sr=h&sig=" +
             base64.substr(0, 43) + "%3D&se=1"},
        {"az.key64", base64.substr(0, 76) +
                         "+A"
                         "St" +
                         base64.substr(0, 6) + "=="},
        {"aws.keyid", std::string("AK") + "IA" + repeated("ABCDEFGHIJKLMNOP234567", 16)},
        {"gcp.apikey", std::string("AI") + "za" + letters.substr(0, 35)},
        {"github.token", std::string("gh") + "p_" + letters.substr(0, 36)},
        {"slack.token", std::string("xo") + "xb-" + letters.substr(0, 24)},
        {"stripe.key", std::string("sk") + "_live_" + letters.substr(0, 24)},
        {"vault.token", std::string("hv") + "s." + letters.substr(0, 30)},
        {"pem.private", std::string("-----BEGIN RSA PRIVATE") + " KEY-----\nMII"},
        {"wifi.qr", std::string("WI") + "FI:S:net;T:WPA;P:" + letters.substr(0, 12) + ";;"},
    };
}

TEST(Secrets, EachShapeIsSeenAloneAndWithinText) {
    for (const Shape& shape : secrets()) {
        EXPECT_EQ(secret_in(shape.text), shape.detector) << shape.detector;
        EXPECT_EQ(secret_in("note: " + shape.text + " end"), shape.detector) << shape.detector;
    }
}

TEST(Secrets, WhatFleetsWriteIsNone) {
    for (const char* text :
         {"", "2160p", "https://firmware.example/cam/2.4.1.bin", "AccountKey=", "sharedaccesskey",
          "2026-02-28T10:00:00.51Z", "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
          "dtmi:com:example:Thermostat;1", "-----BEGIN PUBLIC KEY-----\nMIIBIjAN",
          "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl", "task_live_monitoring_of_all_the_things",
          "wifi: on, channel 11, region eu-central"})
        EXPECT_EQ(secret_in(text), "") << text;
}

TEST(Secrets, AReferenceToAVaultIsNone) {
    for (const Shape& shape : secrets()) {
        EXPECT_EQ(secret_in("vault://store/" + shape.text), "");
        EXPECT_EQ(secret_in("device-secret://" + shape.text), "");
    }
}

TEST(Secrets, ARefusalNamesThePathAndTheKindAndNeverTheValue) {
    const std::string key = secrets()[1].text;
    const auto update = parse_service_update(
        R"({"properties":{"desired":{"camera":{"storage":["x",")" + key + R"("]}}}})", Kind::patch);
    const auto found = find_secret(update.value());
    ASSERT_TRUE(found);
    EXPECT_EQ(found->path, "properties.desired.camera.storage[1]");
    EXPECT_EQ(found->detector, "conn.accountkey");
    const Error error = refusal(*found);
    EXPECT_EQ(error.code, Code::argument_invalid);
    EXPECT_EQ(error.where, found->path);
    EXPECT_NE(error.message.find("conn.accountkey"), std::string::npos);
    EXPECT_EQ(error.message.find(base64.substr(0, 20)), std::string::npos);
}

TEST(Secrets, ASecretInAKeyIsToldByThePlaceOfTheKey) {
    json::object body;
    body[secrets()[4].text] = 1;
    json::object outer{{"a", body}};
    const auto found = find_secret(outer, "tags");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->path, "tags.a");
}

TEST(Secrets, TagsAreLookedAtToo) {
    const auto update =
        parse_service_update(R"({"tags":{"k":")" + secrets()[6].text + R"("}})", Kind::replace);
    const auto found = find_secret(update.value());
    ASSERT_TRUE(found);
    EXPECT_EQ(found->path, "tags.k");
}

}  // namespace
}  // namespace twinhub::twin
