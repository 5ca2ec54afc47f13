#include "inbox_fixture.h"

#include "incm/inbox/outages.h"

namespace incm::inbox::test {
namespace {

/// Attempts that find the target unavailable, and the time until one succeeds.
class InboxOutageTest : public InboxTest {
 protected:
    static constexpr std::int64_t kHourMs = 3'600'000;

    void open_retrying() { open_with({.plugins = {{"a", false, {.give_up_s = 60}}}}); }
    /// The age of a delivery, which is given back.
    std::int64_t age_of(std::int64_t id, const std::string& plugin = "a") {
        std::int64_t age_ms = -1;
        for (const Delivery& delivery : fetch(100, 0, plugin)) {
            age_ms = delivery.alert_id == id ? delivery.age_ms : age_ms;
            inbox_->give_back(plugin, {&delivery.alert_id, 1});
        }
        return age_ms;
    }
    void unavailable(std::int64_t id, const std::string& plugin = "a") {
        ASSERT_EQ(fetch(1, 0, plugin).at(0).alert_id, id);
        settle(id, Outcome::kUnavailable, 0, plugin);
        flush();
    }
};

TEST_P(InboxOutageTest, TheDeliveryIsKeptAndTheAttemptIsNoTry) {
    open();
    append_range(1, 1);
    fetch();
    settle(1, Outcome::kUnavailable, 1000);
    flush();
    EXPECT_EQ(fetch_ids(), Ids{}) << "it waits";
    clock_.pass(1000);
    const auto again = fetch();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].attempt, 2);
    EXPECT_EQ(again[0].tries, 1);
    settle(1, Outcome::kRetry, 0);
    flush();
    EXPECT_EQ(fetch().at(0).tries, 2);
    EXPECT_EQ(ledger(1), (std::vector<std::string>{"1|unavailable|7", "2|retry|7"}));
    EXPECT_EQ(counts().open, 1);
    expect_totals();
}

TEST_P(InboxOutageTest, NothingOfThePluginGrowsOlderUntilASuccess) {
    open({"a", "b"});
    append(alert(1, {"a", "b"}));
    append(alert(2, {"a"}));
    clock_.pass(500);
    unavailable(1);
    clock_.pass(kHourMs);
    const std::int64_t later = append(alert(3, {"a"})).id;
    ASSERT_EQ(fetch().size(), 3U);
    settle(2, Outcome::kUnavailable);
    flush();
    inbox_->give_back("a", Ids{1, later});
    clock_.pass(kHourMs);
    EXPECT_EQ(age_of(1), 500);
    EXPECT_EQ(age_of(2), 500) << "it waited for the other one's outage";
    EXPECT_EQ(age_of(later), 0);
    EXPECT_EQ(age_of(1, "b"), 2 * kHourMs + 500) << "the outage of another plugin";
    ASSERT_EQ(fetch().size(), 3U);
    settle(1, Outcome::kDelivered);
    inbox_->give_back("a", Ids{2, later});
    append(alert(4, {"b"}));
    clock_.pass(200);
    EXPECT_EQ(age_of(2), 700);
    EXPECT_EQ(age_of(later), 200);
}

TEST_P(InboxOutageTest, ItLastsOverAClose) {
    open();
    append_range(1, 2);
    clock_.pass(500);
    unavailable(1);
    close();
    clock_.pass(kHourMs);
    open();
    EXPECT_EQ(age_of(2), 500);
    ASSERT_EQ(fetch().size(), 2U);
    settle(1, Outcome::kDelivered);
    flush();
    inbox_->give_back("a", Ids{2});
    clock_.pass(200);
    open();
    clock_.pass(50);
    EXPECT_EQ(age_of(2), 750) << "an outage that is over was forgotten, or lasts";
}

TEST_P(InboxOutageTest, ARejectionEndsItAndAFailureDoesNot) {
    open();
    append_range(1, 4);
    unavailable(1);
    ASSERT_EQ(fetch().size(), 4U);
    settle(1, Outcome::kRetry);
    settle(2, Outcome::kDead);
    flush();
    inbox_->give_back("a", Ids{3, 4});
    clock_.pass(1000);
    EXPECT_EQ(age_of(4), 0);
    ASSERT_EQ(fetch().size(), 3U);
    settle(3, Outcome::kRejected);
    flush();
    inbox_->give_back("a", Ids{1, 4});
    clock_.pass(1000);
    EXPECT_EQ(age_of(4), 1000);
    EXPECT_EQ(counts().dead, 2);
    EXPECT_EQ(ledger(3), std::vector<std::string>{"1|dead|7"});
    expect_totals();
}

TEST_P(InboxOutageTest, AnInterruptionDuringItMakesNoDeadLetter) {
    open_retrying();
    append_range(1, 1);
    unavailable(1);
    clock_.pass(kHourMs);
    for (int interruption = 1; interruption <= 3; ++interruption) {
        ASSERT_EQ(fetch_ids(), Ids{1}) << interruption;
        open_retrying();
        clock_.pass(10'000);
    }
    EXPECT_EQ(counts().dead, 0);
    EXPECT_EQ(counts().open, 1);
}

TEST_P(InboxOutageTest, AReplayBeginsAnew) {
    open();
    append_range(1, 1);
    unavailable(1);
    clock_.pass(kHourMs);
    ASSERT_EQ(fetch_ids(), Ids{1});
    settle(1, Outcome::kRejected);
    flush();
    ASSERT_EQ(inbox_->change(OperatorAction::kRetry, {{"a", 1}}).value(), 1);
    clock_.pass(300);
    EXPECT_EQ(age_of(1), 300);
}

INCM_FOR_EVERY_INBOX(InboxOutageTest);

TEST(OutagesTest, OneBeyondTheMostJoinsTheTwoOldest) {
    Outages outages;
    const auto count = static_cast<std::int64_t>(Outages::kMost) + 1;
    for (std::int64_t i = 0; i < count; ++i) {
        outages.settled(Outcome::kUnavailable, 10 * i);
        outages.settled(Outcome::kDelivered, 10 * i + 1);
    }
    EXPECT_EQ(outages.within(0, 10), 10) << "the time between the two oldest";
    EXPECT_EQ(outages.within(11, 10 * count), count - 2);
}

TEST(OutagesTest, OneThatBeginsWhenTheLastOneEndedContinuesIt) {
    Outages outages;
    outages.settled(Outcome::kUnavailable, 10);
    outages.settled(Outcome::kDelivered, 20);
    outages.settled(Outcome::kUnavailable, 20);
    outages.settled(Outcome::kUnavailable, 25);
    EXPECT_EQ(outages.within(15, 30), 15);
    outages.settled(Outcome::kRejected, 30);
    EXPECT_EQ(outages.within(0, 100), 20);
}

}  // namespace
}  // namespace incm::inbox::test
