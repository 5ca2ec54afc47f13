#include "sqlite_fixture.h"

#include "incm/inbox/catalog.h"
#include "incm/inbox/sqlite/log_length.h"
#include "incm/inbox/sqlite/sqlite_read_only_inbox.h"

namespace incm::inbox::sqlite::test {
namespace {

namespace fs = std::filesystem;

class InboxReadingTest : public SqliteInboxTest {
 protected:
    /// Names, bytes and times of all that is in the folder.
    [[nodiscard]] std::vector<std::string> traces() const {
        std::vector<std::string> all;
        for (const std::string& name : folder_.names()) {
            const std::string file = folder_ / name;
            struct stat facts {};
            EXPECT_EQ(stat(file.c_str(), &facts), 0);
            all.push_back(name + " " + std::to_string(facts.st_mtim.tv_sec) + "." +
                          std::to_string(facts.st_mtim.tv_nsec) + " " + read_bytes(file));
        }
        return all;
    }
    std::unique_ptr<SqliteReadOnlyInbox> read() {
        auto opened = SqliteReadOnlyInbox::open(path(), log_);
        EXPECT_TRUE(opened.ok()) << opened.error().text;
        return opened.ok() ? std::move(opened).value() : nullptr;
    }
    void leave_as_after_a_crash() {
        fs::copy_file(path(), folder_ / "crash.db");
        fs::copy_file(path() + "-wal", folder_ / "crash.db-wal");
        close();
        fs::rename(folder_ / "crash.db", path());
        fs::rename(folder_ / "crash.db-wal", path() + "-wal");
    }
};

TEST_F(InboxReadingTest, NothingIsWrittenToWhatIsRead) {
    open();
    append_range(1, 3);
    ASSERT_TRUE(inbox_->quarantine().keep({1, "/alerts", "no alert", "[]"}).ok());
    close();
    const auto before = traces();
    {
        const auto reading = read();
        ASSERT_TRUE(reading);
        EXPECT_EQ(reading->catalog().counts().value().alerts, 3);
        EXPECT_EQ(reading->catalog().counts().value().open, 3);
        EXPECT_EQ(reading->catalog().counts().value().quarantined.total(), 1);
        EXPECT_EQ(reading->catalog().alerts({}).value().alerts.size(), 3U);
        EXPECT_EQ(reading->catalog().statistics().value().last_alert_id, 3);
    }
    EXPECT_EQ(traces(), before);
}

TEST_F(InboxReadingTest, TheLogOfACrashIsReadAndStays) {
    open();
    append_range(1, 3);
    leave_as_after_a_crash();
    const auto before = traces();
    {
        const auto reading = read();
        ASSERT_TRUE(reading);
        EXPECT_EQ(reading->catalog().alerts({}).value().alerts.size(), 3U);
    }
    EXPECT_EQ(traces(), before);
}

TEST_F(InboxReadingTest, AnInboxThatIsOpenIsNotRead) {
    open();
    const auto opened = SqliteReadOnlyInbox::open(path(), log_);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, base::ErrorCode::kInboxInUse);
}

TEST_F(InboxReadingTest, AVersionBeforeIsReadAndStays) {
    for (const char* golden :
         {INCM_GOLDEN "/inbox_v5.sql", INCM_GOLDEN "/inbox_v6.sql", INCM_GOLDEN "/inbox_v7.sql"}) {
        std::filesystem::remove(path());
        run_sql(path(), read_bytes(golden));
        const auto before = traces();
        {
            const auto reading = read();
            ASSERT_TRUE(reading) << golden;
            EXPECT_EQ(reading->catalog().counts().value().alerts, 2);
            EXPECT_TRUE(reading->catalog().alert(1).value().has_value()) << golden;
            EXPECT_TRUE(reading->catalog().states().value().empty()) << golden;
            EXPECT_TRUE(reading->catalog().state({.plugin = "a"}).value().entries.empty());
        }
        EXPECT_EQ(traces(), before);
    }
}

TEST_F(InboxReadingTest, TheVersionBeforeIsReadAndItsAlertsHaveNoTrace) {
    run_sql(path(), read_bytes(INCM_GOLDEN "/inbox_v9.sql"));
    const auto before = traces();
    {
        const auto reading = read();
        ASSERT_TRUE(reading);
        const auto found = reading->catalog().alert(1);
        ASSERT_TRUE(found.ok() && found.value());
        EXPECT_EQ(found.value()->trace, std::nullopt);
    }
    EXPECT_EQ(traces(), before);
}

TEST_F(InboxReadingTest, WhatCannotBeReadIsRefused) {
    EXPECT_FALSE(SqliteReadOnlyInbox::open(path(), log_).ok());
    run_sql(path(), read_bytes(INCM_GOLDEN "/inbox_v1.sql"));
    const auto older = SqliteReadOnlyInbox::open(path(), log_);
    ASSERT_FALSE(older.ok());
    EXPECT_NE(older.error().text.find("`inbox restore`"), std::string::npos) << older.error().text;
    write_bytes(path(), "text");
    EXPECT_FALSE(SqliteReadOnlyInbox::open(path(), log_).ok());
}

/// A log that a foreign reader keeps from being begun anew.
TEST_F(InboxReadingTest, ALogThatSomebodyKeepsIsWarnedOf) {
    open();
    sqlite3* reader = nullptr;
    ASSERT_EQ(sqlite3_open_v2(path().c_str(), &reader, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM alert", nullptr, nullptr, nullptr),
              SQLITE_OK);
    const std::string large(1024 * 1024, 'x');
    std::uint64_t number = 0;
    while (inbox_->disk_use().log_warnings == 0 && number < 100) {
        NewAlert made = alert(++number);
        made.text = large;
        append(std::move(made));
        inbox_->tidy();
    }
    EXPECT_EQ(inbox_->disk_use().log_warnings, 1);
    EXPECT_GT(inbox_->disk_use().log_bytes, LogLength::kLong);
    EXPECT_TRUE(log_.has("reads the inbox and does not end"));
    sqlite3_close_v2(reader);
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
