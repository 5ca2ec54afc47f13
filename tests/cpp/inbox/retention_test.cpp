#include "inbox_fixture.h"

namespace incm::inbox::test {
namespace {

constexpr std::int64_t kDayMs = 24LL * 60 * 60 * 1000;

class InboxRetentionTest : public InboxTest {
 protected:
    void open_keeping(std::int64_t retention_ms) {
        open_with({.plugins = {{"a"}, {"b"}}, .retention_ms = retention_ms});
    }
};

TEST_P(InboxRetentionTest, DeliveredAlertsArePrunedAfterTheirTime) {
    open_keeping(kDayMs);
    append_range(1, 3);
    append(alert(4));  // wanted by no plugin
    fetch();
    settle(1, Outcome::kDelivered);
    settle(2, Outcome::kDead);
    flush();  // alert 5
    clock_.pass(kDayMs);
    EXPECT_EQ(inbox_->tidy(), 0) << "pruned before its time";
    append(alert(6));
    clock_.pass(1);
    EXPECT_EQ(inbox_->tidy(), 3);
    EXPECT_EQ(counts().alerts, 3);
    EXPECT_EQ(stored(), (Ids{2, 3, 6})) << "what is not delivered, or too young, stays";
    EXPECT_EQ(ledger(2), std::vector<std::string>{"1|dead|7"});
}

TEST_P(InboxRetentionTest, PrunedContentIsStillADuplicate) {
    open_keeping(kDayMs);
    append(alert(1));
    clock_.pass(kDayMs + 1);
    ASSERT_EQ(inbox_->tidy(), 1);
    const Stored again = append(alert(1));
    EXPECT_TRUE(again.duplicate);
    EXPECT_EQ(again.id, 1);
    EXPECT_EQ(append(alert(2)).id, 2) << "a pruned number came back";
}

TEST_P(InboxRetentionTest, WallClockJumpsPruneNothing) {
    open_keeping(kDayMs);
    append(alert(1));
    clock_.wall_ms += 400 * kDayMs;
    EXPECT_EQ(inbox_->tidy(), 0);
}

TEST_P(InboxRetentionTest, LaterDeliveredIsPrunedLater) {
    open_keeping(kDayMs);
    append_range(1, 1);
    fetch();
    clock_.pass(2 * kDayMs);
    EXPECT_EQ(inbox_->tidy(), 0);
    settle(1, Outcome::kDelivered);
    inbox_->counts().ok() ? flush() : void();
    EXPECT_EQ(inbox_->tidy(), 1);
}

TEST_P(InboxRetentionTest, PrunesMoreThanOneStepHolds) {
    open_keeping(kDayMs);
    for (std::uint64_t number = 1; number <= 450; ++number) {
        append(alert(number));
    }
    clock_.pass(kDayMs + 1);
    EXPECT_EQ(inbox_->tidy(), 450);
    EXPECT_EQ(counts().alerts, 0);
}

TEST_P(InboxRetentionTest, NothingIsPrunedWithoutARetention) {
    open();
    append(alert(1));
    clock_.pass(10'000 * kDayMs);
    EXPECT_EQ(inbox_->tidy(), 0);
}

INCM_FOR_EVERY_INBOX(InboxRetentionTest);

}  // namespace
}  // namespace incm::inbox::test
