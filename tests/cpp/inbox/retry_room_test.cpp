#include <thread>
#include <tuple>

#include "inbox_fixture.h"

namespace incm::inbox::test {
namespace {

/// How many retries are under way at once, of a plugin in any order and of one by device.
class InboxRetryRoomTest : public InboxFixture,
                           public ::testing::TestWithParam<std::tuple<Implementation, bool>> {
 protected:
    InboxRetryRoomTest() : InboxFixture(std::get<0>(GetParam()).make_storage()) {}
    /// Alerts 1 to 4 failed before and are due, 5 to 8 were never attempted; each of its own
    /// device.
    void SetUp() override {
        std::get<1>(GetParam()) ? open_by_device() : open();
        arrive(1, 4);
        for (const std::int64_t id : fetch_ids()) {
            settle(id, Outcome::kRetry, 0);
        }
        arrive(5, 8);
    }
    void arrive(std::uint64_t first, std::uint64_t last) {
        for (std::uint64_t number = first; number <= last; ++number) {
            NewAlert made = alert(number, {"a"});
            made.device = "device-" + std::to_string(number);
            append(std::move(made));
        }
    }
    Ids fetch_with(std::size_t max_retries, std::size_t max_items = 100,
                   std::int64_t timeout_ms = 0) {
        const auto fetched = inbox_->fetch("a", max_items, timeout_ms, max_retries);
        Ids ids;
        for (const Delivery& delivery : fetched.value()) {
            ids.push_back(delivery.alert_id);
        }
        return ids;
    }
};

TEST_P(InboxRetryRoomTest, NewOnesTakeThePlacesThatRetriesMayNot) {
    EXPECT_EQ(fetch_with(1, 4), (Ids{1, 5, 6, 7}));
    EXPECT_EQ(fetch_with(1), Ids{8}) << "the first one is still under way";
    EXPECT_EQ(fetch_with(1), Ids{});
    EXPECT_EQ(fetch_with(3), (Ids{2, 3}));
    EXPECT_EQ(fetch_with(3), Ids{});
    EXPECT_EQ(fetch_with(0), Ids{});
    EXPECT_EQ(fetch_ids(), Ids{4});
}

TEST_P(InboxRetryRoomTest, EachEndOfARetryMakesRoom) {
    EXPECT_EQ(fetch_with(1), (Ids{1, 5, 6, 7, 8}));
    settle(5, Outcome::kDelivered);
    flush();
    EXPECT_EQ(fetch_with(1), Ids{}) << "the end of a new one makes none";
    settle(1, Outcome::kDelivered);
    flush();
    EXPECT_EQ(fetch_with(1), Ids{2});
    settle(2, Outcome::kDead);
    flush();
    EXPECT_EQ(fetch_with(1), Ids{3});
    settle(3, Outcome::kRetry, 60'000);
    flush();
    EXPECT_EQ(fetch_with(1), Ids{4});
    inbox_->give_back("a", Ids{4});
    EXPECT_EQ(fetch_with(1), Ids{4});
    EXPECT_EQ(fetch_with(1), Ids{});
}

TEST_P(InboxRetryRoomTest, AFetcherThatWaitsForRoomIsWokenByTheEndOfARetry) {
    ASSERT_EQ(fetch_with(1), (Ids{1, 5, 6, 7, 8}));
    std::int64_t ending = 0;
    for (const Outcome outcome : {Outcome::kDelivered, Outcome::kRetry, Outcome::kDead}) {
        Ids next;
        std::thread waiting([&] { next = fetch_with(1, 1, 30'000); });
        settle(++ending, outcome, 60'000);
        flush();
        waiting.join();
        EXPECT_EQ(next, Ids{ending + 1});
    }
}

std::string name_of(const ::testing::TestParamInfo<std::tuple<Implementation, bool>>& one) {
    return std::get<0>(one.param).name + (std::get<1>(one.param) ? "ByDevice" : "NoOrder");
}

INSTANTIATE_TEST_SUITE_P(Inbox, InboxRetryRoomTest,
                         ::testing::Combine(::testing::ValuesIn(implementations()),
                                            ::testing::Bool()),
                         name_of);

}  // namespace
}  // namespace incm::inbox::test
