#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "inbox_support.h"
#include <sys/resource.h>

#include "incm/inbox/taken_bytes.h"

namespace incm::inbox::test {
namespace {

constexpr std::int64_t kMiB = 1 << 20;
constexpr std::size_t kOfOne = TakenBytes::kMaxOfOne / kMiB;
constexpr std::size_t kOfAll = TakenBytes::kMaxOfAll / kMiB;

/// How much text may be taken and not settled.
class InboxRoomTest : public InboxTest {
 protected:
    void append_large(std::uint64_t number, std::int64_t bytes,
                      std::vector<std::string> plugins = {"a"}) {
        NewAlert made = alert(number, std::move(plugins));
        made.text.resize(static_cast<std::size_t>(bytes), ' ');
        made.device = "device-" + std::to_string(number);
        EXPECT_FALSE(append(std::move(made)).duplicate);
    }
    void append_large_ones(std::uint64_t count, const std::vector<std::string>& plugins = {"a"}) {
        for (std::uint64_t number = 1; number <= count; ++number) {
            append_large(number, kMiB, plugins);
        }
    }
};

TEST_F(InboxRoomTest, APluginTakesNoMoreThanItsBytes) {
    for (const bool by_device : {false, true}) {
        by_device ? open_by_device() : open();
        if (!by_device) append_large_ones(2 * kOfOne);
        EXPECT_EQ(take_ids().size(), kOfOne);
        EXPECT_EQ(take_ids(), Ids{});
        settle(2, Outcome::kRetry, 0);
        EXPECT_EQ(take().size(), 1U) << "what is settled is not taken any more";
        inbox_->give_back("a", Ids{1, 3});
        flush();
        EXPECT_EQ(take_ids().size(), 2U);
        EXPECT_EQ(take_ids(), Ids{});
        close();
        run_sql(path(), "DELETE FROM lease");
    }
}

TEST_F(InboxRoomTest, OneDeliveryMayAlwaysBeTaken) {
    open();
    append_large(1, 3 * TakenBytes::kMaxOfOne);
    append_large(2, 10);
    append_large(3, 10);
    append_large(4, 3 * TakenBytes::kMaxOfOne);
    EXPECT_EQ(take_ids(), Ids{1}) << "and no other beside it";
    EXPECT_EQ(take_ids(), Ids{});
    settle(1, Outcome::kDelivered);
    EXPECT_EQ(take_ids(), (Ids{2, 3}));
    settle(2, Outcome::kDelivered);
    settle(3, Outcome::kDelivered);
    EXPECT_EQ(take_ids(), Ids{4});
}

TEST_F(InboxRoomTest, WhoeverWaitsForRoomIsWoken) {
    open();
    append_large_ones(2 * kOfOne);
    EXPECT_EQ(take_ids().size(), kOfOne);
    std::thread settler([&] { settle(1, Outcome::kDelivered); });
    EXPECT_EQ(take_ids(9, 60'000), Ids{kOfOne + 1});
    settler.join();
    std::thread giver([&] { inbox_->give_back("a", Ids{2}); });
    EXPECT_EQ(take_ids(9, 60'000).size(), 1U);
    giver.join();
}

TEST_F(InboxRoomTest, AllTogetherTakeNoMoreThanTheirs) {
    std::vector<std::string> plugins;
    for (std::size_t i = 0; i < kOfAll / kOfOne + 2; ++i) {
        plugins.push_back("p" + std::to_string(i));
    }
    open(plugins);
    append_large_ones(kOfOne + 1, plugins);
    std::size_t taken = 0;
    for (const std::string& plugin : plugins) {
        taken += take(100, 0, plugin).size();
    }
    EXPECT_EQ(taken, kOfAll + 2) << "each of the last ones has one";
    EXPECT_EQ(take(100, 0, plugins.back()).size(), 0U);
    std::thread settler([&] {
        for (const std::int64_t id : {1, 2, 3}) {
            settle(id, Outcome::kDelivered, 0, plugins.front());
        }
    });
    EXPECT_EQ(take(100, 60'000, plugins.back()).size(), 1U) << "woken by another plugin's end";
    settler.join();
}

TEST_F(InboxRoomTest, SmallOnesGoOnBesidePluginsThatHoldMuch) {
    std::vector<std::string> plugins;
    for (std::size_t i = 0; i < kOfAll / kOfOne; ++i) {
        plugins.push_back("p" + std::to_string(i));
    }
    std::vector<std::string> all = plugins;
    all.emplace_back("small");
    open(all);
    append_large_ones(kOfOne, plugins);
    for (const std::string& plugin : plugins) {
        EXPECT_EQ(take(100, 0, plugin).size(), kOfOne);
    }
    for (std::uint64_t number = 0; number < 300; ++number) {
        append_large(1000 + number, 1024, {"small"});
    }
    EXPECT_EQ(take(128, 0, "small").size(), 128U);
    EXPECT_EQ(take(128, 0, "small").size(), 128U);
    EXPECT_EQ(take(128, 0, "small").size(), 0U) << "256 KiB of them";
}

TEST_F(InboxRoomTest, WhatCouldNotBeLeasedTakesNoRoom) {
    open();
    append_large_ones(kOfOne + 1);
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit full{1, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
    const auto taken = inbox_->fetch("a", 100, 0);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_FALSE(taken.ok());
    EXPECT_EQ(take_ids().size(), kOfOne);
}

}  // namespace
}  // namespace incm::inbox::test
