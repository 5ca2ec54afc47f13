
#include <csignal>
#include <thread>

#include "sqlite_fixture.h"
#include <sys/file.h>
#include <sys/resource.h>

#include "incm/inbox/sqlite/file_place.h"
#include "incm/inbox/sqlite/log_check.h"
#include "incm/inbox/sqlite/restore.h"
#include "incm/inbox/sqlite/unfinished.h"

namespace incm::inbox::sqlite::test {
namespace {

namespace fs = std::filesystem;

/// No file of this process gets longer than a MiB, as on a disk that is full by then.
class SmallFiles {
 public:
    SmallFiles() : handler_(signal(SIGXFSZ, SIG_IGN)) {
        getrlimit(RLIMIT_FSIZE, &usual_);
        const rlimit small{1024 * 1024, usual_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &small);
    }
    SmallFiles(const SmallFiles&) = delete;
    SmallFiles& operator=(const SmallFiles&) = delete;
    ~SmallFiles() {
        setrlimit(RLIMIT_FSIZE, &usual_);
        signal(SIGXFSZ, handler_);
    }

 private:
    rlimit usual_{};
    void (*handler_)(int);
};

class InboxBackupTest : public SqliteInboxTest {
 protected:
    using State = BackupProgress::State;

    void start(const std::string& file) {
        const base::Status started = inbox_->backup().start(file);
        ASSERT_TRUE(started.ok()) << started.error().text;
    }
    [[nodiscard]] BackupProgress end() {
        BackupProgress progress = inbox_->backup().progress();
        while (progress.state == State::kRunning) {
            std::this_thread::yield();
            progress = inbox_->backup().progress();
        }
        return progress;
    }
    void make(const std::string& file) {
        start(file);
        const BackupProgress progress = end();
        ASSERT_EQ(progress.state, State::kDone) << progress.error;
    }
    void refuses(const std::string& file, const std::string& part) {
        const base::Status started = inbox_->backup().start(file);
        ASSERT_FALSE(started.ok());
        EXPECT_NE(started.error().text.find(part), std::string::npos) << started.error().text;
    }
    void append_large(std::uint64_t first, std::uint64_t last) {
        const std::string large(200'000, 'x');
        for (std::uint64_t number = first; number <= last; ++number) {
            NewAlert made = alert(number, {"a"});
            made.text = large;
            append(std::move(made));
        }
    }
    Restored put_back(const std::string& copy) {
        auto restored = restore(copy, path(), log_);
        EXPECT_TRUE(restored.ok()) << restored.error().text;
        return restored.ok() ? restored.value() : Restored{};
    }

    const std::string copy_ = folder_ / "backup.db";
};

TEST_F(InboxBackupTest, ACopyIsAWholeClosedInbox) {
    open();
    append_range(1, 3);
    make(copy_);
    EXPECT_EQ(end().last_alert_id, 3);
    EXPECT_EQ(end().bytes, static_cast<std::int64_t>(fs::file_size(copy_)));
    append_range(4, 4);
    for (const std::string& name : folder_.names()) {
        EXPECT_EQ(name.find("partial"), std::string::npos) << name;
    }
    EXPECT_FALSE(fs::exists(copy_ + "-wal"));
    const auto other = open_at(copy_, {{{"a"}}});
    ASSERT_TRUE(other.ok()) << other.error().text;
    EXPECT_EQ(other.value()->counts().value().alerts, 3);
    EXPECT_FALSE(log_.has("checking all of it")) << "nothing is in doubt";
}

TEST_F(InboxBackupTest, ACopyEndsWhileAlertsCome) {
    open();
    append_large(1, 40);
    start(copy_);
    std::uint64_t number = 41;
    while (inbox_->backup().progress().state == State::kRunning) {
        append(alert(number++));
    }
    ASSERT_EQ(end().state, State::kDone) << end().error;
    EXPECT_EQ(rows(copy_, "PRAGMA integrity_check"), std::vector<std::string>{"ok"});
    EXPECT_EQ(rows(copy_, "SELECT count(*) >= 40 FROM alert"), std::vector<std::string>{"1"});
}

TEST_F(InboxBackupTest, NothingIsOverwritten) {
    open();
    write_bytes(copy_, "precious");
    refuses(copy_, "a backup overwrites nothing");
    EXPECT_EQ(read_bytes(copy_), "precious");
    refuses(path(), "a backup overwrites nothing");
    refuses("backup.db", "needs an absolute path");
    refuses(folder_ / "none/backup.db", "create it");
}

TEST_F(InboxBackupTest, AFileThatCameMeanwhileStays) {
    open();
    append_large(1, 40);
    start(copy_);
    write_bytes(copy_, "precious");
    const BackupProgress progress = end();
    EXPECT_EQ(progress.state, State::kFailed);
    EXPECT_EQ(read_bytes(copy_), "precious");
    EXPECT_FALSE(fs::exists(copy_ + UnfinishedFile::kSuffix));
}

TEST_F(InboxBackupTest, ACancelledOneLeavesNothing) {
    open();
    append_large(1, 40);
    start(copy_);
    refuses(folder_ / "second.db", "is under way: wait for its end");
    inbox_->backup().cancel();
    EXPECT_EQ(end().state, State::kFailed);
    EXPECT_FALSE(fs::exists(copy_));
    EXPECT_FALSE(fs::exists(copy_ + UnfinishedFile::kSuffix));
    make(copy_);
}

TEST_F(InboxBackupTest, CloseGivesUpABackupUnderWay) {
    open();
    append_large(1, 40);
    start(copy_);
    close();
    EXPECT_FALSE(fs::exists(copy_ + UnfinishedFile::kSuffix));
}

TEST_F(InboxBackupTest, WhatAKilledBackupLeftIsRemovedByTheNextOne) {
    open();
    append_range(1, 1);
    const std::string left = folder_ / (std::string("yesterday.db") + UnfinishedFile::kSuffix);
    const std::string busy = folder_ / (std::string("other.db") + UnfinishedFile::kSuffix);
    for (const std::string& name : {left, left + "-journal", busy, folder_ / "x.partial"}) {
        write_bytes(name, "half");
    }
    {
        const Descriptor another(busy, O_RDWR);
        ASSERT_EQ(flock(another.get(), LOCK_EX), 0);
        make(copy_);
    }
    EXPECT_FALSE(fs::exists(left));
    EXPECT_FALSE(fs::exists(left + "-journal"));
    EXPECT_TRUE(fs::exists(busy)) << "somebody makes it";
    EXPECT_TRUE(fs::exists(folder_ / "x.partial")) << "not of ours";
    EXPECT_TRUE(log_.has("removed " + left + ", which a backup left unfinished"));
}

TEST_F(InboxBackupTest, TwoDoNotMakeTheSameBackup) {
    open();
    const UnfinishedFile another(copy_, log_);
    start(copy_);
    const BackupProgress progress = end();
    EXPECT_EQ(progress.state, State::kFailed);
    EXPECT_NE(progress.error.find("another process is making that backup"), std::string::npos)
        << progress.error;
    EXPECT_TRUE(fs::exists(another.path()));
}

TEST_F(InboxBackupTest, OneThatFindsNoRoomLeavesNothing) {
    open();
    append_large(1, 40);
    const BackupProgress progress = [&] {
        const SmallFiles only;
        start(copy_);
        return end();
    }();
    EXPECT_EQ(progress.state, State::kFailed);
    EXPECT_NE(progress.error, "");
    EXPECT_FALSE(fs::exists(copy_));
    EXPECT_FALSE(fs::exists(copy_ + UnfinishedFile::kSuffix));
    make(copy_);
}

TEST_F(InboxBackupTest, TheReserveOfTheDiskIsLeftFree) {
    inbox_.reset();
    const auto huge = std::int64_t{1} << 60;
    auto opened = open_at(path(), {{{"a"}}, 0, huge, clock_.source()});
    ASSERT_TRUE(opened.ok());
    use(std::move(opened));
    refuses(copy_, "are kept in reserve: name a file on another disk");
}

TEST_F(InboxBackupTest, AFileThatWasRemovedCanStillBeSaved) {
    open();
    append_range(1, 3);
    fs::remove(path());
    fs::remove(path() + "-wal");
    inbox_->tidy();
    make(copy_);
    EXPECT_EQ(rows(copy_, "SELECT count(*) FROM alert"), std::vector<std::string>{"3"});
}

TEST_F(InboxBackupTest, RestoreKeepsTheOldOneAsideAndGivesNoNumberTwice) {
    open();
    append_range(1, 2);
    make(copy_);
    append_range(3, 5);
    const auto running = restore(copy_, path(), log_);
    ASSERT_FALSE(running.ok());
    EXPECT_EQ(running.error().code, base::ErrorCode::kInboxInUse);
    close();
    const Restored restored = put_back(copy_);
    EXPECT_EQ(restored.alerts, 2);
    EXPECT_EQ(restored.kept_aside, path() + ".before-restore");
    EXPECT_EQ(rows(restored.kept_aside, "SELECT count(*) FROM alert"),
              std::vector<std::string>{"5"});
    open();
    EXPECT_TRUE(append(alert(2)).duplicate);
    EXPECT_EQ(append(alert(3)).id, 6) << "3 to 5 were other alerts";
    close();
    EXPECT_EQ(put_back(copy_).kept_aside, path() + ".before-restore-2");
}

TEST_F(InboxBackupTest, RestoreTakesACrashedInboxWithItsLogAside) {
    open();
    append_range(1, 2);
    make(copy_);
    append_range(3, 5);
    fs::copy_file(path(), folder_ / "crash.db");
    fs::copy_file(path() + "-wal", folder_ / "crash.db-wal");
    close();
    fs::rename(folder_ / "crash.db", path());
    fs::rename(folder_ / "crash.db-wal", path() + "-wal");
    const Restored restored = put_back(copy_);
    EXPECT_TRUE(fs::exists(restored.kept_aside + "-wal"));
    EXPECT_FALSE(fs::exists(path() + "-wal"));
    open();
    EXPECT_EQ(counts().alerts, 2);
    EXPECT_EQ(append(alert(9)).id, 6);
    // The old one can be put back as well, with its log.
    close();
    EXPECT_EQ(put_back(restored.kept_aside).alerts, 5);
}

/// The states between the steps of a restore of 2 alerts over a crashed inbox with 5.
class InterruptedRestoreTest : public InboxBackupTest {
 protected:
    void SetUp() override {
        open();
        append_range(1, 2);
        make(copy_);
        append_range(3, 5);
        fs::copy_file(path(), folder_ / "crash.db");
        fs::copy_file(path() + "-wal", folder_ / "crash.db-wal");
        close();
        fs::rename(folder_ / "crash.db", path());
        fs::rename(folder_ / "crash.db-wal", path() + "-wal");
        write_bytes(path() + ".new", "half");
    }
    void link_aside(const std::string& suffix) {
        fs::create_hard_link(path() + suffix, aside_ + suffix);
    }
    /// What `check` sees is that a start will heal it.
    void expect_alerts(std::int64_t alerts) {
        EXPECT_NO_THROW(check_place(path()));
        EXPECT_EQ(look_at_log(path()).refusal, "");
        open();
        EXPECT_EQ(counts().alerts, alerts);
        EXPECT_FALSE(fs::exists(path() + ".new"));
    }
    const std::string aside_ = path() + ".before-restore";
};

TEST_F(InterruptedRestoreTest, BeforeTheOldOneHasBothItsNames) {
    link_aside("");
    expect_alerts(5);
    EXPECT_FALSE(fs::exists(aside_));
}

TEST_F(InterruptedRestoreTest, BeforeTheNewOneHasItsPlace) {
    link_aside("");
    link_aside("-wal");
    expect_alerts(5);
    EXPECT_FALSE(fs::exists(aside_));
    EXPECT_FALSE(fs::exists(aside_ + "-wal"));
}

TEST_F(InterruptedRestoreTest, BeforeTheOldLogIsGone) {
    link_aside("");
    link_aside("-wal");
    fs::copy_file(copy_, folder_ / "restored.db");
    fs::rename(folder_ / "restored.db", path());
    expect_alerts(2);
    close();
    EXPECT_EQ(put_back(aside_).alerts, 5) << "the old one, with its log";
}

TEST_F(InterruptedRestoreTest, ASecondOneDoesWhatTheFirstDidNot) {
    link_aside("");
    link_aside("-wal");
    EXPECT_EQ(put_back(copy_).kept_aside, aside_);
    expect_alerts(2);
    close();
    EXPECT_EQ(put_back(aside_).alerts, 5);
}

TEST_F(InboxBackupTest, ADamagedCopyChangesNothing) {
    open();
    append_large(1, 10);
    make(copy_);
    close();
    std::string bytes = read_bytes(copy_);
    std::fill(bytes.begin() + 8192, bytes.begin() + 40'000, '\x5a');
    write_bytes(folder_ / "damaged.db", bytes);
    write_bytes(folder_ / "text.db", "no inbox");
    const std::string before = read_bytes(path());
    const auto names = folder_.names();
    for (const char* name : {"damaged.db", "text.db", "none.db"}) {
        EXPECT_FALSE(restore(folder_ / name, path(), log_).ok()) << name;
        EXPECT_EQ(read_bytes(path()), before);
        EXPECT_EQ(folder_.names(), names);
    }
    EXPECT_FALSE(restore(path(), path(), log_).ok());
    EXPECT_EQ(put_back(copy_).alerts, 10);
}

TEST_F(InboxBackupTest, ARestoreThatFindsNoRoomChangesNothing) {
    open();
    append_large(1, 40);
    make(copy_);
    append_range(41, 42);
    close();
    const auto names = folder_.names();
    const std::string before = read_bytes(path());
    {
        const SmallFiles only;
        EXPECT_FALSE(restore(copy_, path(), log_).ok());
    }
    EXPECT_EQ(folder_.names(), names);
    EXPECT_TRUE(read_bytes(path()) == before);
    EXPECT_EQ(put_back(copy_).alerts, 40);
}

TEST_F(InboxBackupTest, RestoreMakesAnInboxWhereThereWasNone) {
    open();
    append_range(1, 2);
    make(copy_);
    close();
    const std::string other = folder_ / "other.db";
    const auto restored = restore(copy_, other, log_);
    ASSERT_TRUE(restored.ok()) << restored.error().text;
    EXPECT_EQ(restored.value().kept_aside, "");
    EXPECT_EQ(restored.value().last_alert_id, 2);
}

}  // namespace
}  // namespace incm::inbox::sqlite::test
