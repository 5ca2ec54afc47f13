#include "incm/admin/canary_board.h"

#include <gtest/gtest.h>

namespace {

using incm::admin::CanaryBoard;

TEST(CanaryBoard, KnowsNothingUntilCanariesAreSent) {
    CanaryBoard board;
    EXPECT_EQ(board.state(), std::nullopt);
    board.watch(1'000, 5'000);
    ASSERT_NE(board.state(), std::nullopt);
    board.watch(0, 6'000);
    EXPECT_EQ(board.state(), std::nullopt);
}

TEST(CanaryBoard, IsOverdueSinceTheLastOneThatCameBack) {
    CanaryBoard board;
    board.watch(1'000, 5'000);
    EXPECT_EQ(board.state()->overdue_since_ms(5'999), std::nullopt);
    EXPECT_EQ(board.state()->overdue_since_ms(6'000), 5'000);
    board.failed("nothing listens");
    EXPECT_EQ(board.state()->failed, 1);
    EXPECT_EQ(board.state()->failure, "nothing listens");
    board.came_back(2'500, 6'500);
    EXPECT_EQ(board.state()->overdue_since_ms(7'499), std::nullopt);
    EXPECT_EQ(board.state()->overdue_since_ms(7'500), 6'500);
    EXPECT_EQ(board.state()->failure, "") << "the last one came back";
    EXPECT_EQ(board.state()->round_trips_us.total(), 1);
    EXPECT_EQ(board.state()->round_trips_us.sum, 2'500);
}

TEST(CanaryBoard, AnotherLimitKeepsWhatIsKnown) {
    CanaryBoard board;
    board.watch(1'000, 5'000);
    board.came_back(1, 6'000);
    board.watch(3'000, 8'000);
    EXPECT_EQ(board.state()->overdue_since_ms(8'999), std::nullopt);
    EXPECT_EQ(board.state()->overdue_since_ms(9'000), 6'000);
}

}  // namespace
