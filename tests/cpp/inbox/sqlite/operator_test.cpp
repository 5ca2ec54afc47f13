#include "../operator_calls.h"
#include "sqlite_fixture.h"

#include "incm/inbox/delivery_queue.h"
#include "incm/inbox/sqlite/database_file.h"
#include "incm/inbox/sqlite/operator_change.h"
#include "incm/inbox/sqlite/tables.h"

namespace incm::inbox::sqlite::test {
namespace {

class SqliteOperatorTest : public OperatorCalls<SqliteInboxTest> {
 protected:
    void expect_stored_totals() override { expect_totals_in_rows(); }
};

TEST_F(SqliteOperatorTest, WakesWaitersOnceItIsOnDisk) {
    open();
    append_range(1, 1);
    fetch();
    settle(1, Outcome::kDead);
    close();
    const auto database = open_writer(path(), std::nullopt, log_);
    Tables tables(*database);
    FetchedBytes bytes;
    DeliveryQueue queue({"a"}, 1, bytes);
    OperatorChange retry(OperatorAction::kRetry, clock_.wall_ms, {{&queue, {"a", 1}}});
    const std::uint64_t version = queue.version();
    tables.begin(clock_.wall_ms);
    retry.execute(tables);
    EXPECT_EQ(queue.version(), version);
    tables.commit();
    retry.committed();
    EXPECT_EQ(retry.changed(), 1);
    EXPECT_GT(queue.version(), version);
}

TEST_F(SqliteOperatorTest, ADroppedDeadLetterIsGoneButInTheLedger) {
    open();
    append_range(1, 2);
    fetch();
    settle(1, Outcome::kDead);
    settle(2, Outcome::kRetry, 1000);
    flush();
    EXPECT_EQ(change(OperatorAction::kDropDead, {{"a", 1}, {"a", 2}}), 1) << "2 is open";
    expect_counts(1, 0);
    const auto refused = inbox_->change(OperatorAction::kDropOpen, {{"a", 2}});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, base::ErrorCode::kBadConfig);
    expect_counts_after_restart(1, 0);
    EXPECT_EQ(change(OperatorAction::kRedeliver, {{"a", 1}}), 1);
    clock_.pass(1000);
    EXPECT_EQ(fetch_ids(), (Ids{1, 2}));
    settle(1, Outcome::kDelivered);
    close();
    EXPECT_EQ(rows(path(), "SELECT attempt, outcome, duration_ms FROM attempt WHERE alert_id = 1"),
              (std::vector<std::string>{"1|dead|7", "2|dropped|NULL", "3|delivered|7"}));
}

TEST_F(SqliteOperatorTest, OpenDeliveriesOfAForgottenPluginCanBeDropped) {
    open({"a", "old"});
    append(alert(1, {"a", "old"}));
    append(alert(2, {"old"}));
    fetch(1, 0, "old");
    settle(1, Outcome::kRetry, 0, "old");
    flush();
    open({"a"});
    expect_counts(3, 0);
    EXPECT_EQ(change(OperatorAction::kDropOpen, {{"old", 1}, {"old", 2}, {"old", 9}, {"none", 1}}),
              2);
    expect_counts_after_restart(1, 0);
    EXPECT_EQ(rows(path(), "SELECT alert_id, attempt, outcome FROM attempt ORDER BY 1, 2"),
              (std::vector<std::string>{"1|1|retry", "1|2|dropped", "2|1|dropped"}));
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
