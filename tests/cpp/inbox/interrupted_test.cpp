#include <limits>

#include "inbox_fixture.h"

#include "incm/inbox/activity.h"

namespace incm::inbox::test {
namespace {

/// Deliveries that were under way when the process ended: a close leaves their lease in the file.
class InboxInterruptedTest : public InboxTest {
 protected:
    void open_retrying(const RetryPolicy& retry, bool by_device = false) {
        open_with({.plugins = {{"a", by_device, retry}}, .activity = &activity_});
    }
    /// How many dead letters of plugin a are counted for the metrics.
    [[nodiscard]] std::uint64_t counted_dead() {
        return activity_.of("a")->attempts(static_cast<std::size_t>(Outcome::kDead));
    }
    /// It is fetched within the jitter of this full pause; the clock stands there then.
    void expect_due_after(std::int64_t id, std::int64_t full_ms) {
        if (full_ms > 0) {
            clock_.pass(full_ms / 2 - 1);
            ASSERT_EQ(fetch_ids(), Ids{}) << full_ms;
            clock_.pass(full_ms - full_ms / 2 + 1);
        }
        ASSERT_EQ(fetch_ids(), Ids{id}) << full_ms;
    }
    void deliver(std::int64_t id) {
        settle(id, Outcome::kDelivered);
        flush();
    }

    void TearDown() override { close(); }  // before activity_ is gone

    Activity activity_{{{"a"}}};
};

TEST_P(InboxInterruptedTest, PausesAreThoseOfThePlugin) {
    open_retrying({.first_s = 10, .factor = 3, .longest_s = 200});
    append_range(1, 1);
    ASSERT_EQ(fetch_ids(), Ids{1});
    for (const std::int64_t pause_ms : {0, 30'000, 90'000, 200'000, 200'000}) {
        open_retrying({.first_s = 10, .factor = 3, .longest_s = 200});
        expect_due_after(1, pause_ms);
    }
}

TEST_P(InboxInterruptedTest, FailuresAndInterruptionsCountTogether) {
    open();
    append_range(1, 1);
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(fetch_ids(), Ids{1});
        settle(1, Outcome::kRetry, 0);
        flush();
    }
    ASSERT_EQ(fetch_ids(), Ids{1});
    open();
    expect_due_after(1, 8000);
}

TEST_P(InboxInterruptedTest, AttemptsBeforeAReplayMakeNoPauseLonger) {
    open_retrying({}, true);
    append_range(1, 1);
    for (int i = 0; i < 10; ++i) {
        ASSERT_EQ(fetch_ids(), Ids{1});
        settle(1, Outcome::kRetry, 0);
        flush();
    }
    ASSERT_EQ(fetch_ids(), Ids{1});
    deliver(1);
    ASSERT_EQ(inbox_->change(OperatorAction::kRedeliver, {{"a", 1}}).value(), 1);
    append(alert(2, {"a"}));
    ASSERT_EQ(fetch_ids(), Ids{1});
    open_retrying({}, true);
    const auto again = fetch();
    ASSERT_EQ(again.size(), 1U) << "its device's next alert waits behind it";
    EXPECT_EQ(again[0].attempt, 13);
    EXPECT_EQ(again[0].tries, 2);
    open_retrying({}, true);
    expect_due_after(1, 2000);
    deliver(1);
    EXPECT_EQ(fetch().at(0).tries, 1) << "the device's next one";
}

TEST_P(InboxInterruptedTest, OneThatIsOlderThanGiveUpBecomesADeadLetter) {
    const RetryPolicy retry{.give_up_s = 60};
    open_retrying(retry);
    append_range(1, 1);
    clock_.pass(120'000);
    ASSERT_EQ(fetch_ids(), Ids{1});
    open_retrying(retry);
    EXPECT_TRUE(
        log_.has("1 deliveries were under way when the receiver ended: they are due again"));
    ASSERT_EQ(fetch_ids(), Ids{1}) << "nothing is a dead letter that was tried only once";
    open_retrying(retry);
    EXPECT_TRUE(log_.has("after the give_up of their plugin: they become dead letters"));
    const auto expired = fetch();
    ASSERT_EQ(expired.size(), 1U) << "its plugin learns of it first";
    EXPECT_EQ(expired[0].attempt, 2);
    EXPECT_EQ(expired[0].tries, 0);
    settle(1, Outcome::kDead);
    flush();
    EXPECT_EQ(counts().dead, 1);
    EXPECT_EQ(counts().open, 0);
    EXPECT_EQ(ledger(1), (std::vector<std::string>{"1|interrupted|", "2|dead|7"}));
    ASSERT_EQ(inbox_->change(OperatorAction::kRetry, {{"a", 1}}).value(), 1);
    const auto again = fetch();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].attempt, 3);
    EXPECT_EQ(again[0].tries, 1);
}

TEST_P(InboxInterruptedTest, AnExpiredOneStaysSoUntilItIsSettled) {
    const RetryPolicy retry{.give_up_s = 60};
    open_retrying(retry);
    append_range(1, 1);
    clock_.pass(120'000);
    ASSERT_EQ(fetch_ids(), Ids{1});
    open_retrying(retry);
    ASSERT_EQ(fetch_ids(), Ids{1});
    open_retrying(retry);
    open_retrying(retry);
    ASSERT_EQ(fetch().at(0).tries, 0) << "it was not leased meanwhile";
    inbox_->give_back("a", Ids{1});
    EXPECT_EQ(fetch().at(0).tries, 0);
    open_retrying(retry);
    EXPECT_EQ(fetch().at(0).tries, -1);
    open_retrying(retry);
    EXPECT_EQ(counts().dead, 0);
    const auto last = fetch();
    ASSERT_EQ(last.size(), 1U);
    EXPECT_EQ(last[0].tries, -2);
    EXPECT_EQ(last[0].attempt, 2) << "no attempt was made";
    EXPECT_EQ(counted_dead(), 0U);
    open_retrying(retry);
    EXPECT_EQ(counted_dead(), 1U);
    EXPECT_EQ(activity_.of("a")->durations_us().total(), 0U) << "nobody knows how long it took";
    EXPECT_EQ(counts().dead, 1) << "whoever learns of it ends the process each time";
    EXPECT_EQ(counts().open, 0);
    EXPECT_EQ(ledger(1), (std::vector<std::string>{"1|interrupted|", "2|dead|"}));
    ASSERT_EQ(inbox_->change(OperatorAction::kRetry, {{"a", 1}}).value(), 1);
    EXPECT_EQ(fetch().at(0).tries, 1);
}

TEST_P(InboxInterruptedTest, TheTimeWithoutAProcessMakesNothingOlder) {
    const RetryPolicy retry{.give_up_s = 60};
    open_retrying(retry);
    append_range(1, 1);
    for (int i = 0; i < 2; ++i) {
        ASSERT_EQ(fetch_ids(), Ids{1});
        close();
        clock_.pass(3'600'000);
        open_retrying(retry);
    }
    const auto expired = fetch();
    ASSERT_EQ(expired.size(), 1U);
    EXPECT_EQ(expired[0].tries, 0) << "it is old: it waited for an hour, and was tried twice";
    settle(1, Outcome::kDead);
    append_range(2, 2);
    ASSERT_EQ(fetch_ids(), Ids{2});
    settle(2, Outcome::kRetry, 0);
    flush();
    ASSERT_EQ(fetch_ids(), Ids{2});
    close();
    clock_.pass(3'600'000);
    open_retrying(retry);
    EXPECT_EQ(counts().dead, 1);
    expect_due_after(2, 2000);
}

TEST_P(InboxInterruptedTest, APluginThatIsNotConfiguredHasNoDeadLetters) {
    open({"a", "gone"});
    append(alert(1, {"gone"}));
    ASSERT_EQ(fetch(1, 0, "gone").size(), 1U);
    open({"a", "gone"});
    clock_.pass(1'000'000'000);
    ASSERT_EQ(fetch(1, 0, "gone").size(), 1U);
    open({"a"});
    EXPECT_EQ(counts().dead, 0);
    open({"a", "gone"});
    clock_.pass(2000);
    EXPECT_EQ(fetch(1, 0, "gone").size(), 1U);
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

INCM_FOR_EVERY_INBOX(InboxInterruptedTest);

}  // namespace
}  // namespace incm::inbox::test
