#include <algorithm>
#include <set>
#include <thread>

#include "inbox_fixture.h"

namespace incm::inbox::test {
namespace {

class InboxDeliveryTest : public InboxTest {};

TEST_P(InboxDeliveryTest, HandsOutOldestFirstAndOnce) {
    open();
    append_range(1, 5);
    EXPECT_EQ(fetch_ids(3), (Ids{1, 2, 3}));
    EXPECT_EQ(fetch_ids(3), (Ids{4, 5}));
    EXPECT_EQ(fetch_ids(3), Ids{});
}

TEST_P(InboxDeliveryTest, KeyIsTheSameOnEveryAttemptAndUnique) {
    open({"a", "b"});
    append(alert(1, {"a", "b"}));
    const auto first = fetch().at(0);
    EXPECT_EQ(first.attempt, 1);
    EXPECT_EQ(first.plugin, "a");
    EXPECT_EQ(first.key.find_first_not_of("0123456789abcdef-"), std::string::npos) << first.key;
    EXPECT_NE(fetch(1, 0, "b").at(0).key, first.key);
    settle(1, Outcome::kRetry, 0);
    flush();
    const auto second = fetch().at(0);
    EXPECT_EQ(second.key, first.key);
    EXPECT_EQ(second.attempt, 2);
}

TEST_P(InboxDeliveryTest, DeliveredIsGoneAndInTheLedger) {
    open();
    append_range(1, 2);
    fetch();
    settle(1, Outcome::kDelivered);
    flush();
    EXPECT_EQ(counts().open, 1);
    settle(2, Outcome::kDelivered);
    open();
    EXPECT_EQ(counts().open, 0);
    EXPECT_EQ(fetch_ids(), Ids{});
    EXPECT_EQ(ledger(1), std::vector<std::string>{"1|delivered|7"});
    EXPECT_EQ(ledger(2), std::vector<std::string>{"1|delivered|7"});
}

TEST_P(InboxDeliveryTest, RetryIsDueAfterItsPause) {
    open();
    append_range(1, 1);
    fetch();
    settle(1, Outcome::kRetry, 1000);
    flush();
    clock_.pass(999);
    EXPECT_EQ(fetch_ids(), Ids{});
    clock_.wall_ms += 3'600'000;
    EXPECT_EQ(fetch_ids(), Ids{}) << "a wall clock jump made it due";
    clock_.wall_ms -= 7'200'000;
    clock_.pass(1);
    EXPECT_EQ(fetch_ids(), Ids{1}) << "a wall clock jump held it up";
    EXPECT_EQ(fetch_ids(), Ids{}) << "a retry in flight was fetched again";
    EXPECT_EQ(counts().open, 1);
}

TEST_P(InboxDeliveryTest, AgeGoesByTheInboxClock) {
    open();
    append_range(1, 1);
    clock_.pass(500);
    clock_.wall_ms += 3'600'000;
    ASSERT_EQ(fetch().front().age_ms, 500);
    settle(1, Outcome::kRetry, 0);
    flush();
    clock_.pass(200);
    EXPECT_EQ(fetch().front().age_ms, 700) << "a retry made the delivery young again";
}

TEST_P(InboxDeliveryTest, RetryKeepsItsDueTimeOverARestart) {
    open();
    append_range(1, 1);
    fetch();
    settle(1, Outcome::kRetry, 1000);
    close();
    clock_.wall_ms -= 3'600'000;
    clock_.steady_ms = 0;
    open();
    EXPECT_EQ(fetch_ids(), Ids{});
    clock_.pass(1000);
    EXPECT_EQ(fetch_ids(), Ids{1});
}

TEST_P(InboxDeliveryTest, DeadLettersAreKeptAndNotFetched) {
    open();
    append_range(1, 1);
    fetch();
    settle(1, Outcome::kDead, 0, "a", std::string(1999, 'x') + "\xc3\xa4" + "tail");
    flush();
    EXPECT_EQ(counts().dead, 1);
    EXPECT_EQ(counts().open, 0);
    open();
    EXPECT_EQ(counts().dead, 1);
    EXPECT_EQ(fetch_ids(), Ids{});
    const auto page = inbox_->catalog().undelivered({});
    ASSERT_TRUE(page.ok());
    ASSERT_EQ(page.value().found.size(), 1U);
    EXPECT_EQ(page.value().found[0].attempts, 1);
    EXPECT_EQ(page.value().found[0].error, std::string(1999, 'x')) << "half a character is cut";
}

TEST_P(InboxDeliveryTest, GivenBackIsFetchedAgainWithoutAnAttempt) {
    open();
    append_range(1, 4);
    EXPECT_EQ(fetch_ids(3), (Ids{1, 2, 3}));
    inbox_->give_back("a", Ids{3, 1});
    EXPECT_EQ(fetch_ids(), (Ids{1, 3, 4}));
    settle(1, Outcome::kRetry, 0);
    flush();
    EXPECT_EQ(fetch().at(0).attempt, 2);
    inbox_->give_back("a", Ids{1});
    const auto again = fetch();
    ASSERT_EQ(again.size(), 1U);
    EXPECT_EQ(again[0].attempt, 2);
    inbox_->give_back("a", Ids{1, 2, 3, 4});
    open();
    std::vector<std::int64_t> attempts;
    for (const Delivery& delivery : fetch()) {
        attempts.push_back(delivery.attempt);
    }
    EXPECT_EQ(attempts, (Ids{2, 1, 1, 1})) << "a return counted as an interruption";
}

TEST_P(InboxDeliveryTest, SettlementOfWhatWasNotFetchedIsIgnoredAndLogged) {
    open();
    append_range(1, 2);
    settle(1, Outcome::kDelivered);
    settle(99, Outcome::kDead);
    settle(1, Outcome::kDelivered, 0, "nobody");
    EXPECT_TRUE(log_.has("settlement of alert 99 by a ignored"));
    EXPECT_TRUE(log_.has("settlement of alert 1 by nobody ignored"));
    inbox_->give_back("a", Ids{1});
    inbox_->give_back("nobody", Ids{1});
    EXPECT_TRUE(log_.has("return of alert 1 by a ignored"));
    EXPECT_EQ(fetch_ids(), (Ids{1, 2}));
    settle(1, Outcome::kDelivered);
    settle(1, Outcome::kDead);
    flush();
    EXPECT_EQ(counts().dead, 0);
    EXPECT_EQ(counts().open, 1);
}

TEST_P(InboxDeliveryTest, PartlySettledLeaseKeepsTheRest) {
    open();
    append_range(1, 3);
    fetch();
    settle(2, Outcome::kRetry, 0);
    open();  // The rest of the lease counts as interrupted, the settled one does not.
    EXPECT_EQ(ledger(1), std::vector<std::string>{"1|interrupted|"});
    EXPECT_EQ(ledger(2), std::vector<std::string>{"1|retry|7"});
    EXPECT_EQ(ledger(3), std::vector<std::string>{"1|interrupted|"});
    EXPECT_EQ(fetch_ids(), (Ids{1, 2, 3}));
}

TEST_P(InboxDeliveryTest, RetriesAndNewOnesTakeTurns) {
    open();
    append_range(1, 4);
    for (const std::int64_t id : fetch_ids()) {
        settle(id, Outcome::kRetry, 0);
    }
    append_range(5, 8);
    EXPECT_EQ(fetch_ids(4), (Ids{1, 5, 2, 6}));
    const Ids one_by_one = {fetch_ids(1).at(0), fetch_ids(1).at(0), fetch_ids(1).at(0)};
    EXPECT_EQ(one_by_one, (Ids{3, 7, 4}));
    EXPECT_EQ(fetch_ids(4), (Ids{8}));
}

TEST_P(InboxDeliveryTest, PluginsAreIndependent) {
    open({"a", "b"});
    append(alert(1, {"a", "b"}));
    append(alert(2, {"b"}));
    EXPECT_EQ(fetch_ids(), Ids{1});
    EXPECT_EQ(fetch(9, 0, "b").size(), 2U);
    EXPECT_EQ(inbox_->fetch("nobody", 1, 0).error().code, base::ErrorCode::kBadConfig);
}

TEST_P(InboxDeliveryTest, RowsOfAPluginThatIsGoneStay) {
    open({"a", "b"});
    append(alert(1, {"a", "b"}));
    open({"b", "c"});
    append(alert(2, {"b", "c"}));
    EXPECT_EQ(fetch(9, 0, "c").size(), 1U);
    EXPECT_EQ(counts().open, 4);
    open({"a"});
    EXPECT_EQ(fetch_ids(), Ids{1});
}

TEST_P(InboxDeliveryTest, TwoFetchersNeverGetTheSame) {
    open();
    constexpr std::uint64_t kAlerts = 300;
    std::vector<std::thread> threads;
    std::mutex mutex;
    std::vector<std::int64_t> delivered;
    std::atomic<int> retries{0};
    std::atomic<bool> done{false};
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            while (!done) {
                for (const Delivery& delivery : fetch(7, 50)) {
                    if (delivery.attempt == 1 && delivery.alert_id % 3 == 0) {
                        ++retries;
                        settle(delivery.alert_id, Outcome::kRetry, 0);
                    } else if (delivery.alert_id % 5 == 0 && delivery.attempt == 2) {
                        settle(delivery.alert_id, Outcome::kRetry, 0);
                    } else {
                        settle(delivery.alert_id, Outcome::kDelivered);
                        const std::lock_guard lock(mutex);
                        delivered.push_back(delivery.alert_id);
                        done = delivered.size() >= kAlerts;
                    }
                }
            }
        });
    }
    append_range(1, kAlerts);
    for (std::thread& thread : threads) {
        thread.join();
    }
    std::sort(delivered.begin(), delivered.end());
    EXPECT_EQ(delivered.size(), kAlerts);
    EXPECT_EQ(std::adjacent_find(delivered.begin(), delivered.end()), delivered.end());
    EXPECT_EQ(retries, 100);
    EXPECT_FALSE(log_.has("ignored"));
    open();
    EXPECT_EQ(counts().open, 0);
    std::size_t attempts = 0;
    for (std::size_t id = 1; id <= kAlerts; ++id) {
        attempts += ledger(static_cast<std::int64_t>(id)).size();
    }
    EXPECT_EQ(attempts, 420U);
}

TEST_P(InboxDeliveryTest, ABlockedFetcherGetsWhatArrives) {
    open();
    std::thread sender([&] { append(alert(1, {"a"})); });
    EXPECT_EQ(fetch_ids(1, 60'000), Ids{1});
    sender.join();
    std::thread settler([&] { settle(1, Outcome::kRetry, 0); });
    EXPECT_EQ(fetch_ids(1, 60'000), Ids{1});
    settler.join();
    std::thread giver([&] { inbox_->give_back("a", Ids{1}); });
    EXPECT_EQ(fetch_ids(1, 60'000), Ids{1});
    giver.join();
}

TEST_P(InboxDeliveryTest, WakeEndsEveryWaitFromThenOn) {
    open();
    std::vector<std::thread> fetchers;
    for (int i = 0; i < 3; ++i) {
        fetchers.emplace_back([&] { EXPECT_EQ(fetch_ids(1, 60'000), Ids{}); });
    }
    inbox_->wake_fetchers();
    for (std::thread& fetcher : fetchers) {
        fetcher.join();
    }
    EXPECT_EQ(fetch_ids(1, 60'000), Ids{});
    append(alert(1, {"a"}));
    EXPECT_EQ(fetch_ids(1, 60'000), Ids{1});
}

TEST_P(InboxDeliveryTest, CloseEndsABlockedFetch) {
    open();
    std::atomic<bool> started{false};
    std::thread fetcher([&] {
        started = true;
        const auto fetched = inbox_->fetch("a", 1, 60'000);
        EXPECT_FALSE(fetched.ok());
        EXPECT_EQ(fetched.error().code, base::ErrorCode::kClosed);
    });
    while (!started) {
        std::this_thread::yield();
    }
    inbox_->close();
    fetcher.join();
    settle(1, Outcome::kDelivered);
    inbox_->give_back("a", Ids{1});
}

TEST_P(InboxDeliveryTest, ReachesFromTheRealClock) {
    use(storage_->open({.plugins = {{"a"}}}, log_));
    append(alert(1, {"a"}));
    ASSERT_EQ(fetch_ids(), Ids{1});
    settle(1, Outcome::kRetry, 20);
    EXPECT_EQ(fetch_ids(1, 60'000), Ids{1});
}

INCM_FOR_EVERY_INBOX(InboxDeliveryTest);

}  // namespace
}  // namespace incm::inbox::test
