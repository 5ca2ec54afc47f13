#include "sqlite_fixture.h"

namespace incm::inbox::sqlite::test {
namespace {

/// What stands in the rows of the file after what the conformance suite does.
class RowsTest : public SqliteInboxTest {};

TEST_F(RowsTest, KeepsAllFields) {
    open();
    NewAlert made = alert(1, {"a"});
    made.text = std::string("{\"a\": \"\0\xff\"}", 11) + std::string(1 << 20, 'x');
    const std::string text = made.text;
    append(made);
    const auto fetched = fetch();
    ASSERT_EQ(fetched.size(), 1U);
    EXPECT_EQ(fetched[0].text, text);
    EXPECT_EQ(fetched[0].endpoint, "/alerts");
    EXPECT_EQ(fetched[0].received_at_ms, 1'700'000'000'000);
    close();
    EXPECT_EQ(rows(path(), "SELECT form, type, device, length(text) FROM alert"),
              std::vector<std::string>{"raw|test|device-1|" + std::to_string(text.size())});
}

TEST_F(RowsTest, DuplicateAfterPruning) {
    open();
    append(alert(1));
    append(alert(2));
    close();
    run_sql(path(), "DELETE FROM alert");
    open();
    EXPECT_TRUE(append(alert(1)).duplicate);
    EXPECT_EQ(append(alert(3)).id, 3) << "a number must not come back";
}

TEST_F(RowsTest, DeliveredIsGoneAndInTheLedger) {
    open();
    append_range(1, 2);
    fetch();
    settle(1, Outcome::kDelivered);
    flush();
    EXPECT_EQ(counts().open, 1);
    settle(2, Outcome::kDelivered);
    open();
    EXPECT_EQ(counts().open, 0);
    EXPECT_EQ(fetch_ids(), Ids{});
    close();
    EXPECT_EQ(rows(path(),
                   "SELECT alert_id, attempt, ended_at_ms - started_at_ms, duration_ms, outcome,"
                   " error FROM attempt"),
              (std::vector<std::string>{"1|1|7|7|delivered|NULL", "2|1|7|7|delivered|NULL"}));
    EXPECT_EQ(rows(path(), "SELECT * FROM lease"), std::vector<std::string>{});
}

TEST_F(RowsTest, DeadLettersAreKeptAndNotFetched) {
    open();
    append_range(1, 1);
    fetch();
    settle(1, Outcome::kDead, 0, "a", std::string(1999, 'x') + "\xc3\xa4" + "tail");
    flush();
    EXPECT_EQ(counts().dead, 1);
    EXPECT_EQ(counts().open, 0);
    open();
    EXPECT_EQ(counts().dead, 1);
    EXPECT_EQ(fetch_ids(), Ids{});
    close();
    EXPECT_EQ(rows(path(), "SELECT attempts, dead, length(error) FROM delivery"),
              std::vector<std::string>{"1|1|1999"});
}

TEST_F(RowsTest, PartlySettledLeaseKeepsTheRest) {
    open();
    append_range(1, 3);
    fetch();
    settle(2, Outcome::kRetry, 0);
    open();  // The rest of the lease counts as interrupted, the settled one does not.
    EXPECT_EQ(rows(path(), "SELECT alert_id, attempts, due_at_ms > 0 FROM delivery"),
              (std::vector<std::string>{"1|1|1", "2|1|1", "3|1|1"}));
    EXPECT_EQ(rows(path(), "SELECT alert_id, outcome FROM attempt"),
              (std::vector<std::string>{"1|interrupted", "2|retry", "3|interrupted"}));
}

TEST_F(RowsTest, OneThatExpiresAndEndsTheProcessAgainAndAgainIsADeadLetter) {
    const RetryPolicy retry{.give_up_s = 60};
    open_with({.plugins = {{"a", false, retry}}});
    append_range(1, 1);
    clock_.pass(120'000);
    for (int i = 0; i < 5; ++i) {
        ASSERT_EQ(fetch_ids(), Ids{1}) << i;
        expect_totals_in_rows();
        open_with({.plugins = {{"a", false, retry}}});
    }
    EXPECT_EQ(counts().dead, 1);
    expect_totals_in_rows();
    close();
    EXPECT_EQ(rows(path(), "SELECT attempt, outcome FROM attempt"),
              (std::vector<std::string>{"1|interrupted", "2|dead"}));
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
