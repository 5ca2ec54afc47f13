#include "inbox_support.h"
#include <unistd.h>

namespace incm::inbox::test {
namespace {

namespace fs = std::filesystem;

/// Another program writes over the open file or its log: device and inode stay what they were.
class InboxOverwrittenTest : public InboxTest {
 protected:
    void SetUp() override {
        open();
        append_range(1, 2);
        inbox_.reset();
        fs::copy_file(path(), folder_ / "copy.db");
        open();
        append_range(3, 5);
    }
    [[nodiscard]] bool is_refused(std::uint64_t number) {
        const auto stored = inbox_->append(alert(number));
        return !stored.ok() && stored.error().code == base::ErrorCode::kStoreFailed;
    }
    /// As `cp` does, which keeps the inode.
    void copy_over(const std::string& name) { write_bytes(path(), read_bytes(folder_ / name)); }
    void empty(const std::string& suffix) { EXPECT_EQ(truncate((path() + suffix).c_str(), 0), 0); }
    void refused(const std::string& part) {
        const auto opened = try_open();
        ASSERT_FALSE(opened.ok());
        EXPECT_NE(opened.error().text.find(part), std::string::npos) << opened.error().text;
    }
};

TEST_F(InboxOverwrittenTest, ACopyThatIsPutOverTheFileIsNotTakenForIt) {
    copy_over("copy.db");
    EXPECT_TRUE(is_refused(6));
    EXPECT_TRUE(inbox_->why_not_stored().has_value());
    EXPECT_TRUE(log_.has(path() + " was overwritten by another program while the inbox is open"));
    EXPECT_TRUE(log_.has("`incm-webhook inbox restore FILE`")) << "says what to do";
    const std::string log = read_bytes(path() + "-wal");
    close();
    EXPECT_TRUE(read_bytes(path() + "-wal") == log) << "nothing is copied into another file";
    refused("do not belong together");
}

TEST_F(InboxOverwrittenTest, AnIdleInboxNoticesIt) {
    copy_over("copy.db");
    inbox_->tidy();
    EXPECT_TRUE(inbox_->why_not_stored().has_value());
}

TEST_F(InboxOverwrittenTest, AFileThatWasEmptiedIsNotTakenForIt) {
    empty("");
    EXPECT_TRUE(is_refused(6));
    EXPECT_TRUE(log_.has(path() + " was overwritten by another program"));
}

TEST_F(InboxOverwrittenTest, ALogThatWasEmptiedIsNotTakenForIt) {
    empty("-wal");
    EXPECT_TRUE(is_refused(6));
    EXPECT_TRUE(log_.has(path() + "-wal was overwritten by another program"));
    close();
    refused("transactions");
}

TEST_F(InboxOverwrittenTest, ALogOfBeforeThatIsPutOverTheLogIsNotTakenForIt) {
    write_bytes(folder_ / "old-wal", read_bytes(path() + "-wal"));
    const std::string large(300'000, 'x');
    for (std::uint64_t number = 6; number <= 20; ++number) {  // until the log begins anew
        NewAlert made = alert(number);
        made.text = large;
        append(std::move(made));
    }
    write_bytes(path() + "-wal", read_bytes(folder_ / "old-wal"));
    EXPECT_TRUE(is_refused(21));
    close();
    EXPECT_FALSE(try_open().ok());
}

TEST_F(InboxOverwrittenTest, ALogThatLacksCommitsIsRefusedAfterACrash) {
    const std::string file = read_bytes(path());
    const std::string log = read_bytes(path() + "-wal");
    append_range(6, 8);
    const std::string note = read_bytes(path() + ".lock");
    close();
    write_bytes(path(), file);
    write_bytes(path() + "-wal", log);
    write_bytes(path() + ".lock", note);
    refused("lacks the last 3 transactions");
    refused("touch " + path() + ".check");
    EXPECT_TRUE(read_bytes(path() + "-wal") == log);
    write_bytes(path() + ".check", "");
    open();
    EXPECT_EQ(counts().alerts, 5);
}

TEST_F(InboxOverwrittenTest, WhatAnotherProgramCopiesFromTheLogIsNoOverwriting) {
    run_sql(path(), "PRAGMA wal_checkpoint(TRUNCATE)");
    append_range(6, 6);
    run_sql(path(), "PRAGMA wal_checkpoint(RESTART)");
    inbox_->tidy();
    append_range(7, 8);
    EXPECT_FALSE(inbox_->why_not_stored().has_value());
    EXPECT_FALSE(log_.has("overwritten"));
    open();
    EXPECT_EQ(counts().alerts, 8);
}

TEST_F(InboxOverwrittenTest, WhoCopiesFromTheLogAllTheTimeIsNoOverwriting) {
    std::atomic<bool> over = false;
    std::thread other([&] {
        while (!over) {
            sqlite3* database = nullptr;
            sqlite3_open(path().c_str(), &database);
            for (const char* how : {"PASSIVE", "RESTART", "TRUNCATE"}) {
                const std::string sql = std::string("PRAGMA wal_checkpoint(") + how + ")";
                sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr);
            }
            sqlite3_close(database);
        }
    });
    append_range(6, 200);
    over = true;
    other.join();
    EXPECT_FALSE(log_.has("overwritten"));
}

}  // namespace
}  // namespace incm::inbox::test
