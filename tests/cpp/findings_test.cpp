#include "incm/admin/findings.h"

#include <algorithm>
#include <memory>

#include <gtest/gtest.h>

namespace {

using incm::admin::Finding;

constexpr std::int64_t kNowMs = 1'800'000'000'000;
constexpr std::int64_t kReserve = 1'000;

/// What is found in a server that has only these.
struct Server {
    incm::ingest::Counters counters;
    incm::inbox::Activity activity{{}};
    incm::admin::PluginBoard board;
    incm::inbox::DiskUse disk;
    incm::admin::ServerState state;

    [[nodiscard]] std::vector<Finding> found(std::int64_t now_ms = kNowMs) const {
        const incm::admin::MetricsSources from{.counters = counters,
                                               .activity = activity,
                                               .counts = {},
                                               .statistics = {},
                                               .disk = disk,
                                               .server = state,
                                               .ready = true,
                                               .plugins = &board};
        return incm::admin::findings_of(from, {}, now_ms);
    }
    [[nodiscard]] std::string shown() const {
        return incm::admin::verbose_text(found(), /*ready=*/true, /*with_reasons=*/true);
    }
};

std::vector<Finding> with_free(std::int64_t bytes, bool low) {
    Server server;
    server.state.reload.ok = true;
    server.disk = {.free_bytes = bytes, .reserve_bytes = kReserve, .low = low};
    return server.found();
}

TEST(Findings, ADiskThatFillsBeginsBelowTwiceTheReserveAndEndsAboveMore) {
    ASSERT_EQ(with_free(1'999, false).size(), 1);
    EXPECT_TRUE(with_free(1'999, false).front().begins);
    ASSERT_EQ(with_free(2'000, false).size(), 1);
    EXPECT_FALSE(with_free(2'000, false).front().begins);
    EXPECT_FALSE(with_free(2'499, false).front().begins);
    EXPECT_TRUE(with_free(2'500, false).empty());
}

TEST(Findings, ADiskThatIsFullHasNotGotRoomAgain) {
    ASSERT_EQ(with_free(900, true).size(), 1);
    EXPECT_FALSE(with_free(900, true).front().begins) << "an alert about it could not be stored";
}

TEST(Findings, APluginThatStartsIsNotShownButHasNotRecovered) {
    Server server;
    server.state.reload.ok = true;
    server.board.set_state("noc", "starting", "");
    const std::int64_t since_ms = server.board.all().front().since_ms;
    ASSERT_EQ(server.found(since_ms + 29'999).size(), 1);
    EXPECT_FALSE(server.found(since_ms + 29'999).front().begins);
    EXPECT_TRUE(server.found(since_ms + 30'000).front().begins);
    const auto found = server.found(since_ms);
    EXPECT_EQ(incm::admin::verbose_text(found, /*ready=*/true, /*with_reasons=*/true), "ready\n");
}

TEST(Findings, ACanaryThatWasOverdueHasNotReturnedBeforeOneComesBack) {
    Server server;
    server.state.reload.ok = true;
    server.state.canary = incm::admin::CanaryState{.overdue_after_ms = 1'000};
    ASSERT_EQ(server.found().size(), 1);
    EXPECT_STREQ(server.found().front().kind, "canary");
    EXPECT_FALSE(server.found().front().begins);
    EXPECT_EQ(server.shown(), "ready\n");
    server.state.canary->last_ms = kNowMs;
    EXPECT_TRUE(server.found().empty());
}

}  // namespace
