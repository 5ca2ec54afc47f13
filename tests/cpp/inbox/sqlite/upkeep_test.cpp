#include <thread>

#include "sqlite_fixture.h"

#include "incm/inbox/sqlite/database_file.h"
#include "incm/inbox/sqlite/recovery.h"
#include "incm/inbox/sqlite/tables.h"

namespace incm::inbox::sqlite::test {
namespace {

constexpr std::int64_t kDayMs = 24LL * 60 * 60 * 1000;

class InboxUpkeepTest : public SqliteInboxTest {
 protected:
    void open_keeping(std::int64_t retention_ms) {
        inbox_.reset();
        use(open_at(path(), {{{"a"}, {"b"}}, retention_ms}));
    }
    void open_reserving(std::int64_t reserve_bytes) {
        inbox_.reset();
        use(open_at(path(), {{{"a"}}, 0, reserve_bytes, clock_.source()}));
    }
    Ids kept() {
        close();
        Ids ids;
        for (const std::string& row : rows(path(), "SELECT id FROM alert ORDER BY id")) {
            ids.push_back(std::stoll(row));
        }
        return ids;
    }
};

TEST_F(InboxUpkeepTest, StepsOfLargeAlertsAreShorter) {
    open_keeping(kDayMs);
    for (std::uint64_t number = 1; number <= 10; ++number) {
        NewAlert large = alert(number);
        large.text.assign(1024 * 1024, ' ');
        append(std::move(large));
    }
    close();
    clock_.pass(kDayMs + 1);
    const auto database = open_writer(path(), std::nullopt, log_);
    Tables tables(*database);
    tables.begin(stored_clock_ms(*database) + kDayMs + 1);
    const Tables::Pruned step = tables.prune(0, kDayMs);
    tables.rollback();
    EXPECT_EQ(step.pruned, 2);
    EXPECT_TRUE(step.more);
}

TEST_F(InboxUpkeepTest, RefusesBelowTheReserve) {
    open_reserving(std::int64_t{1} << 60);
    const auto refused = inbox_->append(alert(1));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, base::ErrorCode::kDiskLow);
    EXPECT_EQ(inbox_->quarantine().keep({}).error().code, base::ErrorCode::kDiskLow);
    EXPECT_TRUE(inbox_->disk_use().low);
    EXPECT_GT(inbox_->disk_use().free_bytes, 0);
    EXPECT_TRUE(log_.has("nearly full"));
    EXPECT_EQ(counts().alerts, 0);
}

TEST_F(InboxUpkeepTest, DeliveriesGoOnBelowTheReserve) {
    open();
    append_range(1, 1);
    open_reserving(std::int64_t{1} << 60);
    ASSERT_EQ(fetch_ids(), Ids{1});
    settle(1, Outcome::kDelivered);
    close();
    EXPECT_EQ(rows(path(), "SELECT outcome FROM attempt"), std::vector<std::string>{"delivered"});
}

TEST_F(InboxUpkeepTest, ChecksTheFileAfterAFailedDisk) {
    open();
    append_range(1, 1);
    close();
    write_bytes(path() + ".check", "");
    open();
    EXPECT_TRUE(log_.has("checking all of it"));
    EXPECT_TRUE(log_.has("the inbox is intact"));
    EXPECT_EQ(fetch_ids(), Ids{1});
    EXPECT_FALSE(std::filesystem::exists(path() + ".check"));
}

TEST_F(InboxUpkeepTest, RefusesAFileThatFailsTheCheck) {
    open();
    append_range(1, 300);
    close();
    std::string bytes = read_bytes(path());
    const std::size_t pages = bytes.size() / 4096;
    for (std::size_t page = 2; page < pages; ++page) {
        bytes[page * 4096 + 3] = '\x7f';  // the number of cells of a page
    }
    write_bytes(path(), bytes);
    write_bytes(path() + ".check", "");
    const auto opened = try_open();
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, base::ErrorCode::kInboxUnusable);
    EXPECT_NE(opened.error().text.find("damaged"), std::string::npos) << opened.error().text;
    EXPECT_TRUE(std::filesystem::exists(path() + ".check")) << "the next start would not check";
}

TEST_F(InboxUpkeepTest, AttemptsArePrunedWithTheirAlert) {
    open_keeping(kDayMs);
    append_range(1, 3);
    append(alert(4));  // wanted by no plugin
    fetch();
    settle(1, Outcome::kDelivered);
    settle(2, Outcome::kDead);
    flush();  // alert 5
    clock_.pass(kDayMs);
    EXPECT_EQ(inbox_->tidy(), 0) << "pruned before its time";
    append(alert(6));
    clock_.pass(1);
    EXPECT_EQ(inbox_->tidy(), 3);
    EXPECT_EQ(counts().alerts, 3);
    EXPECT_EQ(kept(), (Ids{2, 3, 6})) << "what is not delivered, or too young, stays";
    EXPECT_EQ(rows(path(), "SELECT alert_id FROM attempt"), std::vector<std::string>{"2"});
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
