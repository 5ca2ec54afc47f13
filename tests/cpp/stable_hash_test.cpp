#include "incm/base/stable_hash.h"

#include <gtest/gtest.h>

namespace incm::base {
namespace {

// Keys of deliveries that receivers have seen are made of it. The values are those of
// MurmurHash64A, written anew in another language.
TEST(StableHash, IsTheSameInEveryVersion) {
    EXPECT_EQ(stable_hash("", 0), 0U);
    EXPECT_EQ(stable_hash("", 7), 0x6e80950782bdbe12U);
    EXPECT_EQ(stable_hash("a", 0), 0x71717d2d36b6b11U);
    EXPECT_EQ(stable_hash("/webhook", 7), 0xdcb88d641c52c338U);
    EXPECT_EQ(stable_hash("{\"type\": \"reboot\"}", 0), 0x95eca315b40d5ba6U);
    EXPECT_EQ(stable_hash("\xff\x80\xfe\x81\xfd\x82\xfc\x83\xfb", 7), 0x7728a8f65fbabfc8U);
}

}  // namespace
}  // namespace incm::base
