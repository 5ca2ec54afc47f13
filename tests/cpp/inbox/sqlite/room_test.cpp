#include <csignal>

#include "../large_alerts.h"
#include "sqlite_fixture.h"
#include <sys/resource.h>

namespace incm::inbox::sqlite::test {
namespace {

class SqliteRoomTest : public LargeAlerts<SqliteInboxTest> {};

TEST_F(SqliteRoomTest, WhatCouldNotBeLeasedUsesNoRoom) {
    open();
    append_large_ones(kOfOne + 1);
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    const rlimit full{1, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
    const auto fetched = inbox_->fetch("a", 100, 0);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_FALSE(fetched.ok());
    EXPECT_EQ(fetch_ids().size(), kOfOne);
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
