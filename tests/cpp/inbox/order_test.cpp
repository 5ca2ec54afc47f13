#include <map>
#include <random>
#include <set>

#include "inbox_fixture.h"

namespace incm::inbox::test {
namespace {

/// Plugin a gets one device's alerts in order.
class InboxOrderTest : public InboxTest {
 protected:
    void arrive(std::uint64_t number, const std::string& device) {
        NewAlert made = alert(number, {"a"});
        made.device = device;
        append(std::move(made));
    }
};

TEST_P(InboxOrderTest, OneAtATimeOfADevice) {
    open_by_device();
    arrive(1, "x");
    arrive(2, "x");
    arrive(3, "y");
    arrive(4, "x");
    EXPECT_EQ(fetch_ids(), (Ids{1, 3}));
    EXPECT_EQ(fetch_ids(), Ids{});
    settle(1, Outcome::kDelivered);
    flush();
    EXPECT_EQ(fetch_ids(), Ids{2});
    settle(2, Outcome::kDead);
    settle(3, Outcome::kDelivered);
    flush();
    EXPECT_EQ(fetch_ids(), Ids{4}) << "a dead letter delays no other delivery";
}

TEST_P(InboxOrderTest, RetryHoldsBackItsOwnDeviceOnly) {
    open_by_device();
    arrive(1, "x");
    arrive(2, "x");
    arrive(3, "y");
    ASSERT_EQ(fetch_ids(), (Ids{1, 3}));
    settle(1, Outcome::kRetry, 1000);
    settle(3, Outcome::kDelivered);
    arrive(4, "y");
    arrive(5, "x");
    EXPECT_EQ(fetch_ids(), Ids{4});
    clock_.pass(1000);
    EXPECT_EQ(fetch_ids(), Ids{1});
    settle(1, Outcome::kDelivered);
    flush();
    EXPECT_EQ(fetch_ids(), Ids{2});
}

TEST_P(InboxOrderTest, RetriedByHandWaitsForWhatIsUnderWay) {
    open_by_device();
    arrive(1, "x");
    arrive(2, "x");
    arrive(3, "x");
    ASSERT_EQ(fetch_ids(), Ids{1});
    settle(1, Outcome::kDead);
    flush();
    ASSERT_EQ(fetch_ids(), Ids{2});
    ASSERT_EQ(inbox_->change(OperatorAction::kRetry, {{"a", 1}}).value(), 1);
    EXPECT_EQ(fetch_ids(), Ids{}) << "two at once of a device";
    settle(2, Outcome::kRetry, 0);
    flush();
    EXPECT_EQ(fetch_ids(), Ids{1});
    settle(1, Outcome::kDelivered);
    flush();
    EXPECT_EQ(fetch_ids(), Ids{2});
    inbox_->give_back("a", Ids{2});
    EXPECT_EQ(fetch_ids(), Ids{2});
    settle(2, Outcome::kDelivered);
    flush();
    EXPECT_EQ(fetch_ids(), Ids{3});
}

TEST_P(InboxOrderTest, ReplayedOnesGoOneAfterTheOther) {
    open_by_device();
    for (std::uint64_t number = 1; number <= 3; ++number) {
        arrive(number, "x");
    }
    for (std::int64_t id = 1; id <= 3; ++id) {
        ASSERT_EQ(fetch_ids(), Ids{id});
        settle(id, Outcome::kDelivered);
        flush();
    }
    // The later one is due first, and is found first.
    ASSERT_EQ(inbox_->change(OperatorAction::kRedeliver, {{"a", 3}}).value(), 1);
    clock_.pass(1);
    ASSERT_EQ(inbox_->change(OperatorAction::kRedeliver, {{"a", 1}, {"a", 2}}).value(), 2);
    Ids seen;
    for (Ids fetched = fetch_ids(); !fetched.empty(); fetched = fetch_ids()) {
        ASSERT_EQ(fetched.size(), 1U) << "two at once of a device";
        seen.push_back(fetched.front());
        settle(fetched.front(), Outcome::kDelivered);
        flush();
    }
    EXPECT_EQ(seen.size(), 3U);
}

TEST_P(InboxOrderTest, RetryHoldsBackItsDeviceOverARestart) {
    open_by_device();
    arrive(1, "x");
    ASSERT_EQ(fetch_ids(), Ids{1});
    settle(1, Outcome::kRetry, 1000);
    arrive(2, "x");
    open_by_device();
    EXPECT_EQ(fetch_ids(), Ids{});
    clock_.pass(1000);
    EXPECT_EQ(fetch_ids(), Ids{1});
}

TEST_P(InboxOrderTest, AlertsWithoutADeviceWaitForNoOther) {
    open_by_device();
    arrive(1, "");
    arrive(2, "");
    EXPECT_EQ(fetch_ids(), (Ids{1, 2}));
}

TEST_P(InboxOrderTest, GivenBackComesBeforeTheLaterOnesOfItsDevice) {
    open_by_device();
    arrive(1, "x");
    arrive(2, "x");
    arrive(3, "");
    arrive(4, "y");
    ASSERT_EQ(fetch_ids(), (Ids{1, 3, 4}));
    inbox_->give_back("a", Ids{3, 1, 4});
    EXPECT_EQ(fetch_ids(1), Ids{1});
    EXPECT_EQ(fetch_ids(), (Ids{3, 4}));
    settle(1, Outcome::kDelivered);
    flush();
    EXPECT_EQ(fetch_ids(), Ids{2});
}

TEST_P(InboxOrderTest, SeveralRetriesOfADeviceGoInOrder) {
    open();  // without order, so that two of a device fail
    arrive(1, "x");
    arrive(2, "x");
    ASSERT_EQ(fetch_ids(), (Ids{1, 2}));
    settle(2, Outcome::kRetry, 0);
    clock_.pass(1);
    settle(1, Outcome::kRetry, 0);
    open_by_device();
    clock_.pass(10);
    EXPECT_EQ(fetch_ids(), Ids{1});
    settle(1, Outcome::kDelivered);
    flush();
    EXPECT_EQ(fetch_ids(), Ids{2});
}

TEST_P(InboxOrderTest, KeepsTheOrderThroughAnyHistory) {
    open_by_device();
    std::mt19937 random(20261124);
    const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
    std::map<std::int64_t, std::string> device_of;
    std::map<std::string, std::int64_t> last_delivered;
    std::map<std::string, std::int64_t> under_way;
    std::set<std::int64_t> left;
    std::uint64_t number = 0;
    for (int step = 0; step < 3000 || !left.empty(); ++step) {
        if (step < 3000 && chance(60)) {
            const std::string device = chance(10) ? "" : "device-" + std::to_string(random() % 7);
            arrive(++number, device);
            device_of[static_cast<std::int64_t>(number)] = device;
            left.insert(static_cast<std::int64_t>(number));
        }
        for (const Delivery& delivery : fetch(1 + random() % 5)) {
            const std::string& device = device_of.at(delivery.alert_id);
            ASSERT_EQ(delivery.device, device);
            if (!device.empty()) {
                ASSERT_FALSE(under_way.contains(device)) << "two of " << device << " at once";
                ASSERT_GT(delivery.alert_id, last_delivered[device]) << device;
            }
            under_way[device.empty() ? std::to_string(delivery.alert_id) : device] =
                delivery.alert_id;
        }
        std::erase_if(under_way, [&](const auto& entry) {
            const auto& [device, id] = entry;
            if (step < 3000 && chance(40)) {
                return false;
            }
            if (chance(20)) {
                inbox_->give_back("a", {&id, 1});
            } else if (chance(30)) {
                settle(id, Outcome::kRetry, random() % 20);
            } else {
                settle(id, chance(10) ? Outcome::kDead : Outcome::kDelivered);
                last_delivered[device_of.at(id)] = id;
                left.erase(id);
            }
            return true;
        });
        // A commit after what was settled.
        ASSERT_TRUE(inbox_->quarantine().keep({}).ok());
        clock_.pass(5);
    }
    EXPECT_FALSE(log_.has("ignored"));
    EXPECT_EQ(counts().open, 0);
}

INCM_FOR_EVERY_INBOX(InboxOrderTest);

}  // namespace
}  // namespace incm::inbox::test
