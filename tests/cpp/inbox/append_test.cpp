#include <barrier>
#include <future>
#include <set>
#include <thread>

#include "inbox_fixture.h"

namespace incm::inbox::test {
namespace {

class InboxAppendTest : public InboxTest {};

TEST_P(InboxAppendTest, NumbersAlertsFromOne) {
    open();
    EXPECT_EQ(append(alert(1)).id, 1);
    EXPECT_EQ(append(alert(2)).id, 2);
    EXPECT_EQ(counts().alerts, 2);
}

TEST_P(InboxAppendTest, KeepsAllFields) {
    open();
    NewAlert made = alert(1, {"a"});
    made.text = std::string("{\"a\": \"\0\xff\"}", 11) + std::string(1 << 20, 'x');
    const std::string text = made.text;
    append(made);
    const auto fetched = fetch();
    ASSERT_EQ(fetched.size(), 1U);
    EXPECT_EQ(fetched[0].text, text);
    EXPECT_EQ(fetched[0].endpoint, "/alerts");
    EXPECT_EQ(fetched[0].received_at_ms, 1'700'000'000'000);
    const auto listed = inbox_->catalog().alerts({.with_text = true});
    ASSERT_TRUE(listed.ok());
    ASSERT_EQ(listed.value().alerts.size(), 1U);
    const StoredAlert& stored = listed.value().alerts[0];
    EXPECT_EQ(stored.form, "raw");
    EXPECT_EQ(stored.type, "test");
    EXPECT_EQ(stored.device, "device-1");
    EXPECT_EQ(stored.text, text);
}

TEST_P(InboxAppendTest, TheTraceIsKeptForEveryDeliveryAndForTheHistory) {
    open();
    NewAlert traced = alert(1, {"a"});
    traced.trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 vendor=1";
    append(traced);
    append(alert(2, {"a"}));
    open();
    const auto fetched = fetch();
    ASSERT_EQ(fetched.size(), 2U);
    EXPECT_EQ(fetched[0].trace, traced.trace);
    EXPECT_EQ(fetched[1].trace, std::nullopt);
    EXPECT_EQ(inbox_->catalog().alert(1).value()->trace, traced.trace);
    EXPECT_EQ(inbox_->catalog().alert(2).value()->trace, std::nullopt);
}

TEST_P(InboxAppendTest, EmptyTextsAreKeptAsEmpty) {
    open();
    NewAlert made = alert(1, {"a"});
    made.text = made.type = made.device = "";
    append(made);
    ASSERT_EQ(fetch().size(), 1U);
}

TEST_P(InboxAppendTest, DuplicateForEver) {
    open();
    const auto first = append(alert(1, {"a"}));
    clock_.pass(365LL * 24 * 3600 * 1000);
    const auto again = append(alert(1, {"a"}));
    EXPECT_TRUE(again.duplicate);
    EXPECT_EQ(again.id, first.id);
    open();
    EXPECT_TRUE(append(alert(1, {"a"})).duplicate);
    EXPECT_EQ(counts().alerts, 1);
    EXPECT_EQ(counts().open, 1);
}

TEST_P(InboxAppendTest, WithoutIdDuplicateForFiveMinutes) {
    open();
    NewAlert made = alert(1, {"a"});
    made.duplicate_for_ever = false;
    EXPECT_EQ(append(made).id, 1);
    clock_.pass(kShortDedupeMs);
    EXPECT_TRUE(append(made).duplicate);
    clock_.pass(1);
    const auto later = append(made);
    EXPECT_FALSE(later.duplicate);
    EXPECT_EQ(later.id, 2);
    clock_.pass(kShortDedupeMs);
    const auto again = append(made);
    EXPECT_TRUE(again.duplicate);
    EXPECT_EQ(again.id, 2);
    EXPECT_EQ(counts().open, 2);
}

TEST_P(InboxAppendTest, WallClockJumpsChangeNoDedupe) {
    open();
    NewAlert made = alert(1);
    made.duplicate_for_ever = false;
    append(made);
    clock_.wall_ms += 3'600'000;
    EXPECT_TRUE(append(made).duplicate);
    clock_.wall_ms -= 7'200'000;
    clock_.steady_ms += kShortDedupeMs + 1;
    EXPECT_FALSE(append(made).duplicate);
}

TEST_P(InboxAppendTest, ClockDoesNotRunBackOverARestart) {
    open();
    append(alert(1));
    clock_.pass(1000);
    NewAlert made = alert(2);
    made.duplicate_for_ever = false;
    append(made);
    close();
    clock_.wall_ms -= 3'600'000;
    clock_.steady_ms = 0;
    open();
    clock_.pass(kShortDedupeMs + 1);
    EXPECT_FALSE(append(made).duplicate) << "the clock went back by an hour";
}

TEST_P(InboxAppendTest, UnknownPluginIsRefused) {
    open();
    const auto stored = inbox_->append(alert(1, {"nobody"}));
    ASSERT_FALSE(stored.ok());
    EXPECT_EQ(stored.error().code, base::ErrorCode::kBadConfig);
    EXPECT_EQ(counts().alerts, 0);
}

TEST_P(InboxAppendTest, ACallbackGetsWhatIsStored) {
    open();
    const auto first = append_later(alert(1, {"a"}));
    ASSERT_TRUE(first.ok());
    EXPECT_EQ(stored(), Ids{1});
    const auto again = append_later(alert(1, {"a"}));
    ASSERT_TRUE(again.ok());
    EXPECT_TRUE(again.value().duplicate);
    EXPECT_EQ(again.value().id, first.value().id);
    EXPECT_EQ(fetch_ids(), Ids{1}) << "the alert must reach the plugin, too";
}

TEST_P(InboxAppendTest, ACallbackGetsWhyNothingIsStored) {
    open();
    const auto unknown = append_later(alert(1, {"nobody"}));
    ASSERT_FALSE(unknown.ok());
    EXPECT_EQ(unknown.error().code, base::ErrorCode::kBadConfig);
    inbox_->close();
    const auto closed = append_later(alert(1, {"a"}));
    ASSERT_FALSE(closed.ok());
    EXPECT_EQ(closed.error().code, base::ErrorCode::kClosed);
}

TEST_P(InboxAppendTest, ACloseStoresWhatIsUnderWay) {
    constexpr int kMany = 100;
    open();
    std::vector<std::promise<base::Result<Stored>>> results(kMany);
    for (std::size_t i = 0; i < kMany; ++i) {
        inbox_->append_later(alert(i, {"a"}), std::make_unique<Promised>(results[i]));
    }
    inbox_->close();
    for (auto& one : results) {
        EXPECT_TRUE(one.get_future().get().ok());
    }
    open();
    EXPECT_EQ(counts().alerts, kMany);
}

TEST_P(InboxAppendTest, PluginNamedTwiceGetsOneDelivery) {
    open();
    append(alert(1, {"a", "a"}));
    EXPECT_EQ(fetch().size(), 1U);
}

TEST_P(InboxAppendTest, EachDistinctAlertOnceFromManyThreads) {
    constexpr int kThreads = 16;
    constexpr std::uint64_t kAlerts = 60;
    open();
    std::vector<std::vector<Stored>> stored(kThreads);
    std::barrier start(kThreads);
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&, i] {
            // In step, so that the same alert meets itself in one batch.
            for (std::uint64_t number = 1; number <= kAlerts; ++number) {
                start.arrive_and_wait();
                auto done = inbox_->append(alert(number, {"a"}));
                stored[static_cast<std::size_t>(i)].push_back(done.ok() ? done.value()
                                                                        : Stored{-1, false});
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    std::set<std::int64_t> ids;
    for (std::size_t number = 0; number < kAlerts; ++number) {
        int fresh = 0;
        for (const auto& mine : stored) {
            EXPECT_EQ(mine[number].id, stored[0][number].id);
            fresh += mine[number].duplicate ? 0 : 1;
        }
        EXPECT_EQ(fresh, 1);
        ids.insert(stored[0][number].id);
    }
    EXPECT_EQ(ids.size(), kAlerts);
    open();
    EXPECT_EQ(counts().alerts, static_cast<std::int64_t>(kAlerts));
    EXPECT_EQ(fetch().size(), kAlerts);
}

TEST_P(InboxAppendTest, CloseDuringAppendsKeepsWhatWasAcknowledged) {
    open();
    std::atomic<std::int64_t> acknowledged{0};
    std::vector<std::thread> threads;
    for (std::uint64_t i = 0; i < 8; ++i) {
        threads.emplace_back([&, i] {
            for (std::uint64_t number = 0;; ++number) {
                const auto done = inbox_->append(alert(1 + number * 8 + i));
                if (!done.ok()) {
                    EXPECT_EQ(done.error().code, base::ErrorCode::kClosed);
                    return;
                }
                ++acknowledged;
            }
        });
    }
    while (acknowledged < 200) {
        std::this_thread::yield();
    }
    inbox_->close();
    for (std::thread& thread : threads) {
        thread.join();
    }
    inbox_->close();
    EXPECT_EQ(inbox_->counts().error().code, base::ErrorCode::kClosed);
    EXPECT_EQ(inbox_->quarantine().keep({}).error().code, base::ErrorCode::kClosed);
    open();
    EXPECT_EQ(counts().alerts, acknowledged.load());
}

INCM_FOR_EVERY_INBOX(InboxAppendTest);

}  // namespace
}  // namespace incm::inbox::test
