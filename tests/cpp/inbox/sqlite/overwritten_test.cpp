#include <csignal>

#include "sqlite_fixture.h"
#include <sys/resource.h>
#include <unistd.h>

namespace incm::inbox::sqlite::test {
namespace {

namespace fs = std::filesystem;

/// A lower limit of this process while it lives.
class Limit {
 public:
    Limit(__rlimit_resource what, rlim_t most) : what_(what) {
        std::signal(SIGXFSZ, SIG_IGN);
        getrlimit(what_, &before_);
        const rlimit low{most, before_.rlim_max};
        EXPECT_EQ(setrlimit(what_, &low), 0);
    }
    Limit(const Limit&) = delete;
    Limit& operator=(const Limit&) = delete;
    ~Limit() { setrlimit(what_, &before_); }

 private:
    const __rlimit_resource what_;
    rlimit before_{};
};

/// Another program writes over the open file or its log: device and inode stay what they were.
class InboxOverwrittenTest : public SqliteInboxTest {
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
    /// Alerts of so many bytes that a few of them fill the log.
    void append_large(std::uint64_t first, std::uint64_t last) {
        for (std::uint64_t number = first; number <= last; ++number) {
            NewAlert made = alert(number);
            made.text.assign(300'000, 'x');
            append(std::move(made));
        }
    }
    [[nodiscard]] std::uintmax_t size() const { return fs::file_size(path()); }
    void cut_page() { EXPECT_EQ(truncate(path().c_str(), static_cast<off_t>(size()) - 4096), 0); }
    /// Another program begins to copy the log into the file, and has room for one page more.
    void break_off_copying() {
        sqlite3* other = nullptr;
        ASSERT_EQ(sqlite3_open(path().c_str(), &other), SQLITE_OK);
        {
            const Limit limit(RLIMIT_FSIZE, size() + 4096);
            EXPECT_EQ(sqlite3_exec(other, "PRAGMA wal_checkpoint", nullptr, nullptr, nullptr),
                      SQLITE_IOERR);
        }
        sqlite3_close(other);
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
    EXPECT_TRUE(log_.has("`incm-webhook inbox restore FILE`")) << "with what to do";
    const std::string log = read_bytes(path() + "-wal");
    close();
    EXPECT_TRUE(read_bytes(path() + "-wal") == log) << "nothing is copied into another file";
    refused("do not belong together");
}

TEST_F(InboxOverwrittenTest, ACopyOfTheSameSessionThatLacksCommitsIsNotTakenForIt) {
    append_large(6, 14);  // until the log is copied
    append_range(15, 15);
    fs::copy_file(path(), folder_ / "older.db");
    append_large(16, 24);
    append_range(25, 25);
    copy_over("older.db");
    EXPECT_TRUE(is_refused(26));
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

TEST_F(InboxOverwrittenTest, AFileThatWasCutIsNotTakenForIt) {
    cut_page();
    EXPECT_TRUE(is_refused(6));
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
    append_large(6, 20);  // until the log begins anew
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

TEST_F(InboxOverwrittenTest, AProgramThatCopiesFromTheLogAllTheTimeIsNoOverwriting) {
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

TEST_F(InboxOverwrittenTest, ACopyingThatHasNoRoomIsNoOverwriting) {
    append_large(6, 40);
    {
        const Limit limit(RLIMIT_FSIZE, size() + 400'000);  // more than the log has
        append_large(41, 50);
    }
    EXPECT_TRUE(log_.has("cannot copy its log back"));
    append_large(51, 60);
    EXPECT_FALSE(log_.has("overwritten"));
    open();
    EXPECT_EQ(counts().alerts, 60);
}

TEST_F(InboxOverwrittenTest, ACopyingOfAnotherProgramThatBrokeOffIsNoOverwriting) {
    append_large(6, 7);
    break_off_copying();
    append_range(8, 9);
    EXPECT_FALSE(log_.has("overwritten"));
    open();
    EXPECT_EQ(counts().alerts, 9);
}

TEST_F(InboxOverwrittenTest, AFileThatIsCutAfterACopyingThatBrokeOffIsNotTakenForIt) {
    append_large(6, 7);
    break_off_copying();
    append_range(8, 8);
    cut_page();
    EXPECT_TRUE(is_refused(9));
}

TEST_F(InboxOverwrittenTest, AFileThatCannotBeOpenedNowIsNoOverwriting) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "UBSan opens a pipe to look at an exception's type, and there is no descriptor";
#endif
    run_sql(path(), "PRAGMA wal_checkpoint(PASSIVE)");
    {
        const Limit limit(RLIMIT_NOFILE, 0);
        append_range(6, 7);
    }
    append_range(8, 8);
    EXPECT_FALSE(log_.has("overwritten"));
    copy_over("copy.db");
    EXPECT_TRUE(is_refused(9));
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
