#include <csignal>

#include "sqlite_fixture.h"
#include <sys/resource.h>

#include "incm/inbox/fetched_bytes.h"

namespace incm::inbox::sqlite::test {
namespace {

constexpr std::int64_t kMiB = 1 << 20;
constexpr std::size_t kOfOne = FetchedBytes::kMaxOfOne / kMiB;
constexpr std::size_t kOfAll = FetchedBytes::kMaxOfAll / kMiB;

/// How much text may be fetched and not settled.
class SqliteRoomTest : public SqliteInboxTest {
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
