#include "incm/base/freed_memory.h"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace incm::base {
namespace {

TEST(FreedMemoryTest, WhatWasFreedBelowWhatIsInUseGoesBack) {
#if !defined(__GLIBC__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "another allocator";
#endif
    constexpr std::size_t kBlock = 64 * 1024;
    constexpr std::int64_t kMany = 1024;
    FreedMemory freed;
    freed.look();
    const std::int64_t before = resident_bytes();
    ASSERT_GT(before, 0);
    std::vector<std::unique_ptr<char[]>> blocks;
    for (std::int64_t i = 0; i < kMany; ++i) {
        blocks.push_back(std::make_unique<char[]>(kBlock));  // which writes zeros
    }
    const std::unique_ptr<char[]> last = std::move(blocks.back());
    blocks.clear();
    const std::int64_t kept = resident_bytes() - before;
    EXPECT_GT(kept, kMany * std::int64_t{kBlock} / 2) << "the C library keeps it";
    freed.look();
    EXPECT_LT(resident_bytes() - before, kept / 2);
}

}  // namespace
}  // namespace incm::base
