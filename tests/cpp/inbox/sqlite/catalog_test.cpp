#include "../catalog_calls.h"
#include "sqlite_fixture.h"

namespace incm::inbox::sqlite::test {
namespace {

class SqliteCatalogTest : public CatalogCalls<SqliteInboxTest> {};

TEST_F(SqliteCatalogTest, APageEndsAfterSoManyRows) {
    open({});
    close();
    run_sql(
        path(),
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50002)"
        " INSERT INTO alert SELECT i, '/w', i, 'raw', iif(i = 50002, 'rare', 'often'), '', x'7b7d',"
        " i, NULL FROM n");
    open({});
    const auto rare = [](const StoredAlert& one) { return one.type == "rare"; };
    const AlertPage page = list({.wanted = rare});
    EXPECT_EQ(page.alerts.size(), 0U);
    EXPECT_EQ(page.next, static_cast<std::int64_t>(kMaxScanned));
    EXPECT_EQ(ids({.after = *page.next, .wanted = rare}), Ids{50002});
}

TEST_F(SqliteCatalogTest, CountsTheDeliveriesOfEachPlugin) {
    open({"a", "b"});
    put(1, "test", kDay, {"a", "b"});
    clock_.pass(4000);
    put(2, "test", kDay, {"a"});
    put(3, "test", kDay + 9, {"a"});
    fetch();
    settle(2, Outcome::kRetry, 1000);
    settle(3, Outcome::kDead);
    flush();
    const auto answer = inbox_->catalog().statistics();
    ASSERT_TRUE(answer.ok());
    const Statistics& statistics = answer.value();
    EXPECT_EQ(statistics.last_alert_id, 4);
    EXPECT_EQ(statistics.first_received_at_ms, kDay);
    EXPECT_EQ(statistics.path, path());
    EXPECT_GT(statistics.file_bytes, 0);
    EXPECT_GT(statistics.log_bytes, 0);
    EXPECT_GT(statistics.free_bytes, 0);
    ASSERT_EQ(statistics.plugins.size(), 2U);
    const PluginTotals& a = statistics.plugins[0];
    EXPECT_EQ(a.plugin, "a");
    EXPECT_EQ(a.open, 2);
    EXPECT_EQ(a.waiting, 1);
    EXPECT_EQ(a.dead, 1);
    EXPECT_EQ(a.oldest_open_ms, 4000);
    EXPECT_FALSE(a.more);
    EXPECT_EQ(statistics.plugins[1].open, 1);
}

TEST_F(SqliteCatalogTest, IsClosedWithTheInbox) {
    open();
    Catalog& catalog = inbox_->catalog();
    append_range(1, 1);
    EXPECT_TRUE(catalog.alerts({}).ok());
    inbox_->close();
    EXPECT_EQ(catalog.alerts({}).error().code, base::ErrorCode::kClosed);
    EXPECT_EQ(folder_.names(), (std::vector<std::string>{"inbox.db", "inbox.db.lock"}))
        << "its connection kept the log open";
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
