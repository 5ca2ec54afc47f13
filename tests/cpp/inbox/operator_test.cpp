#include "operator_calls.h"

namespace incm::inbox::test {
namespace {

class InboxOperatorTest : public OperatorCalls<InboxTest> {};

TEST_P(InboxOperatorTest, ARetriedDeadLetterIsDueNowAndCountsAnew) {
    open();
    append_range(1, 2);
    const std::string key = fetch().at(0).key;
    settle(1, Outcome::kDead);
    settle(2, Outcome::kDelivered);
    flush();
    clock_.pass(60'000);
    EXPECT_EQ(change(OperatorAction::kRetry, {{"a", 1}, {"a", 2}, {"a", 7}}), 1);
    expect_counts(1, 0);
    clock_.pass(500);
    const auto fetched = fetch();
    ASSERT_EQ(fetched.size(), 1U);
    EXPECT_EQ(fetched[0].attempt, 2);
    EXPECT_EQ(fetched[0].tries, 1);
    EXPECT_EQ(fetched[0].age_ms, 500) << "when to give up counts from now";
    EXPECT_EQ(fetched[0].key, key);
    settle(1, Outcome::kDelivered);
    flush();
    expect_counts_after_restart(0, 0);
}

TEST_P(InboxOperatorTest, ADroppedDeadLetterIsGoneButInTheLedger) {
    open();
    append_range(1, 2);
    fetch();
    settle(1, Outcome::kDead);
    settle(2, Outcome::kRetry, 1000);
    flush();
    EXPECT_EQ(change(OperatorAction::kDropDead, {{"a", 1}, {"a", 2}}), 1) << "2 is open";
    expect_counts(1, 0);
    const auto refused = inbox_->change(OperatorAction::kDropOpen, {{"a", 2}});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, base::ErrorCode::kBadConfig);
    expect_counts_after_restart(1, 0);
    EXPECT_EQ(change(OperatorAction::kRedeliver, {{"a", 1}}), 1);
    clock_.pass(1000);
    EXPECT_EQ(fetch_ids(), (Ids{1, 2}));
    settle(1, Outcome::kDelivered);
    flush();
    EXPECT_EQ(ledger(1), (std::vector<std::string>{"1|dead|7", "2|dropped|", "3|delivered|7"}));
}

TEST_P(InboxOperatorTest, OpenDeliveriesOfAForgottenPluginCanBeDropped) {
    open({"a", "old"});
    append(alert(1, {"a", "old"}));
    append(alert(2, {"old"}));
    fetch(1, 0, "old");
    settle(1, Outcome::kRetry, 0, "old");
    flush();
    open({"a"});
    expect_counts(3, 0);
    EXPECT_EQ(change(OperatorAction::kDropOpen, {{"old", 1}, {"old", 2}, {"old", 9}, {"none", 1}}),
              2);
    expect_counts_after_restart(1, 0);
    EXPECT_EQ(ledger(1, "old"), (std::vector<std::string>{"1|retry|7", "2|dropped|"}));
    EXPECT_EQ(ledger(2, "old"), std::vector<std::string>{"1|dropped|"});
}

TEST_P(InboxOperatorTest, ADeliveryIsMadeAgainUnderItsKeyUnlessItIsOpen) {
    open();
    append_range(1, 3);
    const std::string key = fetch(1).at(0).key;
    fetch();
    settle(1, Outcome::kDelivered);
    settle(2, Outcome::kDead);
    flush();
    EXPECT_EQ(change(OperatorAction::kRedeliver, {{"a", 1}, {"a", 2}, {"a", 3}, {"a", 99}}), 2);
    expect_counts(3, 0);
    const auto fetched = fetch();
    ASSERT_EQ(fetched.size(), 2U);
    EXPECT_EQ(fetched[0].key, key);
    EXPECT_EQ(fetched[0].attempt, 2);
    EXPECT_EQ(fetched[0].tries, 1);
    EXPECT_EQ(fetched[1].alert_id, 2);
    EXPECT_EQ(change(OperatorAction::kRedeliver, {{"a", 1}}), 0) << "it is under way";
    settle(1, Outcome::kDelivered);
    settle(2, Outcome::kDelivered);
    settle(3, Outcome::kDelivered);
    flush();
    expect_counts_after_restart(0, 0);
}

TEST_P(InboxOperatorTest, APluginThatCameLaterGetsOlderAlerts) {
    open({"a"});
    append_range(1, 3);
    open({"a", "b"});
    append(alert(9, {"b"}));
    EXPECT_EQ(fetch(10, 0, "b").size(), 1U);
    EXPECT_EQ(change(OperatorAction::kRedeliver, {{"b", 3}, {"b", 1}}), 2);
    const auto fetched = fetch(10, 0, "b");
    ASSERT_EQ(fetched.size(), 2U);
    EXPECT_EQ(fetched[0].alert_id, 1);
    EXPECT_EQ(fetched[0].attempt, 1);
    EXPECT_EQ(fetched[1].alert_id, 3);
    EXPECT_EQ(fetch(10, 0, "b").size(), 0U);
}

TEST_P(InboxOperatorTest, WhatIsMadeAgainSurvivesACrashOfTheProcess) {
    open();
    append_range(1, 1);
    fetch();
    settle(1, Outcome::kDelivered);
    flush();
    EXPECT_EQ(change(OperatorAction::kRedeliver, {{"a", 1}}), 1);
    open();
    EXPECT_EQ(fetch_ids(), Ids{1});
}

TEST_P(InboxOperatorTest, OneDevicesAlertsAreMadeAgainInOrder) {
    open_by_device();
    append_range(1, 3);
    for (std::int64_t id = 1; id <= 3; ++id) {
        EXPECT_EQ(fetch_ids(), Ids{id});
        settle(id, Outcome::kDelivered);
        flush();
    }
    EXPECT_EQ(change(OperatorAction::kRedeliver, {{"a", 3}, {"a", 1}, {"a", 2}}), 3);
    for (std::int64_t id = 1; id <= 3; ++id) {
        EXPECT_EQ(fetch_ids(), Ids{id});
        settle(id, Outcome::kDelivered);
        flush();
    }
    expect_counts(0, 0);
}

TEST_P(InboxOperatorTest, IsRefusedAfterClose) {
    open();
    inbox_->close();
    EXPECT_EQ(inbox_->change(OperatorAction::kRetry, {{"a", 1}}).error().code,
              base::ErrorCode::kClosed);
}

INCM_FOR_EVERY_INBOX(InboxOperatorTest);

}  // namespace
}  // namespace incm::inbox::test
