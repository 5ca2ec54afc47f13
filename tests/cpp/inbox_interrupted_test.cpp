#include <limits>

#include "inbox_support.h"

namespace incm::inbox::test {
namespace {

/// Deliveries that were under way when the process ended: a close leaves their lease in the file.
class InboxInterruptedTest : public InboxTest {
 protected:
    void open_with(const RetryPolicy& retry, bool by_device = false) {
        inbox_.reset();
        use(open_at(path(), {{{"a", by_device, retry}}, 0, 0, clock_.source()}));
    }
    /// It is taken within the jitter of this full pause; the clock stands there then.
    void expect_due_after(std::int64_t id, std::int64_t full_ms) {
        if (full_ms > 0) {
            clock_.pass(full_ms / 2 - 1);
            ASSERT_EQ(take_ids(), Ids{}) << full_ms;
            clock_.pass(full_ms - full_ms / 2 + 1);
        }
        ASSERT_EQ(take_ids(), Ids{id}) << full_ms;
    }
    void deliver(std::int64_t id) {
        settle(id, Outcome::kDelivered);
        flush();
    }
};

TEST_F(InboxInterruptedTest, PausesAreThoseOfThePlugin) {
    open_with({.first_s = 10, .factor = 3, .longest_s = 200});
    append_range(1, 1);
    ASSERT_EQ(take_ids(), Ids{1});
    for (const std::int64_t pause_ms : {0, 30'000, 90'000, 200'000, 200'000}) {
        open_with({.first_s = 10, .factor = 3, .longest_s = 200});
        expect_due_after(1, pause_ms);
    }
}

TEST_F(InboxInterruptedTest, FailuresAndInterruptionsCountTogether) {
    open();
    append_range(1, 1);
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(take_ids(), Ids{1});
        settle(1, Outcome::kRetry, 0);
        flush();
    }
    ASSERT_EQ(take_ids(), Ids{1});
    open();
    expect_due_after(1, 8000);
}

TEST_F(InboxInterruptedTest, AttemptsBeforeAReplayMakeNoPauseLonger) {
    open_with({}, true);
    append_range(1, 1);
    for (int i = 0; i < 10; ++i) {
        ASSERT_EQ(take_ids(), Ids{1});
        settle(1, Outcome::kRetry, 0);
        flush();
    }
    ASSERT_EQ(take_ids(), Ids{1});
    deliver(1);
    ASSERT_EQ(inbox_->change(OperatorAction::kRedeliver, {{"a", 1}}).value(), 1);
    append(alert(2, {"a"}));
    ASSERT_EQ(take_ids(), Ids{1});
    open_with({}, true);
    const auto again = take();
    ASSERT_EQ(again.size(), 1U) << "its device's next alert waits behind it";
    EXPECT_EQ(again[0].attempt, 13);
    EXPECT_EQ(again[0].tries, 2);
    open_with({}, true);
    expect_due_after(1, 2000);
    deliver(1);
    EXPECT_EQ(take().at(0).tries, 1) << "the device's next one";
}

TEST_F(InboxInterruptedTest, OneThatIsOlderThanGiveUpIsADeadLetter) {
    const RetryPolicy retry{.give_up_s = 60};
    open_with(retry);
    append_range(1, 1);
    clock_.pass(120'000);
    ASSERT_EQ(take_ids(), Ids{1});
    open_with(retry);
    EXPECT_TRUE(
        log_.has("1 deliveries were under way when the receiver ended: they are due again"));
    ASSERT_EQ(take_ids(), Ids{1}) << "nothing is a dead letter that was tried only once";
    open_with(retry);
    EXPECT_EQ(counts().dead, 1);
    EXPECT_EQ(counts().open, 0);
    EXPECT_TRUE(log_.has("after the give_up of their plugin: they are dead letters"));
    close();
    EXPECT_EQ(rows(path(), "SELECT attempt, outcome FROM attempt"),
              (std::vector<std::string>{"1|interrupted", "2|dead"}));
}

TEST_F(InboxInterruptedTest, TheTimeWithoutAProcessMakesNothingOlder) {
    const RetryPolicy retry{.give_up_s = 60};
    open_with(retry);
    append_range(1, 1);
    for (int i = 0; i < 2; ++i) {
        ASSERT_EQ(take_ids(), Ids{1});
        close();
        clock_.pass(3'600'000);
        open_with(retry);
    }
    EXPECT_EQ(counts().dead, 1) << "it is old: it waited for an hour, and was tried twice";
    append_range(2, 2);
    ASSERT_EQ(take_ids(), Ids{2});
    settle(2, Outcome::kRetry, 0);
    flush();
    ASSERT_EQ(take_ids(), Ids{2});
    close();
    clock_.pass(3'600'000);
    open_with(retry);
    EXPECT_EQ(counts().dead, 1);
    expect_due_after(2, 2000);
}

TEST_F(InboxInterruptedTest, APluginThatIsNotConfiguredHasNoDeadLetters) {
    open({"a", "gone"});
    append(alert(1, {"gone"}));
    ASSERT_EQ(take(1, 0, "gone").size(), 1U);
    open({"a", "gone"});
    clock_.pass(1'000'000'000);
    ASSERT_EQ(take(1, 0, "gone").size(), 1U);
    open({"a"});
    EXPECT_EQ(counts().dead, 0);
    open({"a", "gone"});
    clock_.pass(2000);
    EXPECT_EQ(take(1, 0, "gone").size(), 1U);
}

TEST(RetryPolicyTest, ItsPausesGrowToTheLongestAndNoFurther) {
    const RetryPolicy policy;
    EXPECT_EQ(policy.pause_s(1, 1), 1);
    EXPECT_EQ(policy.pause_s(4, 1), 8);
    EXPECT_EQ(policy.pause_s(4, 0), 4);
    EXPECT_EQ(policy.pause_s(11, 1), 600);
    EXPECT_EQ(policy.pause_s(std::numeric_limits<std::int64_t>::max(), 1), 600);
    EXPECT_EQ(policy.pause_s(0, 1), 1);
}

}  // namespace
}  // namespace incm::inbox::test
