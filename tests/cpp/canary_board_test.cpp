#include "incm/admin/canary_board.h"

#include <gtest/gtest.h>

namespace {

using incm::admin::CanaryBoard;

/// The wall clock at a time of the monotonic clock.
constexpr std::int64_t wall(std::int64_t steady_ms) {
    return steady_ms + 1'000'000;
}

incm::base::Instant at(std::int64_t steady_ms) {
    return {.wall_ms = wall(steady_ms), .steady_ms = steady_ms};
}

std::optional<std::int64_t> overdue_since(const CanaryBoard& board, std::int64_t steady_ms) {
    return board.state(steady_ms)->overdue_since_ms;
}

TEST(CanaryBoard, KnowsNothingUntilCanariesAreSent) {
    CanaryBoard board;
    EXPECT_EQ(board.state(0), std::nullopt);
    board.watch(1'000, at(5'000));
    ASSERT_NE(board.state(0), std::nullopt);
    board.watch(0, at(6'000));
    EXPECT_EQ(board.state(0), std::nullopt);
}

TEST(CanaryBoard, IsOverdueSinceTheLastOneThatCameBack) {
    CanaryBoard board;
    board.watch(1'000, at(5'000));
    EXPECT_EQ(overdue_since(board, 5'999), std::nullopt);
    EXPECT_EQ(overdue_since(board, 6'000), wall(5'000));
    board.failed("nothing listens");
    EXPECT_EQ(board.state(0)->failed, 1);
    EXPECT_EQ(board.state(0)->failure, "nothing listens");
    board.came_back(2'500, at(6'500));
    EXPECT_EQ(overdue_since(board, 7'499), std::nullopt);
    EXPECT_EQ(overdue_since(board, 7'500), wall(6'500));
    EXPECT_EQ(board.state(0)->failure, "") << "the last one came back";
    EXPECT_EQ(board.state(0)->round_trips_us.total(), 1);
    EXPECT_EQ(board.state(0)->round_trips_us.sum, 2'500);
}

TEST(CanaryBoard, AnotherLimitKeepsWhatIsKnown) {
    CanaryBoard board;
    board.watch(1'000, at(5'000));
    board.came_back(1, at(6'000));
    board.watch(3'000, at(8'000));
    EXPECT_EQ(overdue_since(board, 8'999), std::nullopt);
    EXPECT_EQ(overdue_since(board, 9'000), wall(6'000));
}

TEST(CanaryBoard, AStepOfTheWallClockMakesNoneOverdue) {
    CanaryBoard board;
    board.watch(1'000, at(5'000));
    board.came_back(1, {.wall_ms = 0, .steady_ms = 6'000});
    EXPECT_EQ(overdue_since(board, 6'999), std::nullopt);
    EXPECT_EQ(overdue_since(board, 7'000), 0);
}

}  // namespace
