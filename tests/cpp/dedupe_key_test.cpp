#include "incm/ingest/dedupe_key.h"

#include "hex.h"
#include <gtest/gtest.h>

namespace {

using incm::base::Digest;
using incm::ingest::dedupe_key;
using incm::test::hex;

Digest digest(std::uint8_t byte) {
    Digest made{};
    made.fill(byte);
    return made;
}

TEST(DedupeKey, BeginsWithThePlatformsId) {
    EXPECT_EQ(hex(dedupe_key(digest(0xAA), "677baa025a34db68978609b8")),
              "677baa025a34db68978609b8" + std::string(40, 'a'));
    EXPECT_EQ(dedupe_key(digest(0xAA), "677BAA025A34DB68978609B8"),
              dedupe_key(digest(0xAA), "677baa025a34db68978609b8"));
}

TEST(DedupeKey, DiffersForDifferentContentsOfOneId) {
    EXPECT_NE(dedupe_key(digest(1), "677baa025a34db68978609b8"),
              dedupe_key(digest(2), "677baa025a34db68978609b8"));
}

TEST(DedupeKey, IsTheDigestForEveryOtherId) {
    for (const char* id : {"", "1", "677baa025a34db68978609b", "677baa025a34db68978609b8a",
                           "677baa025a34db68978609bg", "677baa025a34db68978609 8"}) {
        EXPECT_EQ(dedupe_key(digest(1), id), digest(1)) << id;
    }
    EXPECT_EQ(dedupe_key(digest(1), std::nullopt), digest(1));
}

}  // namespace
