#include "incm/inbox/fair_turns.h"

#include <vector>

#include "support.h"
#include <gtest/gtest.h>

namespace incm::inbox::test {
namespace {

TEST(FairTurnsTest, MixIsFair) {
    const auto candidates = [](std::int64_t first, std::size_t count) {
        std::vector<DeviceLanes::Candidate> made(count);
        for (std::size_t i = 0; i < count; ++i) {
            made[i].alert_id = first + static_cast<std::int64_t>(i);
        }
        return made;
    };
    const auto ids = [&](std::size_t retries, std::size_t fresh, std::size_t limit,
                         bool retry_first = true) {
        Ids mixed;
        for (const auto& one :
             mix(candidates(1, retries), candidates(101, fresh), limit, retry_first)) {
            mixed.push_back(one.alert_id);
        }
        return mixed;
    };
    EXPECT_EQ(ids(9, 9, 4), (Ids{1, 101, 2, 102}));
    EXPECT_EQ(ids(9, 9, 3), (Ids{1, 101, 102}));
    EXPECT_EQ(ids(9, 9, 2), (Ids{1, 101}));
    EXPECT_EQ(ids(9, 9, 1), (Ids{1}));
    EXPECT_EQ(ids(9, 9, 1, false), (Ids{101}));
    EXPECT_EQ(ids(9, 1, 4), (Ids{1, 101, 2, 3}));
    EXPECT_EQ(ids(1, 9, 4), (Ids{1, 101, 102, 103}));
    EXPECT_EQ(ids(9, 0, 4), (Ids{1, 2, 3, 4}));
    EXPECT_EQ(ids(0, 9, 4), (Ids{101, 102, 103, 104}));
    EXPECT_EQ(ids(9, 0, 1, false), (Ids{1}));
    EXPECT_EQ(ids(0, 9, 1, true), (Ids{101}));
    EXPECT_EQ(ids(0, 0, 4), Ids{});
}

}  // namespace
}  // namespace incm::inbox::test
