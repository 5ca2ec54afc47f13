#include <string>
#include <thread>
#include <vector>

#include "large_alerts.h"

namespace incm::inbox::test {
namespace {

/// How much text may be fetched and not settled.
class InboxRoomTest : public LargeAlerts<InboxTest> {
 protected:
    void expect_room_of_one() {
        append_large_ones(2 * kOfOne);
        EXPECT_EQ(fetch_ids().size(), kOfOne);
        EXPECT_EQ(fetch_ids(), Ids{});
        settle(2, Outcome::kRetry, 0);
        EXPECT_EQ(fetch().size(), 1U) << "a settled delivery uses no room any more";
        inbox_->give_back("a", Ids{1, 3});
        flush();
        EXPECT_EQ(fetch_ids().size(), 2U);
        EXPECT_EQ(fetch_ids(), Ids{});
    }
};

TEST_P(InboxRoomTest, APluginFetchesNoMoreThanItsBytes) {
    open();
    expect_room_of_one();
}

TEST_P(InboxRoomTest, APluginByDeviceFetchesNoMoreThanItsBytes) {
    open_by_device();
    expect_room_of_one();
}

TEST_P(InboxRoomTest, OneDeliveryMayAlwaysBeFetched) {
    open();
    append_large(1, 3 * FetchedBytes::kMaxOfOne);
    append_large(2, 10);
    append_large(3, 10);
    append_large(4, 3 * FetchedBytes::kMaxOfOne);
    EXPECT_EQ(fetch_ids(), Ids{1}) << "and no other beside it";
    EXPECT_EQ(fetch_ids(), Ids{});
    settle(1, Outcome::kDelivered);
    EXPECT_EQ(fetch_ids(), (Ids{2, 3}));
    settle(2, Outcome::kDelivered);
    settle(3, Outcome::kDelivered);
    EXPECT_EQ(fetch_ids(), Ids{4});
}

TEST_P(InboxRoomTest, AFetcherThatWaitsForRoomIsWoken) {
    open();
    append_large_ones(2 * kOfOne);
    EXPECT_EQ(fetch_ids().size(), kOfOne);
    std::thread settler([&] { settle(1, Outcome::kDelivered); });
    EXPECT_EQ(fetch_ids(9, 60'000), Ids{kOfOne + 1});
    settler.join();
    std::thread giver([&] { inbox_->give_back("a", Ids{2}); });
    EXPECT_EQ(fetch_ids(9, 60'000).size(), 1U);
    giver.join();
}

TEST_P(InboxRoomTest, AllPluginsTogetherFetchNoMoreThanTheirBytes) {
    std::vector<std::string> plugins;
    for (std::size_t i = 0; i < kOfAll / kOfOne + 2; ++i) {
        plugins.push_back("p" + std::to_string(i));
    }
    open(plugins);
    append_large_ones(kOfOne + 1, plugins);
    std::size_t fetched = 0;
    for (const std::string& plugin : plugins) {
        fetched += fetch(100, 0, plugin).size();
    }
    EXPECT_EQ(fetched, kOfAll + 2) << "each of the last ones has one";
    EXPECT_EQ(fetch(100, 0, plugins.back()).size(), 0U);
    std::thread settler([&] {
        for (const std::int64_t id : {1, 2, 3}) {
            settle(id, Outcome::kDelivered, 0, plugins.front());
        }
    });
    EXPECT_EQ(fetch(100, 60'000, plugins.back()).size(), 1U) << "woken by another plugin's end";
    settler.join();
}

TEST_P(InboxRoomTest, SmallOnesGoOnBesidePluginsThatHoldMuch) {
    std::vector<std::string> plugins;
    for (std::size_t i = 0; i < kOfAll / kOfOne; ++i) {
        plugins.push_back("p" + std::to_string(i));
    }
    std::vector<std::string> all = plugins;
    all.emplace_back("small");
    open(all);
    append_large_ones(kOfOne, plugins);
    for (const std::string& plugin : plugins) {
        EXPECT_EQ(fetch(100, 0, plugin).size(), kOfOne);
    }
    for (std::uint64_t number = 0; number < 300; ++number) {
        append_large(1000 + number, 1024, {"small"});
    }
    EXPECT_EQ(fetch(128, 0, "small").size(), 128U);
    EXPECT_EQ(fetch(128, 0, "small").size(), 128U);
    EXPECT_EQ(fetch(128, 0, "small").size(), 0U) << "256 KiB of them";
}

INCM_FOR_EVERY_INBOX(InboxRoomTest);

}  // namespace
}  // namespace incm::inbox::test
