#include "base/sha256.h"

#include "base/encoding.h"

#include <gtest/gtest.h>

namespace twinhub {
namespace {

TEST(Sha256, AgreesWithTheStandard) {
    EXPECT_EQ(hex_encode(sha256("")),
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(hex_encode(sha256("abc")),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, PiecesAreOneText) {
    Sha256 hash;
    hash.update("a");
    hash.update("");
    hash.update("bc");
    EXPECT_EQ(hash.digest(), sha256("abc"));
}

}  // namespace
}  // namespace twinhub
