#include "incm/ingest/peer_limits.h"

#include <string>

#include <gtest/gtest.h>

namespace incm::ingest {
namespace {

std::int64_t admitted(PeerLimits& limits, const std::string& source, std::int64_t now_ms,
                      int tries) {
    std::int64_t count = 0;
    for (int i = 0; i < tries; ++i) {
        count += limits.admit(source, now_ms) ? 1 : 0;
    }
    return count;
}

TEST(PeerLimitsTest, ANetworkIsOneSource) {
    const auto source = [](const char* peer) {
        return source_of(net::IpAddress::parse(peer).value());
    };
    EXPECT_EQ(source("203.0.113.7"), "203.0.113.7");
    EXPECT_EQ(source("::ffff:203.0.113.7"), "203.0.113.7");
    EXPECT_EQ(source("2001:db8:0:1:2:3:4:5"), "2001:db8:0:1::/64");
    EXPECT_EQ(source("2001:db8:0:1::9"), "2001:db8:0:1::/64");
    EXPECT_EQ(source("fe80::1"), "fe80::/64");
    EXPECT_EQ(source("::1"), "::/64");
}

TEST(PeerLimitsTest, ASourceHasABurstAndThenARate) {
    PeerLimits limits;
    constexpr std::int64_t kNow = 1'000'000;
    EXPECT_EQ(admitted(limits, "a", kNow, 1000), PeerLimits::kBurst);
    EXPECT_EQ(admitted(limits, "b", kNow, 1), 1) << "each has its own";
    EXPECT_EQ(admitted(limits, "a", kNow + PeerLimits::kIntervalMs - 1, 5), 0);
    EXPECT_EQ(admitted(limits, "a", kNow + PeerLimits::kIntervalMs, 5), 1);
    EXPECT_EQ(admitted(limits, "a", kNow + 4 * PeerLimits::kIntervalMs, 5), 3);
    EXPECT_EQ(admitted(limits, "a", kNow + 10'000 * PeerLimits::kIntervalMs, 1000),
              PeerLimits::kBurst);
}

TEST(PeerLimitsTest, AllSourcesTogetherHaveALimit) {
    PeerLimits limits;
    std::int64_t count = 0;
    for (int source = 0; source < 5000; ++source) {
        count += admitted(limits, std::to_string(source), 0, 2);
    }
    EXPECT_EQ(count, PeerLimits::kBurstOfAll);
    EXPECT_EQ(admitted(limits, "new", PeerLimits::kIntervalOfAllMs, 5), 1);
}

TEST(PeerLimitsTest, TheSourceNotSeenForLongestIsForgotten) {
    PeerLimits limits;
    EXPECT_EQ(admitted(limits, "first", 0, 1000), PeerLimits::kBurst);
    EXPECT_EQ(admitted(limits, "second", 0, 1000), PeerLimits::kBurst);
    // Refused by the limit of all, but seen.
    for (std::size_t source = 0; source < PeerLimits::kMaxSources - 1; ++source) {
        admitted(limits, "other" + std::to_string(source), 0, 1);
        admitted(limits, "second", 0, 1);
    }
    constexpr std::int64_t kLater = PeerLimits::kBurstOfAll * PeerLimits::kIntervalOfAllMs;
    constexpr std::int64_t kRefilled = kLater / PeerLimits::kIntervalMs;
    EXPECT_EQ(admitted(limits, "second", kLater, 1000), kRefilled);
    EXPECT_EQ(admitted(limits, "first", kLater, 1000), PeerLimits::kBurst);
}

}  // namespace
}  // namespace incm::ingest
